"""Lines of one cell for each run, under a head that stays; what has no room is a key away."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rotui.tui.run_sides import Line
from rotui.tui.tables.table_columns import GAP, fitted_text

NARROWEST = 9
"""Cells that each run has at least; where not even these are there, some runs are moved out of view."""

WIDEST = 26
HEAD = 1


class SideBySide(ScrollView, can_focus=True, inherit_bindings=False):
    """A small table whose columns are runs."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"side-by-side--heading", "side-by-side--label"}
    DEFAULT_CSS = """
    SideBySide {
        height: auto;
        overflow-x: hidden;
        & > .side-by-side--heading { color: $primary; text-style: bold; }
        & > .side-by-side--label { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="sides.up", tooltip="A line up"),
        Binding("down,j", "scroll_down", "Down", show=False, id="sides.down", tooltip="A line down"),
        Binding("pageup", "page_up", "Page up", show=False, id="sides.page_up", tooltip="A page up"),
        Binding(
            "pagedown", "page_down", "Page down", show=False, id="sides.page_down", tooltip="A page down"
        ),
        Binding("left", "shift(-1)", "Earlier", show=False, id="sides.left", tooltip="The run before"),
        Binding("right", "shift(1)", "Later", show=False, id="sides.right", tooltip="The next run"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._heads: list[Text] = []
        self._lines: list[Line] = []
        self._first = 0
        self._label_width = 0
        self._widths: list[int] = []

    def set_content(self, heads: Sequence[Text], lines: Sequence[Line]) -> None:
        """Shows these lines, with one head for each cell."""
        self._heads, self._lines = list(heads), list(lines)
        self._first = max(0, min(self._first, len(self._heads) - 1))
        self.virtual_size = Size(0, len(self._lines) + HEAD)
        self.styles.height = len(self._lines) + HEAD
        self._fit()

    @property
    def runs_in_view(self) -> range:
        """The places of the runs that there is room for."""
        return range(self._first, self._first + len(self._widths))

    def action_shift(self, runs: int) -> None:
        """Moves runs into view that there was no room for."""
        first = self._first + runs
        if first >= 0 and (runs < 0 or self.runs_in_view.stop < len(self._heads)):
            self._first = first
            self._fit()

    def action_scroll_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)

    def action_scroll_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def action_page_up(self) -> None:
        self.scroll_relative(y=1 - self.size.height, animate=False)

    def action_page_down(self) -> None:
        self.scroll_relative(y=self.size.height - 1, animate=False)

    def on_resize(self) -> None:
        self._fit()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def _fit(self) -> None:
        """Of the runs from the first in view on, as many as fit: each as wide as its cells need, the widest
        cut first."""
        longest = max((cell_len(line.label) for line in self._lines), default=0)
        self._label_width = min(longest, max(self.size.width * 2 // 5, 10))
        room = self.size.width - 1 - self._label_width
        wanted = []
        for place in range(self._first, len(self._heads)):
            cells = [self._heads[place], *(line.cells[place] for line in self._lines if line.cells)]
            wanted.append(min(max(cell.cell_len for cell in cells), WIDEST))
        wanted = wanted[: max(1, room // (NARROWEST + GAP))]
        widest = WIDEST
        while widest > NARROWEST and sum(min(each, widest) + GAP for each in wanted) > room:
            widest -= 1
        self._widths = [min(each, widest) for each in wanted]
        self.refresh()

    def render_line(self, y: int) -> Strip:
        place = y - HEAD + round(self.scroll_y)
        if y < HEAD:
            text = self._row(self._more(), self._heads, Style())
        elif place >= len(self._lines):
            text = Text("")
        elif not self._lines[place].cells:
            style = self.get_component_rich_style("side-by-side--heading")
            text = Text.assemble(" ", (self._lines[place].label, style))
        else:
            style = self.get_component_rich_style("side-by-side--label")
            text = self._row(self._lines[place].label, self._lines[place].cells, style)
        text.end = ""
        strip = Strip(text.render(self.app.console))
        return strip.adjust_cell_length(self.size.width, self.rich_style).apply_style(self.rich_style)

    def _more(self) -> str:
        """How many runs there was no room for, on either side."""
        before, after = self._first, len(self._heads) - self.runs_in_view.stop
        return f"{f'‹{before} ' if before else ''}{f'{after}›' if after else ''}".strip()

    def _row(self, label: str, cells: Sequence[Text], style: Style) -> Text:
        row = Text(" ", no_wrap=True)
        row.append_text(fitted_text(Text(label, style), self._label_width, "left"))
        for width, cell in zip(self._widths, cells[self._first :], strict=False):
            row.append(" " * GAP)
            row.append_text(fitted_text(cell, width, "right"))
        return row
