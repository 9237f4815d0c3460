"""Reads the runs directory for the console: what changed since the last time, nothing else."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from rotui.errors import StoreError
from rotui.profile.stages import StageName
from rotui.results.run_reference import RunReference, run_reference
from rotui.store.arrivals import Arrivals
from rotui.store.epoch_rows import EpochTail
from rotui.store.identity import read_identity
from rotui.store.layout import DATABASE, METRICS, STATE, STORE
from rotui.store.listing import ListedRun, with_epochs
from rotui.store.live_progress import read_progress
from rotui.store.ordering import in_order, in_turn
from rotui.store.past_runs import read_profile
from rotui.store.session import look
from rotui.store.status import is_locked
from rotui.study.machine import Machine
from rotui.study.records import EpochRecord
from rotui.tui.live.snapshot import Snapshot

Stamp = tuple[tuple[int, int, int], ...]


class SnapshotReader:
    """Makes one Snapshot after another and keeps what need not be read again."""

    def __init__(self, runs_dir: Path, machine: Machine) -> None:
        self._runs_dir = runs_dir
        self._arrivals = Arrivals(runs_dir, machine)
        self._index_stamp: object = None
        self._runs: tuple[ListedRun, ...] = ()
        self._by_name: dict[str, ListedRun] = {}
        self._queue: tuple[ListedRun, ...] = ()
        self._ready: frozenset[str] = frozenset()
        self._unreadable: tuple[str, ...] = ()
        self._version = 0
        self._last = Snapshot()
        self._run_stamps: dict[str, Stamp] = {}
        self._tails: dict[str, EpochTail] = {}
        self._listed_with: dict[str, Sequence[EpochRecord]] = {}
        self._epochs: dict[str, tuple[EpochRecord, ...]] = {}
        self._published: dict[str, RunReference | None] = {}

    def read(self, wanted: frozenset[str]) -> Snapshot:
        """What there is now, with the epochs of the `wanted` runs. Raises RotuiError."""
        index = self._stamp_index()
        if index != self._index_stamp:
            self._survey()
            self._index_stamp = index
        try:
            identity = read_identity(self._runs_dir)
        except StoreError:
            identity = None  # who changes the queue next puts it right
        names = [run.name for run in self._queue if run.status in ("running", "paused")]
        live = {name: told for name in names if (told := read_progress(self._runs_dir / name))}
        epochs = self._read_epochs(wanted.union(names))
        self._go_on({name: epochs[name] for name in names if name in self._tails})
        self._last = Snapshot(
            runs=self._runs,
            queue=self._queue,
            live=live,
            epochs=epochs,
            published=self._read_published(epochs),
            ready=self._ready,
            arrivals=self._arrivals.of(self._runs, self._queue, live) if self._queue else {},
            unreadable=self._unreadable,
            paused=identity is not None and identity.paused,
            version=self._version,
        )
        return self._last

    def forget(self) -> None:
        """Has the next reading look at all runs."""
        self._index_stamp = None

    def failed(self, trouble: str) -> Snapshot:
        """What there was the last time it could be read, and why it cannot be now; nothing can begin."""
        return replace(self._last, trouble=trouble, ready=frozenset())

    def _survey(self) -> None:
        found, unreadable = look(self._runs_dir)
        self._runs, self._unreadable = tuple(found), tuple(unreadable)
        self._listed_with.clear()
        self._by_name = {run.name: run for run in found}
        self._queue = tuple(in_order(found))
        self._ready = frozenset(run.name for run in in_turn(found))
        self._version += 1

    def _go_on(self, epochs: Mapping[str, Sequence[EpochRecord]]) -> None:
        """Lists runs that are being trained with the epochs that they have by now; nothing else of them has
        changed, nor has their order, so that no other run need be looked at."""
        grown = {}
        for name, told in epochs.items():
            if self._listed_with.get(name) is not told:
                self._listed_with[name] = told
                run = with_epochs(self._by_name[name], told)
                if run != self._by_name[name]:
                    grown[name] = run
        if grown:
            self._by_name |= grown
            self._runs = tuple(grown.get(run.name, run) for run in self._runs)
            self._queue = tuple(grown.get(run.name, run) for run in self._queue)
            self._version += 1

    def _stamp_index(self) -> object:
        """What changes when the list of runs does; a process that dies frees the locks of its runs and
        writes nothing."""
        active = [run.name for run in self._queue if run.status in ("running", "paused")]
        folders = [self._runs_dir / name for name in active]
        stamp = _stamp(
            self._runs_dir,
            self._runs_dir / DATABASE,
            self._runs_dir / f"{DATABASE}-wal",
            self._runs_dir / STORE,
            *(folder / STATE for folder in folders),
        )
        return stamp, [is_locked(folder) for folder in folders]

    def _read_epochs(self, names: Collection[str]) -> dict[str, tuple[EpochRecord, ...]]:
        known = sorted(name for name in names if name in self._by_name)
        for name in known:
            stamp = _stamp(self._runs_dir / name / METRICS)
            if self._run_stamps.get(name) != stamp:
                try:
                    tail = self._tails.setdefault(name, EpochTail(self._runs_dir / name))
                    self._epochs[name] = tail.read()
                except StoreError:
                    self._epochs[name] = ()
                    self._tails.pop(name, None)
                    self.forget()  # the list of runs has the reason
                self._run_stamps[name] = stamp
        return {name: self._epochs[name] for name in known}

    def _read_published(self, names: Collection[str]) -> dict[str, RunReference]:
        for name in names:
            if name not in self._published:
                try:
                    profile = read_profile(self._runs_dir / name)
                    stage = cast(StageName, self._by_name[name].stage)
                    self._published[name] = run_reference(profile, stage)
                except StoreError:
                    self._published[name] = None
        found = {name: self._published[name] for name in names}
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
