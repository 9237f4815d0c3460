"""How a run stands: derived from what was recorded, the lock of who trains it, and what users want of it."""

import fcntl
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rotui.store.atomic import store_errors
from rotui.store.layout import LOCK, RESULT

if TYPE_CHECKING:
    from rotui.store.queue_entry import QueueEntry
    from rotui.store.state import RunState

Status = Literal[
    "queued",
    "held",
    "running",
    "paused",
    "stopped",
    "interrupted",
    "finished",
    "failed",
    "skipped",
    "cancelled",
]
"""`running` and `paused` (waiting for room on the disk) mean that a process holds the run's lock now,
`interrupted` that the process which ran it is gone. A queued run is `skipped` where what it starts from
did not finish, which only its neighbours tell."""

UNFINISHED: frozenset[Status] = frozenset({"queued", "stopped", "interrupted"})
"""What a worker takes up."""
ENDED: frozenset[Status] = frozenset({"finished", "failed", "skipped", "cancelled"})
"""What nothing more happens to unless someone asks for it."""


def is_locked(directory: Path) -> bool:
    """Whether a process holds the run's lock; asked with a shared lock, so that readers never see each
    other. StoreError where the lock cannot be read."""
    path = directory / LOCK
    with store_errors(path, "cannot be read"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
    return False


def status_of(directory: Path, state: "RunState", entry: "QueueEntry | None", *, locked: bool) -> Status:
    """The status of the run in `directory` by itself."""
    if state.status in ("finished", "failed"):
        return state.status
    if locked and state.status in ("running", "paused"):
        return state.status
    if state.status in ("running", "paused") and (directory / RESULT).exists():
        return "finished"
    if entry is not None and entry.cancelled:
        return "cancelled"
    if entry is not None and entry.held:
        return "held"
    if state.status == "stopped":
        return "stopped"
    return "interrupted" if state.status in ("running", "paused") else "queued"
