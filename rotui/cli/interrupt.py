"""Ctrl-C and SIGTERM while something goes on: the first asks it to stop, the second ends at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rotui.cli.terminal import say
from rotui.errors import ExitCode, StoppedError


class StopRequest:
    """Whether, and by which signal, the process was asked to stop."""

    def __init__(self) -> None:
        self._signal: int | None = None

    def __call__(self) -> bool:
        """True once a stop was asked for."""
        return self._signal is not None

    @property
    def exit_code(self) -> ExitCode:
        """Exit code that says which signal stopped the process."""
        return ExitCode.TERMINATED if self._signal == signal.SIGTERM else ExitCode.INTERRUPTED

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The signal handler. Raises KeyboardInterrupt at the second signal."""
        del frame
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = number
        with suppress(RuntimeError):  # the signal cut into a write to the very stream that this is said on
            say("stopping at the end of this step; Ctrl-C again ends at once", style="yellow")


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Handles SIGINT and SIGTERM for as long as the block lasts.

    Raises StoppedError, with the exit code of the first signal, for a StoppedError of the block and for a
    second signal.
    """
    request = StopRequest()
    before = {number: signal.signal(number, request.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    except StoppedError as error:
        error.exit_code = request.exit_code
        raise
    except KeyboardInterrupt as interrupt:
        ended = StoppedError("ended at once")
        ended.exit_code = request.exit_code
        raise ended from interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
