"""Which columns of a table fit a width and how wide each is, apart from any widget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from rich.cells import cell_len
from rich.text import Text

from rotui.text import printable

GAP = 2
"""Blank terminal cells between two columns."""

Row = TypeVar("Row")

Justify = Literal["left", "right"]


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: `width` cells at least, up to `max_width` where content and room ask for it. `rank` 0
    always stays; of the others those with the highest rank go first where there is no room. Columns that are
    laid out alike are equal."""

    key: str
    title: str
    cell: Callable[[Row], str | Text] = field(compare=False)
    width: int = 4
    justify: Justify = "left"
    rank: int = 0
    max_width: int = 40


def least_width(column: Column[Row], *, sorted_by: bool) -> int:
    """What a column takes at least: its title, with the sign of the order where the table is sorted by it."""
    return max(column.width, cell_len(column.title) + sorted_by)


def total_width(widths: Sequence[int]) -> int:
    """What columns of these widths take with the gaps between them."""
    return sum(widths) + GAP * max(0, len(widths) - 1)


def kept_columns(columns: Sequence[Column[Row]], least: Sequence[int], room: int) -> list[int]:
    """The indices of the columns that fit `room` cells at their least widths."""
    kept = list(range(len(columns)))
    while total_width([least[index] for index in kept]) > room and any(columns[each].rank for each in kept):
        kept.remove(max(kept, key=lambda index: (columns[index].rank, index)))
    left_out = [index for index in range(len(columns)) if index not in kept]
    for index in sorted(left_out, key=lambda index: columns[index].rank):
        again = sorted([*kept, index])
        if total_width([least[each] for each in again]) <= room:
            kept = again
    return kept


def grown(least: Sequence[int], wanted: Sequence[int], ranks: Sequence[int], room: int) -> list[int]:
    """Widths between least and wanted: spare room goes to columns of low rank first."""
    widths = list(least)
    spare = room - total_width(widths)
    for index in sorted(range(len(widths)), key=lambda index: ranks[index]):
        more = max(0, min(wanted[index] - widths[index], spare))
        widths[index] += more
        spare -= more
    return widths


def shown_text(content: str | Text) -> Text:
    """A cell's content on one line, with nothing in it that a terminal could obey."""
    if isinstance(content, Text):
        return content if content.plain.isprintable() else Text(printable(content.plain), style=content.style)
    return Text(content if content.isascii() and content.isprintable() else printable(content))


def fitted_text(text: Text, width: int, justify: Justify) -> Text:
    """`text` in exactly `width` terminal cells, cut with an ellipsis where it is longer."""
    length = cell_len(text.plain)
    if length > width:
        text = text.copy()
        text.truncate(width, overflow="ellipsis")
        length = cell_len(text.plain)
    blank = " " * (width - length)
    if not blank:
        return text
    return Text.assemble(blank, text) if justify == "right" else Text.assemble(text, blank)
