"""Checkpoints of a run: a directory each with a sha256 manifest, the newest two kept.

A checkpoint is written under a unique temporary name, flushed and renamed. One that its manifest does not
vouch for is passed over for the one before.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rotui.errors import StoreError
from rotui.failpoints import reach
from rotui.store.atomic import store_errors, sync_folder
from rotui.text import printable

FOLDER = "checkpoints"
MANIFEST = "manifest.json"
STATE = "state.pt"
KEPT = 2
FORMAT = 1


class Manifest(BaseModel):
    """What a checkpoint holds: after `epoch` whole epochs and `step` steps of the next one. `environment`
    are the plain values that its bits depend on; `sha256` and `bytes` are those of its state."""

    model_config = ConfigDict(frozen=True, strict=True)

    format: int
    key: str
    epoch: int
    step: int
    environment: dict[str, str | int | bool]
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint whose state is what its manifest says."""

    path: Path
    manifest: Manifest
    state: bytes


def save_checkpoint(
    run: Path, state: bytes, *, key: str, epoch: int, step: int, environment: Mapping[str, Any]
) -> Path:
    """Writes a checkpoint of the run in directory `run` and removes all but the newest two.

    StoreError where it cannot be written; the ones before then stand and no temporary stays behind.
    """
    folder = run / FOLDER
    final = folder / f"epoch-{epoch:06d}-step-{step:08d}"
    manifest = Manifest(
        format=FORMAT,
        key=key,
        epoch=epoch,
        step=step,
        environment=dict(environment),
        sha256=hashlib.sha256(state).hexdigest(),
        bytes=len(state),
    )
    with store_errors(folder, "no checkpoint can be written"):
        folder.mkdir(exist_ok=True)
        _remove_temporaries(folder)
        temporary = folder / f".{final.name}.{uuid.uuid4().hex}.tmp"
        try:
            temporary.mkdir()
            _write(temporary / STATE, state)
            reach("checkpoint-half-written")
            _write(temporary / MANIFEST, manifest.model_dump_json(indent=2).encode())
            sync_folder(temporary)
            reach("checkpoint-written")
            if final.exists():
                shutil.rmtree(final)
            temporary.rename(final)
            reach("checkpoint-renamed")
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(folder)
        for old in _checkpoints(folder)[KEPT:]:
            shutil.rmtree(old)
    return final


def newest_checkpoint(run: Path, key: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint of the run in directory `run`, and a message for each that is damaged.

    One that was made for another content key, or in a format this rotui does not know, counts as damaged.
    """
    damaged: list[str] = []
    for path in _checkpoints(run / FOLDER):
        try:
            return _read(path, key), damaged
        except StoreError as error:
            damaged.append(str(error))
    return None, damaged


def newest_checkpoint_name(run: Path) -> str:
    """Name of the newest checkpoint of the run in directory `run`, whole or not; empty where none is."""
    return next((path.name for path in _checkpoints(run / FOLDER)), "")


def newest_environment(run: Path) -> dict[str, str | int | bool] | None:
    """What the newest checkpoint's bits depend on, by its manifest alone; None where none can be read."""
    for path in _checkpoints(run / FOLDER):
        try:
            return Manifest.model_validate_json((path / MANIFEST).read_bytes()).environment
        except (OSError, ValidationError):
            continue
    return None


def remove_checkpoints(run: Path) -> None:
    """Removes all checkpoints of a run that is finished; StoreError where that fails."""
    with store_errors(run / FOLDER, "the checkpoints cannot be removed"):
        if (run / FOLDER).is_dir():
            shutil.rmtree(run / FOLDER)


def _read(path: Path, key: str) -> Checkpoint:
    with store_errors(path, "cannot be read"):
        written = (path / MANIFEST).read_bytes()
        state = (path / STATE).read_bytes()
    try:
        manifest = Manifest.model_validate_json(written)
    except ValidationError as error:
        raise StoreError(f"{printable(path / MANIFEST)}: damaged") from error
    if manifest.format != FORMAT:
        raise StoreError(f"{printable(path / MANIFEST)}: format {manifest.format} is not known ({FORMAT})")
    if manifest.key != key:
        raise StoreError(f"{printable(path / MANIFEST)}: belongs to another run")
    if hashlib.sha256(state).hexdigest() != manifest.sha256:
        raise StoreError(f"{printable(path / STATE)}: damaged, its sha256 is not the manifest's")
    return Checkpoint(path, manifest, state)


def _checkpoints(folder: Path) -> list[Path]:
    """Newest first."""
    if not folder.is_dir():
        return []
    found = [entry for entry in folder.iterdir() if entry.name.startswith("epoch-") and entry.is_dir()]
    return sorted(found, reverse=True)


def _remove_temporaries(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name.startswith(".") and entry.name.endswith(".tmp"):
            shutil.rmtree(entry, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
