"""Pictures side by side with a line or two under each, as large as one likes; what is in view is drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rotui.tui.pictures.picture_layout import GAP, PictureLayout

if TYPE_CHECKING:
    from rotui.tui.pictures.half_blocks import Line, Pixels

ROWS_KEPT = 24
"""Rows of pictures whose cells are kept once they are drawn. Not in Textual's cache: what that drops is left
to the garbage collector, which takes a quarter of a second once torch is there."""

FEW_COLOURS = (None, ColorSystem.STANDARD, ColorSystem.WINDOWS)

Captions = Sequence[tuple[Text, ...]]


def _hidden(keys: str, action: str, description: str, tooltip: str, identity: str) -> Binding:
    return Binding(keys, action, description, show=False, tooltip=tooltip, id=f"pictures.{identity}")


class PictureGrid(ScrollView, can_focus=True):
    """Pictures (N, H, W, 3) in RGB, in rows. Where the terminal has few colours, or the user wants none, they
    are shades of the text's own ink."""

    class Moved(Message):
        """Other pictures are in view, or at another size: `facts` says which."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"picture-grid--caption"}
    DEFAULT_CSS = """
    PictureGrid {
        height: 1fr;
        padding: 0 1;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .picture-grid--caption { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        _hidden("up,k", "rows(-1)", "Up", "The row of pictures above", "up"),
        _hidden("down,j", "rows(1)", "Down", "The row of pictures below", "down"),
        _hidden("pageup", "pages(-1)", "Page up", "The pictures before those in view", "page_up"),
        _hidden("pagedown,space", "pages(1)", "Page down", "The pictures after those in view", "page_down"),
        _hidden("home,g", "row(0)", "First", "The first pictures", "first"),
        _hidden("end,G", "row(-1)", "Last", "The last pictures", "last"),
        _hidden("plus,equals_sign", "resize(1)", "Larger", "Larger pictures, fewer of them", "larger"),
        _hidden("minus", "resize(-1)", "Smaller", "Smaller pictures, more of them", "smaller"),
        _hidden("0", "fit", "Fit", "As large as lets several be in view", "fit"),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._pictures: Pixels | None = None
        self._captions: Captions = ()
        self._layout_now = PictureLayout(0, 1, 1, 1, 1, 1)
        self._chosen = 0
        self._drawn: dict[int, list[Strip]] = {}
        self._told: tuple[str, ...] = ()

    @property
    def picture_width(self) -> int:
        """Cells that each picture is wide."""
        return self._layout_now.shown

    @property
    def in_shades(self) -> bool:
        """Whether there are no colours to paint with."""
        return self.app.no_color or self.app.console._color_system in FEW_COLOURS

    @property
    def facts(self) -> tuple[str, ...]:
        """Which of the pictures are in view, and how large they are, in a word each."""
        layout = self._layout_now
        if not layout.count:
            return ()
        last = min(self._first + layout.in_view, layout.count)
        larger = layout.shown >= layout.width
        scale = f"×{layout.shown // layout.width}" if larger else f"{layout.shown} of {layout.width} px"
        return f"{self._first + 1}–{last} of {layout.count}", scale

    def show(self, pictures: "Pixels", captions: Captions) -> None:
        """Shows these pictures, each with its lines of text, from the first on."""
        self._pictures, self._captions = pictures, captions
        self._lay_out(0)

    def action_rows(self, rows: int) -> None:
        self._scroll_to_row(self._first // self._layout_now.columns + rows)

    def action_pages(self, pages: int) -> None:
        self.action_rows(pages * self._layout_now.rows_in_view)

    def action_row(self, row: int) -> None:
        self._scroll_to_row(row % max(1, self._layout_now.rows))

    def action_resize(self, steps: int) -> None:
        """The next larger or smaller size."""
        if self._layout_now.count:
            self._chosen = self._layout_now.resized(steps).shown
            self._lay_out(self._first)

    def action_fit(self) -> None:
        """The size is chosen for the room there is again."""
        self._chosen = 0
        self._lay_out(self._first)

    def on_resize(self) -> None:
        """The same pictures in another room."""
        self._lay_out(self._first)

    def notify_style_update(self) -> None:
        """Another theme has another ink."""
        super().notify_style_update()
        self._drawn.clear()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tells what is in view now."""
        super().watch_scroll_y(old_value, new_value)
        self._tell()

    def render_line(self, y: int) -> Strip:
        """A line of the row of pictures that is there."""
        row, line = divmod(y + round(self.scroll_y), self._layout_now.row_height)
        if row < self._layout_now.rows:
            if row not in self._drawn:
                if len(self._drawn) >= ROWS_KEPT:
                    del self._drawn[next(iter(self._drawn))]
                self._drawn[row] = self._draw(row)
            if line < len(self._drawn[row]):
                return self._drawn[row][line]
        return Strip.blank(self.size.width, self.rich_style)

    @property
    def _first(self) -> int:
        """The first picture of the first row that is in view as a whole."""
        return -(-round(self.scroll_y) // self._layout_now.row_height) * self._layout_now.columns

    def _lay_out(self, first: int) -> None:
        self._drawn.clear()
        self.refresh()
        if self._pictures is None or not self.size.width:
            return
        count, height, width = (int(length) for length in self._pictures.shape[:3])
        captions = len(self._captions[0]) if self._captions else 1
        layout = PictureLayout(count, height, width, captions, *self.size)
        self._layout_now = layout = layout.at(self._chosen) if self._chosen else layout.fitted()
        self.virtual_size = Size(self.size.width, layout.rows * layout.row_height)
        self._scroll_to_row(first // layout.columns)
        self._tell()

    def _scroll_to_row(self, row: int) -> None:
        row = min(max(row, 0), max(0, self._layout_now.rows - 1))
        self.scroll_to(y=row * self._layout_now.row_height, animate=False, force=True)

    def _tell(self) -> None:
        if self.facts != self._told:
            self._told = self.facts
            self.post_message(self.Moved())

    def _draw(self, row: int) -> list[Strip]:
        """The lines of a row of pictures and of what stands under them, in the middle of the width."""
        style, layout = self.rich_style, self._layout_now
        places = range(row * layout.columns, min((row + 1) * layout.columns, layout.count))
        columns = [self._draw_picture(place, style) + self._draw_captions(place) for place in places]
        strips = []
        for parts in zip(*columns, strict=True):
            line = [Segment(" " * layout.margin, style)]
            for part in parts:
                line += [*part, Segment(" " * GAP, style)]
            strips.append(Strip(line).adjust_cell_length(self.size.width, style))
        return strips

    def _draw_picture(self, place: int, style: Style) -> "list[Line]":
        from rotui.tui.pictures.half_blocks import (  # a tenth of a second: numpy and Pillow
            half_blocks,
            shades,
        )

        if self._pictures is None:
            return []
        picture, width = self._pictures[place], self.picture_width
        if self.in_shades:
            return shades(picture, width, style, light_ink=self.app.current_theme.dark)
        return half_blocks(picture, width, style)

    def _draw_captions(self, place: int) -> "list[Line]":
        style = self.get_component_rich_style("picture-grid--caption")
        lines = []
        for caption in self._captions[place]:
            text = caption.copy()
            text.truncate(self.picture_width, overflow="ellipsis", pad=True)
            lines.append(list(Segment.apply_style(text.render(self.app.console), style)))
        return lines
