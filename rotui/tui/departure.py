"""How the console ends: left by its user, told to by a signal, or with its terminal gone."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event as Flag
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING

from rotui.errors import ExitCode
from rotui.text import printable
from rotui.tui.leaving import Leave, LeaveDialog, hand_over

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp

SIGNAL_CODES = 128
"""What is added to a signal's number for an exit code."""

HASTE_SECONDS = 1.0
"""Time in which the key that leaves is taken for one held down, not for asking once more."""

AS_FOUND = b"\x1b[<u\x1b[?1049l\x1b[?25h" + b"".join(
    b"\x1b[?%dl" % mode for mode in (1000, 1003, 1004, 1006, 1015, 1016, 2004, 2048)
)
"""Takes back what Textual asks of a terminal: keys told the kitty way, the other screen, no cursor, and to be
told of the mouse, the focus, what is pasted and the size."""


class Departure:
    """Ends one console so that no run is lost. `hung_up` says that the terminal is gone and the training goes
    on without a screen; `begun` is set once anything that takes long is to be broken off. `worker` is the
    process that took over, 0 where none did."""

    def __init__(self, app: "RotuiApp") -> None:
        self.hung_up = False
        self.begun = Flag()
        self.worker = 0
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signal = 0
        self._lost_early = False
        self._way: Leave | None = None
        self._asked = 0.0
        self._is_warned = False

    @property
    def exit_code(self) -> int:
        """The exit code, which tells a signal that asked for the end."""
        return SIGNAL_CODES + self._signal if self._signal else int(ExitCode.DONE)

    @property
    def is_asked_to_end(self) -> bool:
        """Whether a signal asked for the end."""
        return bool(self._signal)

    def begin(self) -> None:
        """The event loop is there: what came before is done now."""
        self._loop = asyncio.get_running_loop()
        if self._lost_early:
            self.hang_up()
        elif self._signal:
            self.leave("stop")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handles signals as long as the block lasts, also after the event loop has ended."""
        numbers = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._receive) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        """A signal, whenever it comes: it is noted, and the event loop told, if there is one. The second that
        asks for the end ends at once."""
        del frame
        if number != signal.SIGHUP:
            if self._signal:
                self._end_at_once(number)
            self._signal = number
            Thread(target=self._app.trainer.stop, daemon=True).start()  # locks are not for a handler to take
        elif self._loop is None:
            self._lost_early = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended: who joins the training looks at what was noted
                self._loop.call_soon_threadsafe(self._take, number)

    def _take(self, number: int) -> None:
        if number == signal.SIGHUP:
            self.hang_up()
        else:
            self.leave("stop")

    def _end_at_once(self, number: int) -> None:
        """Leaves the terminal as it was found, and everything else as it is: the run's lock is freed."""
        with suppress(Exception):  # whatever is amiss with the terminal, the end is what was asked for
            if not self.hung_up and sys.__stdin__ is not None and sys.__stdin__.isatty():
                os.write(1, AS_FOUND + b"\r\n")
                subprocess.run(["stty", "sane"], check=False)
        os._exit(SIGNAL_CODES + number)

    def hang_up(self) -> None:
        """The terminal is gone: the screen is dropped, and the process goes on until the queue is empty."""
        if self.hung_up:
            return
        self.hung_up = True
        self.begun.set()
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            os.close(nowhere)
        finally:
            self._app.exit()

    def look_at_terminal(self) -> None:
        """Takes a terminal that is gone without a word for a hang-up: SIGHUP may be ignored."""
        try:
            termios.tcgetattr(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                self.hang_up()

    def ask(self) -> None:
        """Leaves at once where nothing is being trained here, otherwise asks what is to become of it."""
        app = self._app
        if self._way is not None:
            self._ask_again()
            return
        elsewhere = app.snapshot.active and not app.trainer.current  # this process waits, or soon will
        waits = app.trainer.waits_for or app.snapshot.paused or elsewhere
        begins = app.trainer.is_working and app.snapshot.ready and not waits
        if not (app.trainer.current or begins):
            self.leave("stop")
        elif not isinstance(app.screen, LeaveDialog):
            app.clear_notifications()  # in little room they would lie over the ways out
            app.push_screen(LeaveDialog(), self.leave)

    def _ask_again(self) -> None:
        """Says that once more ends at once, and then does so. What takes over gets its time."""
        if (now := time.monotonic()) - self._asked < HASTE_SECONDS:
            return
        self._asked = now
        if self._way == "hand over":
            self._app.notify("a worker takes over what is trained: some seconds yet", timeout=3)
        elif self._is_warned:
            self._end_at_once(signal.SIGINT)
        else:
            self._is_warned = True
            self._app.notify(
                "still stopping; once more ends at once, and runs go on at their checkpoint", timeout=30
            )

    def leave(self, way: Leave | None) -> None:
        """Leaves as the user said. A worker that takes over is started before anything is stopped."""
        if way is None or way == "stay" or self._way is not None:
            return
        self._way, self._asked = way, time.monotonic()
        if way == "stop":
            self.begun.set()
            self._app.trainer.stop()
            if self._app.trainer.current:
                self._app.notify("stopping at the end of this step, with a checkpoint", timeout=30)
        self._app.run_worker(lambda: self._end(way), thread=True, exit_on_error=False, group="leaving")

    def _end(self, way: Leave) -> None:
        app = self._app
        if way == "hand over":
            try:
                self.worker = hand_over(app.workplace)
            except Exception as error:  # noqa: BLE001  # told: a console that can no longer be left is worse
                app.notice_from_thread(f"no worker could be started, the console stays: {printable(error)}")
                if not self._signal:
                    self._way = None
                    return
            self._way = "stop"
            self.begun.set()
            app.trainer.stop()
        app.trainer.join()
        app.call_from_thread(app.exit)
