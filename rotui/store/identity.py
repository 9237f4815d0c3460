"""`.store.json`: what a runs directory remembers of itself beside its runs."""

import hashlib
import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

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
        """Writes the file as a whole, with its own digest; StoreError where that fails."""
        values = {**self.model_dump(), "sha256": self._digest()}
        write_atomically(runs_dir / STORE, json.dumps(values) + "\n")

    def _digest(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @classmethod
    def of_file(cls, content: bytes) -> Self:
        """What a file holds; ValueError where its digest does not vouch for it."""
        values = json.loads(content)
        digest = values.pop("sha256", "") if isinstance(values, dict) else ""
        identity = cls.model_validate(values)
        if digest != identity._digest():
            raise ValueError("its sha256 is not that of its values")
        return identity


def read_identity(runs_dir: Path) -> StoreIdentity | None:
    """What the file says, None where there is none; StoreError where it is damaged or cannot be read."""
    path = runs_dir / STORE
    try:
        with store_errors(path, "cannot be read"):
            return StoreIdentity.of_file(path.read_bytes())
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise
    except ValueError as error:
        raise StoreError(f"{printable(path)}: damaged") from error


def new_identity(runs_dir: Path, *, adopt: bool) -> StoreIdentity:
    """The identity of a runs directory that has none: with `adopt` the one that most of its runs were queued
    under, else a new one."""
    entries = [entry for path in run_paths(runs_dir) if (entry := whole_entry(path)) is not None]
    stores = Counter(entry.store for entry in entries if entry.store).most_common(1)
    known = stores[0][0] if stores and adopt else uuid.uuid4().hex
    return StoreIdentity(id=known, highest=highest_number(runs_dir))
