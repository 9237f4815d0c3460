"""The thread that tails the runs directory for the console: it looks often and reads only what changed.

The console of a process that trains and one that only watches see the same, a moment later.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from rotui.errors import RotuiError
from rotui.study.machine import Machine
from rotui.tui.live.snapshot import Snapshot

SECONDS = 1.0
"""Time between two looks at what may have changed, which takes a few calls of stat."""

HELD_BACK_SECONDS = 2.0
"""The same where drawing takes from a training: with one on both of two cores, every hundredth of a core that
the console uses makes it more than a hundredth slower."""

EAGER_SECONDS = 5.0
"""How long after it was told to look now it does not hold back yet: what was just begun is looked at."""


class Feed:
    """Posts a new Snapshot whenever something changed. `post` must return at once and be callable from any
    thread, times are estimated for `machine`. Reading never locks, and never changes anything."""

    def __init__(self, runs_dir: Path, machine: Machine, post: Callable[[Snapshot], None]) -> None:
        self._runs_dir = runs_dir
        self._machine = machine
        self._post = post
        self._wanted: frozenset[str] = frozenset()
        self._afresh = False
        self._held_back = False
        self._told = -EAGER_SECONDS
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tail, name="rotui feed", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._wake.set()

    def want(self, names: frozenset[str]) -> None:
        """Asks for the epochs of these runs beside those of the runs that go on."""
        if names != self._wanted:
            self._wanted = names
            self._wake.set()

    def hold_back(self, held_back: bool) -> None:
        """Whether to look more seldom, for the sake of a training on the same processor."""
        self._held_back = held_back

    def look_now(self, *, afresh: bool = False) -> None:
        """Has the next look come at once: something was just changed from here. With `afresh` it looks at
        all runs, whether or not something seems to have changed."""
        if afresh:
            self._afresh = True
        self._told = time.monotonic()
        self._wake.set()

    def _tail(self) -> None:
        from rotui.tui.live.snapshot_reader import SnapshotReader  # 0.15 s: pydantic's models, the store

        reader, newest = SnapshotReader(self._runs_dir, self._machine), Snapshot()
        while not self._ended.is_set():
            try:
                if self._afresh:
                    self._afresh = False
                    reader.forget()
                snapshot = reader.read(self._wanted)
            except RotuiError as error:
                snapshot = reader.failed(str(error))
            except Exception as error:  # noqa: BLE001  # told in the first line; the next look may do better
                snapshot = reader.failed(f"the runs cannot be shown: {type(error).__name__}: {error}")
            if snapshot != newest:
                newest = snapshot
                self._post(newest)
            is_calm = self._held_back and time.monotonic() - self._told >= EAGER_SECONDS
            self._wake.wait(HELD_BACK_SECONDS if is_calm else SECONDS)
            self._wake.clear()
