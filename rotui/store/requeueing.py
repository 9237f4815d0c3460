"""Queueing again what is there already: a run that failed, was stopped, cancelled or came from elsewhere."""

import uuid
from collections.abc import Sequence

from rotui.errors import InputError
from rotui.store.past_runs import PastRun, read_run, read_state
from rotui.store.queue_entry import QueueEntry
from rotui.store.run_directory import lock_run
from rotui.store.session import Session

ENDING_SECONDS = 5.0
"""How long to wait for a process that has just ended the run and still holds its lock."""


def requeue(opened: Session, past: PastRun, *, parent_run: str = "") -> None:
    """Has a worker take the run up: no hold or cancellation stays, a failed one is queued again.

    It goes on from its newest checkpoint, or from `parent_run` where it has none.
    InputError for a finished run.
    """
    if past.status == "finished":
        raise InputError(f"run {past.number} is finished (rotui run --fresh trains it again)")
    entry = past.entry
    if entry is None or entry.store != opened.identity.id:
        theirs = entry or QueueEntry(store="", batch="")
        own = {"store": opened.identity.id, "batch": uuid.uuid4().hex, "position": float(past.number)}
        entry = theirs.model_copy(update={**own, "priority": 0})
    entry = entry.model_copy(update={"held": False, "cancelled": False})
    if past.status not in ("running", "paused"):
        lock = lock_run(past.path, ENDING_SECONDS)
        try:
            state = read_state(past.path)
            if state.status == "failed":
                state = state.retried()
            if parent_run:
                state = state.model_copy(update={"parent_run": parent_run})
            if state != read_state(past.path):
                state.write(past.path)
        finally:
            lock.release()
    if entry != past.entry:
        entry.write(past.path)
    opened.record(past.path)


def retry(opened: Session, names: Sequence[str]) -> None:
    """Requeues the runs called `names` with what they start from, where that did not finish either.

    InputError where one is finished; nothing is changed then.
    """
    pasts = {name: read_run(opened.runs_dir / name) for name in names}
    for past in [*pasts.values()]:
        if past.status == "finished":
            raise InputError(f"run {past.number} is finished (rotui run --fresh trains it again)")
        if past.parent_run and any(run.name == past.parent_run for run in opened.runs):
            parent = read_run(opened.runs_dir / past.parent_run)
            if parent.status in ("failed", "cancelled"):
                pasts.setdefault(parent.name, parent)
    for past in pasts.values():
        requeue(opened, past)
