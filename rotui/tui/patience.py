"""Telling of what takes long only once it does: what was in view stays there until then."""

from collections.abc import Callable

from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

SECONDS = 0.4
"""How long one waits gladly."""


class Told(Message):
    """Something that takes long has come this far; what was not handled yet is replaced by it."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, Told)


class Patience:
    """Calls `say` with what goes on, and with each thing that goes on after that, when waiting takes long."""

    def __init__(self, owner: Widget, say: Callable[[str], None]) -> None:
        self._owner = owner
        self._say = say
        self._timer: Timer | None = None
        self._doing = ""

    def begin(self, doing: str) -> None:
        """Something began that may take long."""
        self.end()
        self._doing = doing
        self._timer = self._owner.set_timer(SECONDS, self._lose)

    def tell(self, doing: str) -> None:
        """It has come this far; nothing where it has ended."""
        if self._doing:
            self._doing = doing
            if self._timer is None:
                self._lose()

    def end(self) -> None:
        """It is over."""
        if self._timer is not None:
            self._timer.stop()
        self._timer, self._doing = None, ""

    def _lose(self) -> None:
        self._timer = None
        self._say(f"{self._doing} …")
