"""The third place: every run there is, sorted, filtered, marked, and what can be done with them."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from rotui.store.listing import ListedRun
from rotui.text import printable
from rotui.tui.charts.charting import SIGNS
from rotui.tui.exporting import export_table
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.screens.compare import CompareScreen
from rotui.tui.screens.run_changes import RunChanges, numbers
from rotui.tui.screens.run_dialogs import ColumnDialog
from rotui.tui.tables.run_columns import chosen_columns, exported, in_column_order, run_column
from rotui.tui.widgets.filter_line import FilterLine
from rotui.tui.widgets.table_messages import MarksChanged, RowHighlighted, RowSelected, SortAsked
from rotui.tui.widgets.virtual_table import VirtualTable

TABLE = "runs"
"""What the arrangement of the table is remembered under."""


class RunsScreen(RunChanges):
    """Every run. What is done is done to the marked rows in view, or else to the row under the cursor."""

    DEFAULT_CSS = """
    RunsScreen {
        & #runs { height: 1fr; scrollbar-size-vertical: 1; }
        & #unreadable, & #about-run { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & #unreadable.hidden { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="runs.filter", tooltip="Show only the runs that fit"),
        Binding("c", "compare", "Compare", id="runs.compare", tooltip="The marked runs side by side"),
        Binding("C", "columns", "Columns", id="runs.columns", tooltip="Choose the columns"),
        Binding("x", "export", "Export", id="runs.export", tooltip="These rows and columns as a file"),
        Binding("y", "copy", "Copy", id="runs.copy", show=False, tooltip="Copy the path of its directory"),
        Binding(
            "escape",
            "clear",
            "Clear",
            id="runs.clear",
            show=False,
            tooltip="Clear the filter, then take the marks away",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._version = -1
        self._sorted: list[ListedRun] = []
        self._sort_key, self._reverse = "number", True
        self._columns = chosen_columns(None)

    def compose_place(self) -> ComposeResult:
        """The filter, the table, and a line about the run under the cursor."""
        yield FilterLine(self.console_app.view_state.filter, id="filter-line")
        yield VirtualTable[ListedRun](id="runs")
        yield Static(id="unreadable", classes="fault hidden", markup=False)
        yield Static(id="about-run", markup=False)

    def on_mount(self) -> None:
        """Arranges the table as it was the last time."""
        kept = self.console_app.view_state.tables.get(TABLE, {})
        self._sort_key = run_column(str(kept.get("sort", "number"))).key
        self._reverse = bool(kept.get("reverse", True))
        columns = kept.get("columns")
        self._columns = chosen_columns(map(str, columns) if isinstance(columns, list) else None)
        self._table.set_columns([each.column for each in self._columns])
        self._table.show_order(self._sort_key, self._reverse)
        self.set_focus(self._table)

    @property
    def _table(self) -> VirtualTable[ListedRun]:
        return self.query_one("#runs", VirtualTable)

    @property
    def _filter_line(self) -> FilterLine:
        return self.query_one(FilterLine)

    def show(self, snapshot: Snapshot) -> None:
        """Sorts and filters anew where the runs are others than before."""
        if snapshot.version == self._version:
            return
        self._version = snapshot.version
        known = {run.name for run in snapshot.runs}
        self._table.set_marked(self._table.marked & known)
        unreadable = self.query_one("#unreadable", Static)
        unreadable.set_class(not snapshot.unreadable, "hidden")
        if snapshot.unreadable:
            unreadable.update(
                f"{len(snapshot.unreadable)} cannot be read: {printable(snapshot.unreadable[0])}"
            )
        self._sort()

    def _sort(self) -> None:
        self._sorted = in_column_order(self.console_app.snapshot.runs, self._sort_key, self._reverse)
        self._fit()

    def _fit(self) -> None:
        fits = self._filter_line.filter.fits
        self._table.empty = self._why_empty()
        self._table.set_rows([run for run in self._sorted if fits(run)], key=lambda run: run.name)
        self._tell_count()
        self._tell_about(self._table.cursor_row)

    def _why_empty(self) -> str:
        if self._sorted:
            return "no run fits the filter: escape clears it"
        if self.console_app.snapshot.version == 0:
            return "looking for runs"
        return "no runs yet: choose a profile in the console (1) and queue it"

    def _tell_count(self) -> None:
        shown, total = len(self._table.rows), len(self._sorted)
        marked, in_view = len(self._table.marked), len(self._table.marked_rows)
        text = f"{total} runs" if shown == total else f"{shown} of {total} runs"
        if marked:
            text += f" · {marked} marked"
        if marked > in_view:
            text += f", {marked - in_view} of them hidden"
        self._filter_line.set_count(text if self.size.width >= 60 else text.replace(" runs", ""))

    def _tell_about(self, run: ListedRun | None) -> None:
        parts = []
        if run is not None:
            told = f"{run.status}: {run.reason}" if run.reason else run.status
            parts = [run.name, told, run.settings, run.note, ", ".join(run.tags)]
        text = "  ·  ".join(printable(part, 300) for part in parts if part)
        about = self.query_one("#about-run", Static)
        if str(about.content) != text:
            about.update(text, layout=False)

    def _remember(self) -> None:
        self.console_app.view_state.tables[TABLE] = {
            "sort": self._sort_key,
            "reverse": self._reverse,
            "columns": [each.key for each in self._columns],
        }

    @on(FilterLine.Changed)
    def use_filter(self, message: FilterLine.Changed) -> None:
        """Shows the runs that fit, and remembers the filter."""
        self.console_app.view_state.filter = message.text
        self._fit()

    @on(FilterLine.Left)
    def leave_filter(self) -> None:
        """Back to the rows."""
        self._table.focus()

    @on(SortAsked)
    def sort_by(self, message: SortAsked) -> None:
        """Another order."""
        self._sort_key, self._reverse = message.column_key, message.reverse
        self._table.show_order(self._sort_key, self._reverse)
        self._remember()
        self._sort()

    @on(RowHighlighted)
    def tell_about(self, message: RowHighlighted) -> None:
        """What the row has no room for."""
        self._tell_about(message.row)

    @on(MarksChanged)
    def count_marks(self) -> None:
        """How many are marked."""
        self._tell_count()

    @on(RowSelected)
    def open_run(self, message: RowSelected) -> None:
        """Shows the run in full."""
        self.console_app.open_run(message.row.name)

    def action_filter(self) -> None:
        """Goes to the filter."""
        self._filter_line.type()

    def action_clear(self) -> None:
        """Clears the filter, or where there is none the marks."""
        if self.console_app.view_state.filter or not self._table.marked:
            self._filter_line.clear()
        else:
            self._table.set_marked(frozenset())

    def action_columns(self) -> None:
        """Asks which columns to show."""
        self.app.push_screen(ColumnDialog([each.key for each in self._columns]), self._show_columns)

    def _show_columns(self, keys: Sequence[str] | None) -> None:
        if keys is not None:
            self._columns = chosen_columns(keys)
            self._table.set_columns([each.column for each in self._columns])
            self._remember()

    def action_compare(self) -> None:
        """Lays the marked runs side by side, also those that the filter hides now."""
        names = [run.name for run in self.console_app.snapshot.runs if run.name in self._table.marked]
        if len(names) < 2:
            self.notify("mark two or more runs with space, then compare them", severity="warning")
        elif len(names) > len(SIGNS):
            self.notify(
                f"{len(names)} runs are marked; at most {len(SIGNS)} curves can be told apart",
                severity="warning",
            )
        else:
            self.app.push_screen(CompareScreen(names))

    def action_export(self) -> None:
        """Writes the rows and columns in view to a file."""
        export_table(
            self,
            "rotui-runs",
            f"{len(self._table.rows)} runs",
            lambda: exported(self._table.rows, self._columns),
        )

    def action_copy(self) -> None:
        """Copies the paths of the chosen runs' directories, a line each, by the terminal (OSC 52)."""
        chosen = self.chosen()
        if chosen:
            folder = self.console_app.workplace.runs_dir.absolute()
            self.app.copy_to_clipboard("\n".join(printable(folder / run.name, 4096) for run in chosen))
            self.notify(f"{numbers(chosen)}: path copied", timeout=2, markup=False)

    def chosen(self) -> list[ListedRun]:
        """The marked rows in view by number, or else the row under the cursor."""
        row = self._table.cursor_row
        marked = sorted(self._table.marked_rows, key=lambda run: run.number)
        return marked or ([row] if row is not None else [])
