"""The lines of a table as text: which columns are shown, how wide they are, and what stands in them."""

from collections.abc import Sequence
from typing import Generic

from rich.style import Style
from rich.text import Text

from rotui.text import printable
from rotui.tui.tables.table_columns import (
    GAP,
    Column,
    Row,
    fitted_text,
    grown,
    kept_columns,
    least_width,
    shown_text,
)

GUTTER = 3
"""Cells left of the first column: the cursor's sign, the mark and a blank."""


class TableLayout(Generic[Row]):
    """Columns, the order that their header shows, and their widths. Widths grow with what is on the screen
    but do not shrink while one scrolls, so that nothing wobbles."""

    def __init__(self, columns: Sequence[Column[Row]]) -> None:
        self.columns = tuple(columns)
        self.order: tuple[str | None, bool] = (None, False)
        self.chosen: str | None = None
        self.shown: list[tuple[Column[Row], int]] = []
        self._wanted: dict[str, int] = {}
        self._cells: dict[tuple[int, str], Text] = {}

    @property
    def keys(self) -> list[str]:
        """The keys of the columns that are shown."""
        return [column.key for column, _ in self.shown]

    def forget(self, *, widths: bool) -> None:
        """The rows are others: what was made of them does not hold, and neither do the widths if told so."""
        self._cells.clear()
        if widths:
            self._wanted.clear()

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Takes these columns instead."""
        self.forget(widths=[each.key for each in columns] != [each.key for each in self.columns])
        self.columns = tuple(columns)

    def choose(self, steps: int) -> None:
        """Chooses the column that many further to the right as the one to sort by."""
        keys = self.keys
        if keys:
            place = keys.index(self.chosen) if self.chosen in keys else -1 if steps > 0 else 0
            self.chosen = keys[(place + steps) % len(keys)]

    def column_to_sort_by(self) -> str | None:
        """The chosen column, or else the first."""
        return self.chosen if self.chosen in self.keys else next(iter(self.keys), None)

    def column_at(self, x: int) -> str | None:
        """The column in which the cell at `x` of a line is."""
        start = GUTTER
        for column, width in self.shown:
            if start <= x < start + width + GAP:
                return column.key
            start += width + GAP
        return None

    def fit(self, rows: Sequence[Row], on_screen: range, width: int) -> bool:
        """Chooses columns and widths for lines of `width` cells; True where they are others than before."""
        room = max(width - GUTTER, 0)
        least = [least_width(column, sorted_by=column.key == self.order[0]) for column in self.columns]
        kept = kept_columns(self.columns, least, room)
        columns = [self.columns[index] for index in kept]
        for column in columns:
            widest = max((self._cell(rows, place, column).cell_len for place in on_screen), default=0)
            self._wanted[column.key] = max(min(widest, column.max_width), self._wanted.get(column.key, 0))
        wanted = [self._wanted[column.key] for column in columns]
        widths = grown([least[index] for index in kept], wanted, [column.rank for column in columns], room)
        before, self.shown = self.shown, list(zip(columns, widths, strict=True))
        return self.shown != before

    def line(self, rows: Sequence[Row], place: int, *, cursor: bool, marked: bool) -> Text:
        """The row at `place`."""
        cells = [
            fitted_text(self._cell(rows, place, column), width, column.justify)
            for column, width in self.shown
        ]
        gutter = f"{'▸' if cursor else ' '}{'●' if marked else ' '} "
        return Text.assemble(gutter, Text(" " * GAP).join(cells))

    def header(self, ordinary: Style, chosen: Style) -> Text:
        """The titles, with the sign of the order at the column that it goes by."""
        titles = []
        for column, width in self.shown:
            sign = "" if column.key != self.order[0] else "▼" if self.order[1] else "▲"
            style = chosen if column.key == self.chosen else ordinary
            titles.append(fitted_text(Text(printable(column.title) + sign, style), width, column.justify))
        return Text.assemble(" " * GUTTER, Text(" " * GAP).join(titles))

    def _cell(self, rows: Sequence[Row], place: int, column: Column[Row]) -> Text:
        text = self._cells.get((place, column.key))
        if text is None:
            text = self._cells[place, column.key] = shown_text(column.cell(rows[place]))
        return text
