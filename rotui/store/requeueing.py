"""Queueing again what is there already: a run that failed, was stopped, cancelled or came from elsewhere."""

import uuid

from rotui.errors import InputError
from rotui.store.past_runs import PastRun, read_run, read_state
from rotui.store.queue_entry import QueueEntry
from rotui.store.run_directory import lock_run
from rotui.store.session import Session

ENDING_SECONDS = 5.0
"""How long to wait for a process that has just ended the run and still holds its lock."""


def requeue(opened: Session, past: PastRun, *, parent_run: str = "") -> None:
    """Has a worker take the run up: no hold or cancellation stays, a failed one is queued again.

    It goes on from its newest checkpoint. Where it has not begun, `parent_run` is what it starts from.
    InputError for a finished run.
    """
    if past.status == "finished":
        raise InputError(f"run {past.number} is finished (rotui run --fresh trains it again)")
    entry = past.entry
    if entry is None or entry.store != opened.identity.id:
        entry = QueueEntry(store=opened.identity.id, batch=uuid.uuid4().hex, position=float(past.number))
    entry = entry.model_copy(update={"held": False, "cancelled": False})
    if past.status not in ("running", "paused"):
        lock = lock_run(past.path, ENDING_SECONDS)
        try:
            state = read_state(past.path)
            if state.status == "failed":
                state = state.retried()
            if parent_run and not past.epochs:
                state = state.model_copy(update={"parent_run": parent_run})
            if state != read_state(past.path):
                state.write(past.path)
        finally:
            lock.release()
    if entry != past.entry:
        entry.write(past.path)
    opened.record(past.path)


def retry(opened: Session, name: str) -> None:
    """Requeues the run called `name` with what it starts from, where that did not finish either."""
    past = read_run(opened.runs_dir / name)
    if past.parent_run and any(run.name == past.parent_run for run in opened.runs):
        parent = read_run(opened.runs_dir / past.parent_run)
        if parent.status in ("failed", "cancelled"):
            requeue(opened, parent)
    requeue(opened, past)
