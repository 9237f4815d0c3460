"""The directory of a run that is being written: it appears whole, grows as the run goes, and ends once."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from rotui.errors import StoreError
from rotui.failpoints import reach
from rotui.profile.loading import dump_profile
from rotui.store.atomic import append_line, drop_torn_line, store_errors, sync_folder, write_atomically
from rotui.store.layout import (
    CREATION_LOCK,
    LOCK,
    LOG,
    METRICS,
    PROFILE,
    PROVENANCE,
    RESULT,
    abandoned_stagings,
    highest_number,
    run_name,
    staged_path,
)
from rotui.store.past_runs import PastRun, read_state
from rotui.store.state import RecordedStatus, RunState, Verdict, utc_now
from rotui.study.planning import PlannedRun
from rotui.study.records import METRIC_COLUMNS, EpochRecord, RunResult
from rotui.text import printable

CREATION_TIMEOUT = 60.0
"""Seconds to wait for another process that is creating a run, which takes it a few milliseconds."""


class RunDirectory:
    """One run being written. Holds an OS lock on the run from `create` until `finish`, `fail`, `stop` or
    `close`; a process that dies frees it, by which readers tell a running run from an interrupted one."""

    def __init__(self, path: Path, state: RunState, lock: FileLock) -> None:
        self._path = path
        self._state = state
        self._lock = lock

    @classmethod
    def create(cls, runs_dir: Path, run: PlannedRun, *, study: str, parent_run: str = "") -> Self:
        """Makes the directory of `run` under the next free number, with profile.toml and state.json.

        `parent_run` names the run whose weights it starts from, empty for random weights. Safe against other
        processes. StoreError where it cannot be made.
        """
        with store_errors(runs_dir, "no run can be made there"):
            runs_dir.mkdir(parents=True, exist_ok=True)
            with FileLock(runs_dir / CREATION_LOCK, timeout=CREATION_TIMEOUT):
                for abandoned in abandoned_stagings(runs_dir):
                    shutil.rmtree(abandoned)
                number = highest_number(runs_dir) + 1
                name = run_name(number, run.profile.name, run.stage_name, run.profile.seed)
                now = utc_now()
                state = RunState(
                    number=number,
                    key=run.key,
                    parent=run.parent,
                    parent_run=parent_run,
                    stage=run.stage_name,
                    study=study,
                    created=now,
                    changed=now,
                )
                return cls._make(runs_dir, name, state, dump_profile(run.profile))

    @classmethod
    def _make(cls, runs_dir: Path, name: str, state: RunState, profile: str) -> Self:
        staged = staged_path(runs_dir, name)
        staged.mkdir()
        lock = FileLock(staged / LOCK, thread_local=False)
        try:
            lock.acquire(timeout=0)
            write_atomically(staged / PROFILE, profile)
            write_atomically(staged / METRICS, ",".join(METRIC_COLUMNS) + "\n")
            write_atomically(staged / LOG, "")
            state.write(staged)
            staged.rename(runs_dir / name)
        except BaseException:
            lock.release()
            shutil.rmtree(staged, ignore_errors=True)
            raise
        sync_folder(runs_dir)
        return cls(runs_dir / name, state, lock)

    @classmethod
    def reopen(cls, past: PastRun) -> Self:
        """Takes up an unfinished run where it lies: its lock is held again and its state is running.

        A line of its files that a crash tore is dropped. StoreError where another process holds it or it
        cannot be written.
        """
        lock = FileLock(past.path / LOCK, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreError(f"{printable(past.path)}: another process is training this run") from error
        try:
            for name in (METRICS, LOG):
                drop_torn_line(past.path / name)
            state = read_state(past.path).resumed()
            state.write(past.path)
        except BaseException:
            lock.release()
            raise
        return cls(past.path, state, lock)

    @property
    def path(self) -> Path:
        """The directory."""
        return self._path

    @property
    def name(self) -> str:
        """The directory's name in the runs directory."""
        return self._path.name

    def write_provenance(self, values: Mapping[str, Any]) -> None:
        """Writes provenance.json; `values` are plain JSON values. StoreError where that fails."""
        write_atomically(self._path / PROVENANCE, json.dumps(dict(values), indent=2) + "\n")

    def append_epoch(self, record: EpochRecord) -> None:
        """Adds one row to metrics.csv, floats in full precision, None as an empty cell; StoreError."""
        append_line(self._path / METRICS, _row(record))

    def rewrite_epochs(self, records: Iterable[EpochRecord]) -> None:
        """Replaces all rows of metrics.csv as a whole; StoreError."""
        lines = [",".join(METRIC_COLUMNS), *map(_row, records)]
        write_atomically(self._path / METRICS, "\n".join(lines) + "\n")

    def judge_resume(self, verdict: Verdict, compared: int) -> None:
        """Records the verdict on a resume and how many epochs were compared for it; StoreError."""
        self._state = self._state.judged(verdict, compared)
        self._state.write(self._path)

    def log(self, text: str) -> None:
        """Adds one time-stamped line to run.log, control characters shown as escapes; StoreError."""
        append_line(self._path / LOG, f"{utc_now()} {printable(text, limit=4000)}")

    def finish(self, result: RunResult) -> None:
        """Writes result.json, then the state `finished`, and frees the run's lock; StoreError."""
        values = {"status": "finished", **result.to_json()}
        write_atomically(self._path / RESULT, json.dumps(values, indent=2) + "\n")
        reach("result")
        self._end("finished", "")

    def fail(self, reason: str) -> None:
        """Records that the run failed, and why, and frees its lock; StoreError."""
        self._end("failed", reason)

    def stop(self, reason: str) -> None:
        """Records that the run was stopped when asked to, and frees its lock; StoreError. One that has ended
        in the meantime stays as it ended."""
        if self._state.status == "running":
            self._end("stopped", reason)

    def close(self) -> None:
        """Frees the run's lock. A run that has not ended is `interrupted` from then on."""
        self._lock.release()

    def _end(self, status: RecordedStatus, reason: str) -> None:
        if self._state.status != "running":
            raise StoreError(f"{printable(self._path)}: the run has ended already ({self._state.status})")
        ended = self._state.changed_to(status, reason)
        ended.write(self._path)
        self._state = ended
        verdict = f", resumed {ended.verdict}" if ended.verdict else ""
        self.log(f"{status}{verdict}{': ' + reason if reason else ''}")
        self.close()


def _row(record: EpochRecord) -> str:
    measured = (getattr(record, column) for column in METRIC_COLUMNS[1:])
    return ",".join([str(record.epoch), *("" if value is None else repr(float(value)) for value in measured)])
