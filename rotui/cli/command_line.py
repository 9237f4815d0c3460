"""The command as it was typed: what is recorded with a run, and what a user can paste to go on."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from rotui.text import printable


def same_command() -> list[str]:
    """The command line that this process was started by, in words that start it again from this folder."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return [sys.executable, "-m", "rotui", *sys.argv[1:]]
    found = shutil.which("rotui")
    if started.is_file() and not (found and started.samefile(found)):
        return [sys.argv[0], *sys.argv[1:]]
    return ["rotui", *sys.argv[1:]]


def pasteable(words: Iterable[str]) -> str:
    """The words as one line for bash or zsh, quoted where need be; no character in it commands a terminal."""
    return " ".join(
        shlex.quote(word) if printable(word, len(word)) == word else _escaped(word) for word in words
    )


def _escaped(word: str) -> str:
    """`$'...'`, in which every byte that is not printable ASCII stands as `\\xNN`."""
    plain = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in "\\'" else f"\\x{byte:02x}"
        for byte in os.fsencode(word)
    )
    return f"$'{plain}'"
