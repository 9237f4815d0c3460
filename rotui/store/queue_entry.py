"""`queue.json`: what users want of a run: its place in the queue, a hold, a note, tags.

Written by who holds the writer lock, so that it can change while another process trains the run.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotui.errors import StoreError
from rotui.store.atomic import store_errors, write_atomically
from rotui.store.layout import ENTRY
from rotui.text import printable

LONGEST_NOTE = 1000
LONGEST_TAG = 40


class QueueEntry(BaseModel):
    """A run's place in the queue. `store` is the id of the runs directory that queued it: a run that was
    copied from elsewhere is shown and never trained unasked. Runs of one `batch` were queued together.
    Higher `priority` goes first, then lower `position`. `queued_by` is the command that asked for the run."""

    model_config = ConfigDict(frozen=True, strict=True)

    store: str
    batch: str
    priority: int = 0
    position: float = 0.0
    held: bool = False
    cancelled: bool = False
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""
    tags: tuple[Annotated[str, Field(max_length=LONGEST_TAG)], ...] = ()
    queued_by: tuple[str, ...] = ()

    def write(self, directory: Path) -> None:
        """Writes queue.json as a whole; StoreError where that fails."""
        write_atomically(directory / ENTRY, self.model_dump_json(indent=2) + "\n")


def read_entry(directory: Path) -> QueueEntry | None:
    """The entry of the run in `directory`, None where there is none; StoreError where it is damaged."""
    path = directory / ENTRY
    try:
        with store_errors(path, "cannot be read"):
            return QueueEntry.model_validate_json(path.read_bytes())
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise StoreError(f"{printable(path)}: damaged: {where}: {fault['msg']}") from error


def whole_entry(directory: Path) -> QueueEntry | None:
    """The entry of the run in `directory`, None where there is none that can be read."""
    try:
        return read_entry(directory)
    except StoreError:
        return None
