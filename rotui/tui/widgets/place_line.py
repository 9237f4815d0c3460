"""The console's first line: its places with their keys, and how the queue stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

GAP = 2
"""Least blank cells between the places and what is told at the right."""


@dataclass(frozen=True)
class PlaceTab:
    """A place by the mode it is, its name and the key that goes there."""

    mode: str
    name: str
    key: str


class PlaceLine(Widget):
    """Shows the places, the one in view reversed; a click goes to one. In little room the others are there by
    their keys alone, and of what is told only its beginning."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PlaceLine {
        height: 1;
    }
    """

    class Asked(Message):
        """A place was clicked."""

        def __init__(self, mode: str) -> None:
            self.mode = mode
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: tuple[PlaceTab, ...] = ()
        self._active = ""
        self._status = Text()

    def show(self, places: Sequence[PlaceTab], active: str, status: Text) -> None:
        """Shows these places, the one of mode `active` in view, and `status` at the right."""
        told = (tuple(places), active, status)
        if told != (self._places, self._active, self._status):
            self._places, self._active, self._status = told
            self.refresh()

    def render(self) -> Text:
        """One line, exactly as wide as there is room."""
        width = self.size.width
        line = Text(" ", no_wrap=True, overflow="crop", end="")
        for place, text in self._tabs():
            if place.mode == self._active:
                line.append(text, "bold reverse")
            else:
                key = f" {place.key} "
                line.append(key, "bold").append(text.removeprefix(key), "dim")
        room = width - line.cell_len - GAP
        status = self._status.copy()
        status.end = ""
        if room > 0:
            status.truncate(room, overflow="ellipsis")
            line.append(" " * (width - line.cell_len - status.cell_len - 1))
            line.append_text(status)
        line.truncate(width)
        return line

    def on_click(self, event: Click) -> None:
        """Asks for the place under the pointer."""
        point = event.get_content_offset(self)
        at = point.x - 1 if point is not None else -1
        for place, text in self._tabs():
            if 0 <= at < cell_len(text):
                self.post_message(self.Asked(place.mode))
            at -= cell_len(text)

    def _tabs(self) -> list[tuple[PlaceTab, str]]:
        """The places as they are written: with their names where that leaves room for the status too."""
        named = [f" {place.key} {place.name} " for place in self._places]
        status = min(self._status.cell_len, self.size.width // 3)
        roomy = 1 + sum(map(cell_len, named)) + GAP + status <= self.size.width
        return [
            (place, text if roomy or place.mode == self._active else f" {place.key} ")
            for place, text in zip(self._places, named, strict=True)
        ]
