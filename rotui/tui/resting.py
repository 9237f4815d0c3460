"""Following a cursor without drawing at each of its steps: what is told of a row waits until keys rest."""

from collections.abc import Callable
from time import monotonic

from textual.timer import Timer
from textual.widget import Widget

SECONDS = 0.25
"""A pause between two keys that is long enough to read in."""


class Resting:
    """Does at once what is asked for after a pause, and what is asked for again and again only once, after
    the last time. Drawing beside a list takes as much as moving in it, from a training on the same processor
    and from a slow link."""

    def __init__(self, owner: Widget, do: Callable[[], object]) -> None:
        self._owner = owner
        self._do = do
        self._asked = -SECONDS
        self._timer: Timer | None = None

    def ask(self) -> None:
        """Has it done now, or as soon as nobody has asked for so long."""
        before, self._asked = self._asked, monotonic()
        if self._timer is None:
            if self._asked - before >= SECONDS:
                self._do()
            else:
                self._wait(SECONDS)

    def _wait(self, seconds: float) -> None:
        self._timer = self._owner.set_timer(seconds, self._look)

    def _look(self) -> None:
        left = self._asked + SECONDS - monotonic()
        if left > 0:
            self._wait(left)
        else:
            self._timer = None
            self._do()
