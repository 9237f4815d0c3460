"""The directory of a run that is being trained: begun or taken up, written as it goes, ended once."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from rotui.errors import StoreError
from rotui.failpoints import reach
from rotui.store.atomic import append_line, clear_temporaries, drop_torn_line, store_errors, write_atomically
from rotui.store.checkpoints import newest_checkpoint_name
from rotui.store.layout import LOCK, LOG, METRICS, PROVENANCE, RESULT
from rotui.store.past_runs import read_state
from rotui.store.state import RecordedStatus, RunState, Verdict, utc_now
from rotui.study.records import METRIC_COLUMNS, EpochRecord, RunResult
from rotui.text import printable


class RunTakenError(StoreError):
    """A run whose lock another process holds."""


Patiently = Callable[[Callable[[], None]], None]
"""Does a write; one that waits for room on the disk does it again."""


def at_once(write: Callable[[], None]) -> None:
    """Does a write once, whatever comes of it."""
    write()


class RunDirectory:
    """One run being trained. Holds an OS lock on the run from `begin` until `finish`, `fail`, `stop` or
    `close`; a process that dies frees it, by which readers tell a running run from an interrupted one."""

    def __init__(self, path: Path, state: RunState, lock: FileLock, patiently: Patiently) -> None:
        self._path = path
        self._state = state
        self._lock = lock
        self.patiently = patiently

    @classmethod
    def begin(cls, path: Path) -> Self:
        """Takes a queued or unfinished run where it lies: its lock is held and its state is running.

        A line of its files that a crash tore is dropped. StoreError where another process holds it, it has
        ended, or it cannot be written.
        """
        lock = lock_run(path)
        try:
            state = read_state(path)
            if state.status in ("finished", "failed"):
                raise StoreError(f"{printable(path)}: the run has ended already ({state.status})")
            clear_temporaries(path)
            with store_errors(path / LOG):
                (path / LOG).touch()
            for name in (METRICS, LOG):
                drop_torn_line(path / name)
            state = state.begun(newest_checkpoint_name(path))
            state.write(path)
        except BaseException:
            lock.release()
            raise
        return cls(path, state, lock, at_once)

    @property
    def state(self) -> RunState:
        """The state as it was last written."""
        return self._state

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
        content = json.dumps(dict(values), indent=2) + "\n"
        self.patiently(lambda: write_atomically(self._path / PROVENANCE, content))

    def append_epoch(self, record: EpochRecord) -> None:
        """Adds one row to metrics.csv, floats in full precision, None as an empty cell; StoreError."""
        self.patiently(lambda: append_line(self._path / METRICS, _row(record)))

    def rewrite_epochs(self, records: Iterable[EpochRecord]) -> None:
        """Replaces all rows of metrics.csv as a whole; StoreError."""
        lines = [",".join(METRIC_COLUMNS), *map(_row, records)]
        self.patiently(lambda: write_atomically(self._path / METRICS, "\n".join(lines) + "\n"))

    def judge_resume(self, verdict: Verdict, compared: int) -> None:
        """Records the verdict on a resume and how many epochs were compared for it; StoreError."""
        judged = self._state.judged(verdict, compared)
        if judged != self._state:
            self._change(judged)

    def log(self, text: str) -> None:
        """Adds one time-stamped line to run.log, control characters shown as escapes; StoreError."""
        line = f"{utc_now()} {printable(text, limit=4000)}"
        self.patiently(lambda: append_line(self._path / LOG, line))

    def pause(self, reason: str) -> None:
        """Records that the run waits for room on the disk; StoreError, at once."""
        self._write_at_once(self._state.changed_to("paused", reason))

    def go_on(self) -> None:
        """Records that a paused run is running again, unless what it waited for was to end; StoreError."""
        if self._state.status == "paused":
            self._write_at_once(self._state.changed_to("running"))

    def finish(self, result: RunResult, weights_sha256: str) -> None:
        """Writes result.json, then the state `finished`, and frees the run's lock; StoreError."""
        values = {"status": "finished", **result.to_json()}
        content = json.dumps(values, indent=2) + "\n"
        self.patiently(lambda: write_atomically(self._path / RESULT, content))
        reach("result")
        self._state = self._state.model_copy(update={"weights_sha256": weights_sha256})
        self._end("finished", "")

    def fail(self, reason: str) -> None:
        """Records that the run failed, and why, and frees its lock; StoreError."""
        self._end("failed", reason)

    def stop(self, reason: str) -> None:
        """Records that the run was stopped when asked to, and frees its lock; StoreError. One that has ended
        in the meantime stays as it ended."""
        if self._state.status in ("running", "paused"):
            self._end("stopped", reason)

    def close(self) -> None:
        """Frees the run's lock. A run that has not ended is `interrupted` from then on."""
        self._lock.release()

    def _change(self, state: RunState) -> None:
        self.patiently(lambda: self._write_at_once(state))

    def _write_at_once(self, state: RunState) -> None:
        state.write(self._path)
        self._state = state

    def _end(self, status: RecordedStatus, reason: str) -> None:
        if self._state.status not in ("running", "paused"):
            raise StoreError(f"{printable(self._path)}: the run has ended already ({self._state.status})")
        self._change(self._state.changed_to(status, reason))
        verdict = f", resumed {self._state.verdict}" if self._state.verdict else ""
        self.log(f"{status}{verdict}{': ' + reason if reason else ''}")
        self.close()


def lock_run(path: Path, wait_seconds: float = 0.0) -> FileLock:
    """The run's lock, held; RunTakenError where another process holds it, StoreError where it cannot be
    taken."""
    lock = FileLock(path / LOCK, thread_local=False)
    with store_errors(path / LOCK, "cannot be locked"):
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout as error:
            raise RunTakenError(f"{printable(path)}: another process is training this run") from error
    return lock


def _row(record: EpochRecord) -> str:
    measured = (getattr(record, column) for column in METRIC_COLUMNS[1:])
    return ",".join([str(record.epoch), *("" if value is None else repr(float(value)) for value in measured)])
