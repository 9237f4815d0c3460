"""What the console's places have in common: a screen that shows the newest snapshot."""

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static

from rotui.tui.snapshot import Snapshot

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp


class Place(Screen[None]):
    """One of the console's places. It is told of each new snapshot while it is in view, and of the newest one
    when it comes into view; `title_text` stands in its first line."""

    title_text = ""

    @property
    def console_app(self) -> "RotuiApp":
        """The app, by its own type."""
        return cast("RotuiApp", self.app)

    def compose(self) -> ComposeResult:
        """First line, the place's own content, footer."""
        yield Static(id="place-title", markup=False)
        with Vertical(id="place"):
            yield from self.compose_place()
        yield Footer(show_command_palette=False)

    def compose_place(self) -> ComposeResult:
        """The place's own widgets."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Brings the place up to date."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Writes the first line."""
        self.query_one("#place-title", Static).update(self.console_app.headline(self.title_text))

    def on_screen_resume(self) -> None:
        """The place comes into view."""
        self.refresh_place()

    def refresh_place(self) -> None:
        """Shows the newest snapshot, once there is something to show it on."""
        if not self.query("#place-title"):
            return
        self.query_one("#place-title", Static).update(self.console_app.headline(self.title_text))
        self.show(self.console_app.snapshot)
