"""Signals while something goes on: the first Ctrl-C or SIGTERM asks it to stop, the second ends it at once.
A terminal that is lost is let go of."""

import errno
import os
import signal
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event as Flag
from types import FrameType
from typing import TypeVar

from rotui.cli.terminal import say
from rotui.errors import ExitCode, StoppedError

T = TypeVar("T")


class EndedAtOnceError(StoppedError):
    """A second signal: a thread may be in the midst of a step, and the process is to end as it is."""


class StopRequest:
    """Whether, and by which signal, the process was asked to stop; `flag` is set as soon as it was."""

    def __init__(self) -> None:
        self.flag = Flag()
        self._signal: int | None = None
        self._terminals = [number for number in (0, 1, 2) if _is_terminal(number)]

    def __call__(self) -> bool:
        """True once a stop was asked for."""
        return self.flag.is_set()

    @property
    def exit_code(self) -> ExitCode:
        """Exit code that says which signal stopped the process."""
        return ExitCode.TERMINATED if self._signal == signal.SIGTERM else ExitCode.INTERRUPTED

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler of a signal to stop. Raises KeyboardInterrupt at the second."""
        del frame
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = number
        self.flag.set()
        self.look_at_terminal()
        with suppress(RuntimeError):  # the signal cut into a write to the very stream that this is said on
            told = "stopping at the end of this step; Ctrl-C again ends at once"
            self.without_terminal(partial(say, style="yellow"))(told)

    def hang_up(self, number: int = signal.SIGHUP, frame: FrameType | None = None) -> None:
        """The handler of SIGHUP: the terminal is gone, and what is written to it goes nowhere from now on."""
        del number, frame
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in self._terminals:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        self._terminals = []

    def look_at_terminal(self) -> None:
        """Lets go of a terminal that is gone without a word: SIGHUP may be ignored, as under nohup."""
        for descriptor in self._terminals:
            try:
                termios.tcgetattr(descriptor)
            except termios.error as error:
                if error.args[0] == errno.EIO:
                    self.hang_up()
                    return

    def without_terminal(self, listener: Callable[[T], None]) -> Callable[[T], None]:
        """The listener, which lets go of a terminal that cannot be written to any more."""

        def listen(event: T) -> None:
            try:
                listener(event)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                self.hang_up()

        return listen


@contextmanager
def stop_on_signals(*, headless: bool = False) -> Iterator[StopRequest]:
    """Handles SIGINT and SIGTERM for as long as the block lasts, and with `headless` SIGHUP too: the block
    then goes on without its terminal.

    Raises StoppedError, with the exit code of the first signal, for a StoppedError of the block, and
    EndedAtOnceError for a second signal.
    """
    request = StopRequest()
    before = {number: signal.signal(number, request.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    if headless and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, request.hang_up)
    try:
        yield request
    except StoppedError as error:
        error.exit_code = request.exit_code
        raise
    except KeyboardInterrupt as interrupt:
        ended = EndedAtOnceError("ended at once")
        ended.exit_code = request.exit_code
        raise ended from interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
