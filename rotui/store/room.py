"""Room on the disk: asked for before much is written, and waited for where there is none."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rotui.errors import DiskFullError
from rotui.store.atomic import store_errors
from rotui.text import megabytes, printable

POLL_SECONDS = 1.0


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written on the filesystem of `folder`; StoreError where it is not there."""
    with store_errors(folder, "its filesystem does not answer"):
        return shutil.disk_usage(folder).free


class Room:
    """Does writes in one runs directory that may find the disk full, and waits until there is room.

    `paused` is told what is needed and where when the wait begins, `going_on` when it ends, and `wait` is
    called over and over meanwhile: it may raise to give up.
    """

    def __init__(
        self,
        runs_dir: Path,
        *,
        paused: Callable[[str], None],
        going_on: Callable[[], None],
        wait: Callable[[], None] = lambda: time.sleep(POLL_SECONDS),
    ) -> None:
        self._runs_dir = runs_dir
        self._paused = paused
        self._going_on = going_on
        self._wait = wait

    def patiently(self, write: Callable[[], None]) -> None:
        """Does `write`, again and again while it finds the disk full."""
        waited = False
        while True:
            try:
                write()
            except DiskFullError as error:
                if not waited:
                    self._paused(f"waits for room: {error}")
                waited = True
                self._wait()
            else:
                break
        if waited:
            self._go_on()

    def need(self, size: int, what: str) -> None:
        """Returns once `size` bytes are free for `what`."""
        waited = False
        while (free := free_bytes(self._runs_dir)) < size:
            if not waited:
                self._paused(
                    f"waits for room: {what} needs {megabytes(size)} in {printable(self._runs_dir)}, "
                    f"{megabytes(free)} are free"
                )
            waited = True
            self._wait()
        if waited:
            self._go_on()

    def _go_on(self) -> None:
        """Tells that the wait is over, once there is room to tell it."""
        while True:
            try:
                self._going_on()
            except DiskFullError:
                self._wait()
            else:
                return
