"""The comparison of one experiment: its table and the notes that explain it."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rotui.results.rows import Row
from rotui.tui.comparison_view import ComparisonView
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.tables.result_table import TableRow, notes_text, table_columns, table_rows
from rotui.tui.widgets.virtual_table import VirtualTable

SHORT_BELOW = 132
"""Columns of the screen below which stages have their short titles."""


class ComparisonTable(VirtualTable[TableRow]):
    """The comparison in its own order, which says something: it is neither sorted nor marked."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves out what has no meaning here."""
        unused = ("sort", "sort_down", "choose", "mark")
        return action not in unused and super().check_action(action, parameters)


class ComparisonPane(Vertical):
    """Table and notes. It is told of the view again with each snapshot, whose shares of what is being trained
    are newer; columns are changed only where their widths are others."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view: ComparisonView | None = None
        self._widths: list[tuple[str, int]] = []
        self._notes = Text()

    def compose(self) -> ComposeResult:
        """The table above the notes, which scroll."""
        yield ComparisonTable(empty="looking…", id="comparison")
        with VerticalScroll(id="notes"):
            yield Static(id="notes-text", markup=False)

    @property
    def table(self) -> ComparisonTable:
        """The table."""
        return self.query_one(ComparisonTable)

    @property
    def row(self) -> Row | None:
        """The comparison's row under the cursor."""
        cursor = self.table.cursor_row
        return cursor.row if cursor is not None else None

    def show(self, view: ComparisonView, snapshot: Snapshot) -> None:
        """Shows the comparison as of this snapshot."""
        self._view = view
        rows = table_rows(view, snapshot)
        columns = table_columns(view.comparison, rows, short=self.screen.size.width < SHORT_BELOW)
        widths = [(column.title, column.width) for column in columns]
        if widths != self._widths:
            self._widths = widths
            self.table.set_columns(columns)
        self.table.styles.height = len(rows) + 1
        self.table.set_rows(rows, key=lambda row: row.key)
        self.call_after_refresh(self._show_notes)

    def _show_notes(self) -> None:
        """The notes, among them which columns the table had no room for when it was drawn."""
        if self._view is None:
            return
        shown = [column.key for column in self.table.visible_columns]
        left_out = [column.title for column in self.table.columns if column.key not in shown]
        notes = notes_text(self._view, left_out if shown else ())
        if notes != self._notes:
            self._notes = notes
            self.query_one("#notes-text", Static).update(notes)
