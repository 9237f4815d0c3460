"""The thread that tails the runs directory for the console: it looks often and reads only what changed.

The console of a process that trains and one that only watches see the same, a moment later.
"""

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import cast

from rotui.errors import RotuiError, StoreError
from rotui.profile.stages import StageName
from rotui.results.run_reference import RunReference, run_reference
from rotui.store.arrivals import Arrivals
from rotui.store.identity import read_identity
from rotui.store.layout import DATABASE, METRICS, STATE, STORE
from rotui.store.listing import ListedRun
from rotui.store.live_progress import read_progress
from rotui.store.ordering import in_order, in_turn
from rotui.store.past_runs import read_epochs, read_profile
from rotui.store.session import look
from rotui.store.status import is_locked
from rotui.study.estimate import Machine
from rotui.study.records import EpochRecord
from rotui.tui.snapshot import Snapshot

SECONDS = 0.5
"""Time between two looks at what may have changed, which takes a few calls of stat."""

Stamp = tuple[tuple[int, int, int], ...]


class Feed:
    """Posts a new Snapshot whenever something changed. `post` must return at once and be callable from any
    thread, times are estimated for `machine`. Reading never locks, and never changes anything."""

    def __init__(self, runs_dir: Path, machine: Machine, post: Callable[[Snapshot], None]) -> None:
        self._runs_dir = runs_dir
        self._post = post
        self._arrivals = Arrivals(runs_dir, machine)
        self._wanted: frozenset[str] = frozenset()
        self._snapshot = Snapshot()
        self._index_stamp: object = None
        self._run_stamps: dict[str, Stamp] = {}
        self._epochs: dict[str, tuple[EpochRecord, ...]] = {}
        self._published: dict[str, RunReference | None] = {}
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

    def look_now(self) -> None:
        """Has the next look come at once: something was just changed from here."""
        self._wake.set()

    def _tail(self) -> None:
        while not self._ended.is_set():
            try:
                changed = self._look()
            except RotuiError as error:
                changed = self._snapshot.trouble != str(error)
                self._snapshot = Snapshot(
                    runs=self._snapshot.runs, trouble=str(error), version=self._snapshot.version
                )
            if changed:
                self._post(self._snapshot)
            self._wake.wait(SECONDS)
            self._wake.clear()

    def _look(self) -> bool:
        before = self._snapshot
        runs, unreadable, version = before.runs, before.unreadable, before.version
        queue, ready = before.queue, before.ready
        index = self._stamp_index(sorted(run.name for run in before.active))
        if index != self._index_stamp:
            found, unread = look(self._runs_dir)
            runs, unreadable, version = tuple(found), tuple(unread), version + 1
            queue, ready = tuple(in_order(runs)), frozenset(run.name for run in in_turn(runs))
            self._index_stamp = index
        try:
            identity = read_identity(self._runs_dir)
        except StoreError:
            identity = None  # who changes the queue next puts it right
        going_on = [run.name for run in queue if run.status in ("running", "paused")]
        live = {name: told for name in going_on if (told := read_progress(self._runs_dir / name))}
        epochs = self._read_epochs(runs, self._wanted.union(going_on))
        self._snapshot = Snapshot(
            runs=runs,
            queue=queue,
            live=live,
            epochs=epochs,
            published=self._read_published(runs, epochs),
            ready=ready,
            arrivals=self._arrivals.of(runs, queue, live) if queue else {},
            unreadable=unreadable,
            paused=identity is not None and identity.paused,
            version=version,
        )
        return self._snapshot != before

    def _stamp_index(self, active: list[str]) -> object:
        """What changes when the list of runs does; a process that dies frees the locks of its runs and
        writes nothing."""
        folders = [self._runs_dir / name for name in active]
        stamp = _stamp(
            self._runs_dir,
            self._runs_dir / DATABASE,
            self._runs_dir / f"{DATABASE}-wal",
            self._runs_dir / STORE,
            *(folder / file for folder in folders for file in (STATE, METRICS)),
        )
        return stamp, [is_locked(folder) for folder in folders]

    def _read_epochs(
        self, runs: tuple[ListedRun, ...], names: frozenset[str]
    ) -> dict[str, tuple[EpochRecord, ...]]:
        known = {run.name for run in runs}
        for name in names & known:
            stamp = _stamp(self._runs_dir / name / METRICS)
            if self._run_stamps.get(name) != stamp:
                try:
                    self._epochs[name] = read_epochs(self._runs_dir / name)
                except StoreError:
                    self._epochs[name] = ()
                self._run_stamps[name] = stamp
        return {name: self._epochs[name] for name in sorted(names & known)}

    def _read_published(self, runs: tuple[ListedRun, ...], names: Collection[str]) -> dict[str, RunReference]:
        for run in runs:
            if run.name in names and run.name not in self._published:
                try:
                    profile = read_profile(self._runs_dir / run.name)
                    self._published[run.name] = run_reference(profile, cast(StageName, run.stage))
                except StoreError:
                    self._published[run.name] = None
        found = {name: self._published.get(name) for name in names}
        return {name: told for name, told in found.items() if told is not None}


def _stamp(*files: Path) -> Stamp:
    """What changes when one of the files is written or replaced."""
    stamps = []
    for file in files:
        try:
            found = file.stat()
        except OSError:
            stamps.append((0, 0, 0))
        else:
            stamps.append((found.st_mtime_ns, found.st_ino, found.st_size))
    return tuple(stamps)
