"""The console's places: their modes, names and keys, and where their screens are."""

from dataclasses import dataclass
from importlib import import_module

from textual.screen import Screen


@dataclass(frozen=True)
class PlaceEntry:
    """A place by its mode, which is also its module among the screens; `about` is what one finds there."""

    key: str
    mode: str
    name: str
    about: str

    def screen(self) -> Screen[None]:
        """The place itself, imported when one goes there first: together they take a fifth of a second."""
        module = import_module(f"rotui.tui.screens.{self.mode}")
        screen: Screen[None] = getattr(module, f"{self.name}Screen")()
        return screen


PLACES = (
    PlaceEntry("1", "console", "Console", "Profiles, queue, charts"),
    PlaceEntry("2", "results", "Results", "Measured beside published"),
    PlaceEntry("3", "runs", "Runs", "Every run: sort, filter, compare"),
    PlaceEntry("4", "run", "Run", "One run in full"),
    PlaceEntry("5", "preview", "Preview", "Pictures as the network sees them"),
)
