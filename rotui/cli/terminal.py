"""The two streams of every command: stdout carries data, stderr carries talk."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from rotui.errors import RotuiError
from rotui.text import printable

out = Console(highlight=False, markup=False, emoji=False)
talk = Console(stderr=True, highlight=False, markup=False, emoji=False)

LONGEST_LINE = 100_000


def print_json(values: Mapping[str, Any] | list[Any]) -> None:
    """Writes one JSON object or list on one line of stdout."""
    out.file.write(json.dumps(values, ensure_ascii=True, allow_nan=False) + "\n")
    out.file.flush()


def line(text: str) -> None:
    """Writes one plain line to stdout, not wrapped to the terminal's width, control characters as escapes."""
    out.print(Text(printable(text, LONGEST_LINE)), soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """Writes one line of talk to stderr, control characters as escapes."""
    talk.print(Text(printable(text, LONGEST_LINE), style=style), soft_wrap=True)


def say_error(error: RotuiError) -> None:
    """Writes an error, which may have several lines, to stderr; nothing in it reaches the terminal raw."""
    for number, part in enumerate(str(error).splitlines() or [""]):
        prefixed = number == 0 and not error.names_its_place
        prefix = Text("rotui: ", style="bold red") if prefixed else Text("")
        talk.print(prefix + Text(printable(part, limit=2000)), soft_wrap=True)
