"""Reads the runs directory for the console: what changed since the last time, nothing else."""

from collections.abc import Collection
from pathlib import Path
from typing import cast

from rotui.errors import StoreError
from rotui.profile.stages import StageName
from rotui.results.run_reference import RunReference, run_reference
from rotui.store.arrivals import Arrivals
from rotui.store.epoch_rows import EpochTail
from rotui.store.identity import read_identity
from rotui.store.layout import DATABASE, METRICS, STATE, STORE
from rotui.store.listing import ListedRun
from rotui.store.live_progress import read_progress
from rotui.store.ordering import in_order, in_turn
from rotui.store.past_runs import read_profile
from rotui.store.session import look
from rotui.store.status import is_locked
from rotui.study.machine import Machine
from rotui.study.records import EpochRecord
from rotui.tui.snapshot import Snapshot

Stamp = tuple[tuple[int, int, int], ...]


class SnapshotReader:
    """Makes one Snapshot after another and keeps what need not be read again."""

    def __init__(self, runs_dir: Path, machine: Machine) -> None:
        self._runs_dir = runs_dir
        self._arrivals = Arrivals(runs_dir, machine)
        self._index_stamp: object = None
        self._run_stamps: dict[str, Stamp] = {}
        self._tails: dict[str, EpochTail] = {}
        self._epochs: dict[str, tuple[EpochRecord, ...]] = {}
        self._published: dict[str, RunReference | None] = {}

    def read(self, before: Snapshot, wanted: frozenset[str]) -> Snapshot:
        """What there is now, where `before` was there: with the epochs of the `wanted` runs. Raises
        RotuiError."""
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
        epochs = self._read_epochs(runs, wanted.union(going_on))
        return Snapshot(
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
                    tail = self._tails.setdefault(name, EpochTail(self._runs_dir / name))
                    self._epochs[name] = tail.read()
                except StoreError:
                    self._epochs[name] = ()
                    self._tails.pop(name, None)
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
