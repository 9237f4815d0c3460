"""Work for a screen off the event loop: one at a time, and only what was asked for last."""

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from textual.message_pump import MessagePump
from textual.widget import Widget

from rotui.errors import RotuiError

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Latest(Generic[Asked, Told]):
    """Calls `work` in a thread and `show` with what it told on the event loop, `failed` where it raised.

    What is asked for meanwhile waits and replaces what waited: threads never pile up, and never share what
    `work` keeps.
    """

    def __init__(
        self,
        owner: Widget,
        work: Callable[[Asked], Told],
        show: Callable[[Told], None],
        failed: Callable[[RotuiError], None],
    ) -> None:
        self._owner = owner
        self._work = work
        self._show = show
        self._failed = failed
        self._busy = False
        self._waiting: list[Asked] = []

    @property
    def is_busy(self) -> bool:
        """Whether something is being worked out."""
        return self._busy

    def ask(self, asked: Asked) -> None:
        """Has this worked out, now or as soon as what is being worked out is done."""
        self._waiting = [asked]
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        asked = self._waiting.pop()
        self._busy = True

        def work() -> None:
            done: Callable[[], None] = _nothing
            try:
                told = self._work(asked)
            except RotuiError as error:
                done = _bound(self._failed, error)
            except Exception as error:  # noqa: BLE001  # a defect in a view is told and ends nothing
                done = _bound(self._failed, RotuiError(f"{type(error).__name__}: {error}"))
            else:
                done = _bound(self._show, told)
            finally:
                _post(self._owner, lambda: self._end(done))

        self._owner.run_worker(work, thread=True, exit_on_error=False, group="latest")

    def _end(self, done: Callable[[], None]) -> None:
        self._busy = False
        if self._owner.is_attached:
            done()
        if self._waiting:
            self._begin()


Value = TypeVar("Value")


def _bound(function: Callable[[Value], None], value: Value) -> Callable[[], None]:
    return lambda: function(value)


def _nothing() -> None:
    return


def _post(owner: MessagePump, action: Callable[[], None]) -> None:
    """Has the event loop do it; nothing is left to do once the console is gone."""
    with suppress(RuntimeError):
        owner.call_later(action)
