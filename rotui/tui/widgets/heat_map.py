"""A confusion matrix: which classes a network takes for which."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Click
from textual.geometry import Region, Size, Spacing
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rotui.text import printable

HEADER = 2
"""Lines above the cells: what is what, and the predicted classes."""

FOOTER = 1
"""The line below them, on the cell under the cursor."""

ACCURACY = 8
"""Cells at the right for the share of a class that is recognised."""

BOLD = 20
"""Percent from which on a share stands out."""

LAYOUTS = ((4, False), (3, False), (4, True), (3, True), (2, True), (1, True))
"""Widths of a cell, and whether numbers head the columns instead of names; the first that fits is taken."""

NAME = 16
"""Cells at the left for the name of a class, at most."""


class HeatMap(ScrollView, can_focus=True):
    """Counts by true class (rows) and predicted class (columns), as percent of the true class. Digits where
    there is room, else shades; the arrows choose a cell, whose counts stand below."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "heat-map--right",
        "heat-map--wrong",
        "heat-map--none",
        "heat-map--name",
        "heat-map--cursor",
    }
    DEFAULT_CSS = """
    HeatMap {
        height: 1fr;
        & > .heat-map--right { color: $text-success; }
        & > .heat-map--wrong { color: $text-error; }
        & > .heat-map--none { color: $text-muted; }
        & > .heat-map--name { color: $text-muted; }
        & > .heat-map--cursor { text-style: bold underline; }
        &:focus > .heat-map--cursor { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="heat.up", tooltip="One true class up"),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="heat.down", tooltip="One true class down"),
        Binding(
            "left,h", "move(0, -1)", "Left", show=False, id="heat.left", tooltip="One predicted class left"
        ),
        Binding(
            "right,l", "move(0, 1)", "Right", show=False, id="heat.right", tooltip="One predicted class right"
        ),
        Binding("w", "worst", "Worst", id="heat.worst", tooltip="The next most frequent mistake"),
    ]

    def __init__(
        self,
        classes_shown: Sequence[str] = (),
        confusion: Sequence[Sequence[int]] = (),
        *,
        empty: str = "no confusion matrix yet",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._empty = empty
        self._names: list[str] = []
        self._counts: list[list[int]] = []
        self._totals: list[int] = []
        self._mistakes: list[tuple[int, int]] = []
        self._cursor = (0, 0)
        self._left, self._cell_width, self._numbered = 1, 1, False
        self._take(classes_shown, confusion)

    @property
    def cursor(self) -> tuple[int, int]:
        """The true and the predicted class of the chosen cell."""
        return self._cursor

    def set_matrix(self, classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> None:
        """Shows `confusion[true][predicted]`."""
        self._take(classes, confusion)
        self._measure()
        self.refresh()

    def _take(self, classes: Sequence[str], confusion: Sequence[Sequence[int]]) -> None:
        size = min(len(classes), len(confusion))
        self._names = [printable(name, 60) for name in classes[:size]]
        self._counts = [[*row[:size], *([0] * (size - len(row)))] for row in confusion[:size]]
        self._totals = [sum(row) for row in self._counts]
        wrong = [(true, guess) for true in range(size) for guess in range(size) if true != guess]
        self._mistakes = sorted(
            (cell for cell in wrong if self._counts[cell[0]][cell[1]]),
            key=lambda cell: -self._counts[cell[0]][cell[1]],
        )
        self._cursor = (min(self._cursor[0], max(size - 1, 0)), min(self._cursor[1], max(size - 1, 0)))

    def _measure(self) -> None:
        """Chooses cells of 4 or 3 for digits, else of 2 or 1 for shades, which numbers head."""
        count = len(self._names)
        room = self._width - ACCURACY
        longest = max(map(cell_len, self._names), default=0)
        for self._cell_width, self._numbered in LAYOUTS:
            heads = {name[: self._cell_width - 1] for name in self._names}
            number = len(str(count - 1)) + 1 if self._numbered else 0
            self._left = min(longest, NAME) + number + 1
            distinct = self._numbered or len(heads) == count
            if distinct and self._left + count * self._cell_width <= room:
                break
        self.virtual_size = Size(self._left + count * self._cell_width + ACCURACY, count + HEADER + FOOTER)

    @property
    def _width(self) -> int:
        return self.size.width - self.scrollbar_size_vertical

    @property
    def _height(self) -> int:
        return self.size.height - self.scrollbar_size_horizontal

    def watch_show_vertical_scrollbar(self) -> None:
        """The scrollbar takes its cells from the lines."""
        self._measure()
        self.refresh()

    def on_mount(self) -> None:
        self._measure()

    def on_resize(self) -> None:
        self._measure()

    def move_to(self, true: int, predicted: int) -> None:
        """Chooses a cell and scrolls to it."""
        last = max(len(self._names) - 1, 0)
        self._cursor = (min(max(true, 0), last), min(max(predicted, 0), last))
        width = self._cell_width
        cell = Region(self._left + self._cursor[1] * width, HEADER + self._cursor[0], width, 1)
        around = Spacing(HEADER, ACCURACY, FOOTER, self._left)
        self.scroll_to_region(cell, spacing=around, animate=False, force=True)
        self.refresh()

    def action_move(self, rows: int, columns: int) -> None:
        self.move_to(self._cursor[0] + rows, self._cursor[1] + columns)

    def action_worst(self) -> None:
        if self._mistakes:
            place = self._mistakes.index(self._cursor) + 1 if self._cursor in self._mistakes else 0
            self.move_to(*self._mistakes[place % len(self._mistakes)])

    def on_click(self, event: Click) -> None:
        point = event.get_content_offset(self)
        if point is not None and HEADER <= point.y < self._height - FOOTER:
            column = (point.x - self._left + self.scroll_offset.x) // self._cell_width
            if point.x >= self._left and column < len(self._names):
                self.move_to(point.y - HEADER + self.scroll_offset.y, column)

    def render_line(self, y: int) -> Strip:
        width, style = self._width, self.rich_style
        if not self._names:
            text = self._empty if y == self._height // 2 else ""
            muted = style + self._part("none")
            return Strip([Segment(f"{text:^{width}}"[:width], muted)])
        if y >= self._height - FOOTER:
            return Strip([Segment(self._told(), style)]).adjust_cell_length(width, style)
        if y < HEADER:
            name, heads, accuracy = self._header(y)
            cells = [Segment(heads, self._part("name"))]
        else:
            true = y - HEADER + self.scroll_offset.y
            if true >= len(self._names):
                return Strip.blank(width, style)
            name, cells, accuracy = self._row(true)
        area = max(width - self._left - ACCURACY, 0)
        shown = Strip(cells).crop(self.scroll_offset.x, self.scroll_offset.x + area)
        used = min(area, self._cell_width * len(self._names))
        line = [
            Segment(fitted(name, self._left - 1) + " ", self._part("name")),
            *shown.adjust_cell_length(used),
            Segment(f"{accuracy:>{ACCURACY}}", self._part("name") if y < HEADER else Style()),
        ]
        return Strip(line).adjust_cell_length(width).apply_style(style)

    def _header(self, y: int) -> tuple[str, str, str]:
        width, count = self._cell_width, len(self._names)
        if not self._numbered:
            heads = "".join(fitted_head(name, width - 1).rjust(width) for name in self._names)
        elif width > 2:
            heads = "".join(f"{index:>{width}}" for index in range(count))
        else:
            heads = "".join(f"{index % 10:>{width}}" for index in range(count))
            tens = "".join(f"{index // 10 % 10 if index > 9 else '':>{width}}" for index in range(count))
            if y == 0 and count > 10:
                return "true ↓", tens, ""
        return ("", heads, "correct") if y else ("true ↓", "predicted →".ljust(len(heads)), "")

    def _row(self, true: int) -> tuple[str, list[Segment], str]:
        total, width = self._totals[true], self._cell_width
        cells = []
        for guess, count in enumerate(self._counts[true]):
            percent = 100 * count / total if total else 0.0
            style = (
                self._heat("right" if guess == true else "wrong", percent) if count else self._part("none")
            )
            if (true, guess) == self._cursor:
                style += self.get_component_rich_style("heat-map--cursor", partial=True)
            text = digits(count, percent).rjust(width) if width > 2 else shade(count, percent) * width
            cells.append(Segment(text, style))
        accuracy = f"{100 * self._counts[true][true] / total:.1f} %" if total else "–"
        number = f"{true:>{len(str(len(self._names) - 1))}} " if self._numbered else ""
        return number + self._names[true], cells, accuracy

    def _told(self) -> str:
        true, guess = self._cursor
        count, total = self._counts[true][guess], self._totals[true]
        share = f" ({100 * count / total:.1f} %)" if total else ""
        right = sum(row[index] for index, row in enumerate(self._counts))
        everything = sum(self._totals)
        overall = f"   all: {100 * right / everything:.1f} % correct" if everything else ""
        taken = "recognised" if true == guess else f"taken for {self._names[guess]}"
        return f"{self._names[true]} {taken}: {count} of {total}{share}{overall}"

    def _heat(self, part: str, percent: float) -> Style:
        """Behind digits a background that grows with the share, where the theme has colours to blend."""
        style = self._part(part)
        surface = self.rich_style.bgcolor
        if percent >= BOLD:
            style += Style(bold=True)
        if self._cell_width < 3 or not (style.color and style.color.triplet and surface and surface.triplet):
            return style
        under = Color.from_rich_color(surface)
        heat = under.blend(Color.from_rich_color(style.color), 0.8 * (percent / 100) ** 0.5)
        return Style(
            color=heat.get_contrast_text(0.95).rich_color, bgcolor=heat.rich_color, bold=percent >= BOLD
        )

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"heat-map--{part}")


def digits(count: int, percent: float) -> str:
    """Whole percent: a dot only for none at all, 100 only for all."""
    if not count:
        return "·"
    return str(min(round(percent), 99) if percent < 100 else 100)


def shade(count: int, percent: float) -> str:
    """A sign as dark as the share is large."""
    if not count:
        return "·"
    return "░" if percent < 5 else "▒" if percent < 20 else "▓" if percent < 50 else "█"


def fitted_head(name: str, width: int) -> str:
    """The first letters of a name in `width` cells."""
    return set_cell_size(name, width)


def fitted(text: str, width: int) -> str:
    """`text` in exactly `width` cells."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(width - 1, 0)) + "…"[: max(width, 0)]
