"""The small questions of the place of runs: a line of text, and which columns to show."""

from collections.abc import Collection
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from rotui.tui.tables.run_columns import ALWAYS, RUN_COLUMNS, RunColumn
from rotui.tui.widgets.still_input import StillInput
from rotui.tui.widgets.table_messages import RowSelected
from rotui.tui.widgets.virtual_table import Column, VirtualTable

CHOICES = [column for column in RUN_COLUMNS if column.key != ALWAYS]
"""The columns that need not be there."""


class LineDialog(ModalScreen[str | None]):
    """Asks for a line of text; None where it is left as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="line.back", tooltip="Change nothing")
    ]

    def __init__(self, title: str, text: str, hint: str, *, longest: int) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._hint = hint
        self._longest = longest

    def compose(self) -> ComposeResult:
        """The line between what it is for and how it is written."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield StillInput(
                self._text, id="line", compact=True, max_length=self._longest, select_on_focus=False
            )
            yield Static(self._hint, classes="dialog-note", markup=False)

    @on(Input.Submitted)
    def answer(self, message: Input.Submitted) -> None:
        """Enter takes the line."""
        self.dismiss(None if message.value == self._text else message.value)


class ColumnDialog(ModalScreen[tuple[str, ...] | None]):
    """Asks which columns to show; they stay in their order."""

    DEFAULT_CSS = """
    ColumnDialog #columns { height: 16; max-height: 70vh; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "all", "All", id="columns.all", tooltip="Mark every column, or none"),
        Binding("escape,q,C", "dismiss(None)", "Back", id="columns.back", tooltip="As it was"),
    ]

    def __init__(self, chosen: Collection[str]) -> None:
        super().__init__()
        self._chosen = frozenset(chosen) - {ALWAYS}

    def compose(self) -> ComposeResult:
        """A table of columns, in which those that are shown are marked."""
        with Vertical(classes="dialog"):
            yield VirtualTable[RunColumn](
                (
                    Column("title", "column", lambda each: each.column.title, width=13),
                    Column("about", "what it tells", lambda each: each.about, width=20, max_width=60),
                ),
                id="columns",
            )
            yield Static("space marks · a all or none · enter takes", classes="dialog-note")

    def on_mount(self) -> None:
        """The columns as they are now."""
        self._table.set_rows(CHOICES, key=lambda each: each.key)
        self._table.set_marked(self._chosen)

    @on(RowSelected)
    def accept(self) -> None:
        """Enter takes what is marked."""
        self.dismiss(tuple(each.key for each in self._table.marked_rows))

    def action_all(self) -> None:
        """Marks every column, or none where all are."""
        every = frozenset(each.key for each in CHOICES)
        self._table.set_marked(frozenset() if self._table.marked == every else every)

    @property
    def _table(self) -> "VirtualTable[RunColumn]":
        return self.query_one("#columns", VirtualTable)
