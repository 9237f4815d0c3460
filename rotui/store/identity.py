"""`.store.json`: what a runs directory remembers of itself beside its runs."""

import uuid
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotui.errors import StoreError
from rotui.store.atomic import store_errors, write_atomically
from rotui.store.layout import STORE, highest_number
from rotui.store.past_runs import run_paths
from rotui.store.queue_entry import whole_entry
from rotui.text import printable


class StoreIdentity(BaseModel):
    """`id` tells this runs directory from others, `highest` is the highest run number that was ever given
    here, so that none is given twice, and `paused` says that no run is to be begun."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: str
    highest: int = Field(default=0, ge=0)
    paused: bool = False

    def write(self, runs_dir: Path) -> None:
        """Writes the file as a whole; StoreError where that fails."""
        write_atomically(runs_dir / STORE, self.model_dump_json() + "\n")


def read_identity(runs_dir: Path) -> StoreIdentity | None:
    """What the file says, None where there is none; StoreError where it is damaged or cannot be read."""
    path = runs_dir / STORE
    try:
        with store_errors(path, "cannot be read"):
            return StoreIdentity.model_validate_json(path.read_bytes())
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise
    except ValidationError as error:
        raise StoreError(f"{printable(path)}: damaged") from error


def new_identity(runs_dir: Path) -> StoreIdentity:
    """The identity of a runs directory that has none: the one that most of its runs were queued under, else
    a new one."""
    entries = [entry for path in run_paths(runs_dir) if (entry := whole_entry(path)) is not None]
    stores = Counter(entry.store for entry in entries).most_common(1)
    return StoreIdentity(id=stores[0][0] if stores else uuid.uuid4().hex, highest=highest_number(runs_dir))
