"""The names of tabs on one line, the one in view reversed."""

from collections.abc import Mapping

from rich.cells import cell_len
from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widget import Widget


class TabLine(Widget):
    """Shows tabs by key and name; a click asks for one. It takes no focus: the place's keys change tabs."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TabLine {
        height: 1;
        padding: 0 1;
    }
    """

    class Asked(Message):
        """A tab was clicked."""

        def __init__(self, tab: str) -> None:
            self.tab = tab
            super().__init__()

    def __init__(self, tabs: Mapping[str, str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs = dict(tabs)
        self._active = next(iter(self._tabs))

    def show(self, active: str) -> None:
        """Shows this one as the tab in view."""
        self._active = active
        self.refresh()

    def render(self) -> Text:
        """One line; in little room without blanks around the names."""
        text = Text(no_wrap=True, overflow="crop")
        for tab, name in self._shown():
            text.append(name, "bold reverse" if tab == self._active else "dim").append(" ")
        return text

    def on_click(self, event: Click) -> None:
        """Asks for the tab under the pointer."""
        place = event.get_content_offset(self)
        at = place.x if place is not None else -1
        for tab, name in self._shown():
            if 0 <= at < cell_len(name):
                self.post_message(self.Asked(tab))
            at -= cell_len(name) + 1

    def _shown(self) -> list[tuple[str, str]]:
        roomy = sum(cell_len(name) + 3 for name in self._tabs.values()) <= self.size.width
        return [(tab, f" {name} " if roomy else name) for tab, name in self._tabs.items()]
