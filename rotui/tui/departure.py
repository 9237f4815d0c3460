"""How the console ends: left by its user, told to by a signal, or with its terminal gone."""

import asyncio
import errno
import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from rotui.errors import ExitCode
from rotui.text import printable
from rotui.tui.leaving import Leave, LeaveDialog, hand_over

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp

SIGNAL_CODES = 128
"""What is added to a signal's number for an exit code."""


class Departure:
    """Ends one console so that no run is lost. `hung_up` says that the terminal is gone and the training goes
    on without a screen."""

    def __init__(self, app: "RotuiApp") -> None:
        self.hung_up = False
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signal = 0
        self._is_leaving = False

    @property
    def exit_code(self) -> int:
        """The exit code, which tells a signal that asked for the end."""
        return SIGNAL_CODES + self._signal if self._signal else int(ExitCode.DONE)

    def begin(self) -> None:
        """The event loop is there: what came before is done now."""
        self._loop = asyncio.get_running_loop()
        if self._signal:
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
        """A signal, whenever it comes; the second that asks for an end without a screen ends at once."""
        del frame
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._take, number)
            elif number != signal.SIGHUP:
                self._signal = number
        except RuntimeError:  # the event loop has ended: there is only the training left
            if number == signal.SIGHUP:
                return
            if self._signal:
                os._exit(SIGNAL_CODES + number)
            self._signal = number
            self._app.trainer.stop()

    def _take(self, number: int) -> None:
        if number == signal.SIGHUP:
            self.hang_up()
        else:
            self._signal = number
            self.leave("stop")

    def hang_up(self) -> None:
        """The terminal is gone: the screen is dropped, and the process goes on until the queue is empty."""
        if self.hung_up:
            return
        self.hung_up = True
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        self._app.exit(self.exit_code)

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
        begins = app.trainer.is_working and app.snapshot.ready and not app.trainer.waits_for
        if not (app.trainer.current or begins):
            self.leave("stop")
        elif not isinstance(app.screen, LeaveDialog):
            app.push_screen(LeaveDialog(), self.leave)

    def leave(self, way: Leave | None) -> None:
        """Leaves as the user said. A worker that takes over is started before anything is stopped."""
        if way is None or way == "stay" or self._is_leaving:
            return
        self._is_leaving = True
        if way == "stop":
            self._app.trainer.stop()
            self._app.notify("stopping at the end of this step, with a checkpoint", timeout=30)
        self._app.run_worker(lambda: self._end(way), thread=True, exit_on_error=False, group="leaving")

    def _end(self, way: Leave) -> None:
        app = self._app
        if way == "hand over":
            try:
                hand_over(app.workplace)
            except OSError as error:
                self._is_leaving = False
                app.notice_from_thread(f"no worker could be started, the console stays: {printable(error)}")
                return
            app.trainer.stop()
        app.trainer.join()
        app.call_from_thread(app.exit, self.exit_code)
