"""Curves as terminal cells: lines of braille dots with each series' sign on them, apart from any widget."""

from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len

Role = str | int
"""What a cell belongs to: the index of a series, or the name of a part of the chart."""

Run = tuple[str, Role]
"""Neighbouring cells of one role."""


def _patterns(*bits: int) -> list[int]:
    return [sum(bit for place, bit in enumerate(bits) if dots >> place & 1) for dots in range(16)]


LEFT, RIGHT = _patterns(0x40, 0x04, 0x02, 0x01), _patterns(0x80, 0x20, 0x10, 0x08)
"""Braille patterns of the four dots of a cell's left and right half, counted from below."""


class Canvas:
    """`columns` by `rows` cells of 2 by 4 dots; points are placed by x and y from 0 to 1, from left and
    below. A column of dots is one integer, so that a line costs its columns and not its dots."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._width = 2 * columns
        self._height = 4 * rows
        self._layers: list[tuple[Role, list[int]]] = []
        self._under: dict[tuple[int, int], tuple[str, Role]] = {}
        self._over: dict[tuple[int, int], tuple[str, Role]] = {}

    def row(self, y: float) -> int:
        """The row of cells in which y is, counted from above."""
        return self.rows - 1 - self._dot(y, self._height) // 4

    def column(self, x: float) -> int:
        """The column of cells in which x is."""
        return self._dot(x, self._width) // 2

    def polyline(self, points: Sequence[tuple[float, float]], role: Role) -> None:
        """Joins the points, which rise in x, by straight lines over what was drawn before."""
        masks = [0] * self._width
        places = [(x * (self._width - 1), y * (self._height - 1)) for x, y in points]
        if len(places) == 1:
            self._span(masks, round(places[0][0]), places[0][1], places[0][1])
        for (x0, y0), (x1, y1) in pairwise(places):
            first, last = round(x0), round(x1)
            if first == last:
                self._span(masks, first, y0, y1)
                continue
            slope = (y1 - y0) / (x1 - x0)
            for column in range(max(first, 0), min(last, self._width - 1) + 1):
                enters = y0 + slope * (max(column - 0.5, x0) - x0)
                leaves = y0 + slope * (min(column + 0.5, x1) - x0)
                self._span(masks, column, enters, leaves)
        self._layers.append((role, masks))

    def sign(self, x: float, y: float, sign: str, role: Role) -> None:
        """Puts a sign over the cell of this point, if it is on the canvas."""
        if 0 <= x <= 1 and 0 <= y <= 1:
            self._over[self.row(y), self.column(x)] = (sign, role)

    def horizontal(self, y: float, label: str, role: Role) -> None:
        """A dashed line under the curves, with its label where it hides least of them."""
        if not 0 <= y <= 1:
            return
        row = self.row(y)
        for column in range(self.columns):
            self._under[row, column] = ("╌", role)
        text = f" {label} "
        if label and cell_len(text) == len(text) <= self.columns - 2:
            starts = (1, self.columns - len(text) - 1)
            busy = [sum(self._busy(row, start + offset) for offset in range(len(text))) for start in starts]
            start = starts[0] if busy[0] < busy[1] else starts[1]
            for offset, character in enumerate(text):
                self._over[row, start + offset] = (character, role)

    def vertical(self, x: float, role: Role) -> None:
        """A dashed line under the curves."""
        if 0 <= x <= 1:
            column = self.column(x)
            for row in range(self.rows):
                self._under[row, column] = ("┆", role)

    def lines(self) -> list[list[Run]]:
        """The rows from above, each of runs that together are `columns` cells wide."""
        cells: list[list[tuple[str, Role]]] = [[(" ", "")] * self.columns for _ in range(self.rows)]
        for (row, column), cell in self._under.items():
            cells[row][column] = cell
        dots = [[0] * self.columns for _ in range(self.rows)]
        for role, masks in self._layers:
            for column in range(self.columns):
                left, right = masks[2 * column], masks[2 * column + 1]
                both = left | right
                if not both:
                    continue
                lowest, highest = ((both & -both).bit_length() - 1) // 4, (both.bit_length() - 1) // 4
                for height in range(lowest, highest + 1):
                    drawn = LEFT[left >> 4 * height & 15] | RIGHT[right >> 4 * height & 15]
                    if drawn:
                        row = self.rows - 1 - height
                        dots[row][column] |= drawn
                        cells[row][column] = (chr(0x2800 + dots[row][column]), role)
        for (row, column), cell in self._over.items():
            cells[row][column] = cell
        return [_runs(row) for row in cells]

    def _dot(self, share: float, dots: int) -> int:
        return min(max(round(share * (dots - 1)), 0), dots - 1)

    def _span(self, masks: list[int], column: int, y0: float, y1: float) -> None:
        low, high = max(round(min(y0, y1)), 0), min(round(max(y0, y1)), self._height - 1)
        if low <= high and 0 <= column < self._width:
            masks[column] |= ((1 << (high - low + 1)) - 1) << low

    def _busy(self, row: int, column: int) -> bool:
        below = 4 * (self.rows - 1 - row)
        return (row, column) in self._over or any(
            (masks[2 * column] | masks[2 * column + 1]) >> below & 15 for _, masks in self._layers
        )


def _runs(cells: Sequence[tuple[str, Role]]) -> list[Run]:
    runs: list[Run] = []
    text, role = "", cells[0][1] if cells else ""
    for character, next_role in cells:
        if next_role != role:
            runs.append((text, role))
            text, role = "", next_role
        text += character
    runs.append((text, role))
    return runs


BARS = "▁▂▃▄▅▆▇█"


def sparkline(ys: Sequence[float]) -> str:
    """One bar per value, as high as the value is among the others."""
    if not ys:
        return ""
    low, high = min(ys), max(ys)
    span = (high - low) or 1.0
    return "".join(BARS[min(int((y - low) / span * len(BARS)), len(BARS) - 1)] for y in ys)
