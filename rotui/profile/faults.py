"""What is wrong with a profile, where, and what is allowed: one line for each fault, all of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rotui.errors import InputError
from rotui.text import printable

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")

Key = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a value was written: a file and its line from 1, or an option such as `--set seed=1`, line 0."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        source = printable(self.source, 800)
        return f"{source}:{self.line}" if self.line else source


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; its text is `file:line: key: what is wrong (what is allowed)`."""

    place: Place
    key: str
    wrong: str
    allowed: str

    def __str__(self) -> str:
        key, wrong = printable(self.key, 160), printable(self.wrong, 400)
        return f"{self.place}: {key}: {wrong} ({printable(self.allowed, 600)})"


class ProfileError(InputError):
    """A profile that cannot be used. `faults` are all that was found, each once; its text has a line each."""

    names_its_place = True

    def __init__(self, faults: Iterable[Fault]) -> None:
        found = list(dict.fromkeys(faults))
        sources = list(dict.fromkeys(fault.place.source for fault in found))
        found.sort(key=lambda fault: (sources.index(fault.place.source), fault.place.line))
        self.faults = tuple(found)
        super().__init__("\n".join(str(fault) for fault in found))


def dotted(key: Iterable[str]) -> str:
    """The parts of a key as TOML writes them, in quotes where they are not plain words."""
    return ".".join(part if part and _BARE.issuperset(part) else f'"{printable(part, 60)}"' for part in key)


def shown(value: Any) -> str:
    """A TOML value in few characters, for a message: numbers and text as they are, tables by their kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{printable(value, 60)}"'
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else "a whole number of more than 30 digits"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(item) for item in value[:5]) + (", ...]" if len(value) > 5 else "]")
    return printable(value, 60)
