"""The terminal's output as a file that outlives the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class LastingOutput:
    """Writes to a terminal for as long as it is there. Textual's writing thread ends at the first error and
    then blocks the event loop with what it does not take any more; here nothing is an error."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Writes the text, or drops it where the terminal is gone."""
        with suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Has what was written reach the terminal, if it is there."""
        with suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal, and still there."""
        return self._file.isatty()


@contextmanager
def lasting_output() -> Iterator[None]:
    """Textual draws on the real stderr, which is such an output as long as the block lasts."""
    before = sys.__stderr__
    if before is None:
        yield
        return
    sys.__stderr__ = cast(Any, LastingOutput(before))  # type: ignore[misc]  # final for types, not for Python
    try:
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]  # likewise
