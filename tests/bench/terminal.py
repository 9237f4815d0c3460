"""A command in a pseudo-terminal, with the time at which the bytes came that show something."""

import codecs
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from screen import Screen

PATIENCE = 60.0
"""Seconds after which something that never comes is given up."""

Holds = Callable[[Screen], object]


class NeverShownError(RuntimeError):
    """What was waited for did not come."""


class Terminal:
    """Starts a command at once and keeps what it draws. Times are those of `time.perf_counter`."""

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self.screen = Screen(*size)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[tuple[float, bytes]] = []
        self._end, there = os.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            list(words),
            stdin=there,
            stdout=there,
            stderr=there,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
        os.close(there)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._end)

    @property
    def process_id(self) -> int:
        """The command's process."""
        return self._process.pid

    def send(self, keys: str) -> float:
        """Types keys; the time at which that was done."""
        sent = time.perf_counter()
        os.write(self._end, keys.encode())
        return sent

    def until(self, holds: Holds, seconds: float = PATIENCE) -> float:
        """When the bytes came that made this hold; at once where it holds already."""
        end = time.perf_counter() + seconds
        if holds(self.screen):
            return time.perf_counter()
        while time.perf_counter() < end:
            self._collect(0.05)
            while self._pieces:
                arrived = self._draw()
                if holds(self.screen):
                    return arrived
            if self._process.poll() is not None:
                break
        raise NeverShownError(f"never came; the screen shows\n{self.screen.text}")

    def answer(self, keys: str, holds: Holds) -> float:
        """Milliseconds from the typing of the keys to the bytes that show their effect, which does not show
        before them."""
        self.watch(0)
        if holds(self.screen):
            raise NeverShownError(f"{keys!r} would be without effect; the screen shows\n{self.screen.text}")
        sent = self.send(keys)
        return (self.until(holds) - sent) * 1000

    def watch(self, seconds: float) -> None:
        """Keeps what is drawn in this time."""
        end = time.perf_counter() + seconds
        while True:
            self._collect(max(0.0, min(0.05, end - time.perf_counter())))
            while self._pieces:
                self._draw()
            if time.perf_counter() >= end or self._process.poll() is not None:
                return

    def ignore(self, seconds: float) -> None:
        """Takes what comes in this time without looking at it, for the least work beside the command's; the
        screen holds no more what the terminal would show."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._end], [], [], left)[0]:
                try:
                    os.read(self._end, 1 << 16)
                except OSError:  # the command has ended
                    return

    def _collect(self, seconds: float) -> None:
        """Waits for bytes and takes all that come close together before any is drawn: drawing takes time."""
        while select.select([self._end], [], [], seconds)[0]:
            try:
                piece = os.read(self._end, 1 << 16)
            except OSError:  # the command has ended
                return
            self._pieces.append((time.perf_counter(), piece))
            seconds = 0.002

    def _draw(self) -> float:
        arrived, piece = self._pieces.pop(0)
        self.screen.feed(self._decoder.decode(piece))
        return arrived
