"""Runs in directories as the queue makes and the worker begins them, without a queue or a training."""

from pathlib import Path

from rotui.store.layout import highest_number
from rotui.store.making import reveal, stage_run
from rotui.store.queue_entry import QueueEntry
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import PlannedRun


def queue_run(
    runs_dir: Path,
    run: PlannedRun,
    *,
    study: str = "",
    parent_run: str = "",
    store: str = "test",
    batch: str = "b",
) -> Path:
    """The directory of a queued run under the next free number."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    number = highest_number(runs_dir) + 1
    entry = QueueEntry(store=store, batch=batch, position=float(number))
    return reveal(stage_run(runs_dir, number, run, entry, study=study, parent_run=parent_run))


def begin_run(
    runs_dir: Path, run: PlannedRun, *, study: str = "", parent_run: str = "", batch: str = "b"
) -> RunDirectory:
    """The same, begun: its lock is held by this process."""
    return RunDirectory.begin(queue_run(runs_dir, run, study=study, parent_run=parent_run, batch=batch))
