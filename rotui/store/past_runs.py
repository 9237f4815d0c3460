"""Runs read back from their directories, whoever wrote them; nothing is changed, locked or executed."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from rotui.errors import StoreError
from rotui.profile.stages import StageName
from rotui.store.atomic import damaged, store_errors
from rotui.store.epoch_rows import read_epochs
from rotui.store.layout import MODEL, PROFILE, PROVENANCE, RESULT, STATE, run_number
from rotui.store.queue_entry import QueueEntry, read_entry
from rotui.store.state import RunState, Verdict
from rotui.store.status import Status, is_locked, status_of
from rotui.study.records import EpochRecord, RunResult

if TYPE_CHECKING:
    from rotui.profile.schema import Profile


@dataclass(frozen=True)
class PastRun:
    """One run of the runs directory: waiting, running or over. `status` is derived from its own files alone
    (`rotui.store.status`). `result` is None unless the run is finished, `provenance` empty until it is
    written, `entry` None for a run that was never queued here. Texts are as they were written: make them
    printable before they are shown."""

    name: str
    path: Path
    number: int
    key: str
    parent: str
    parent_run: str
    stage: StageName
    profile: "Profile"
    study: str
    status: Status
    reason: str
    resumes: int
    verdict: Verdict
    weights_sha256: str
    created: str
    changed: str
    entry: QueueEntry | None
    epochs: tuple[EpochRecord, ...]
    result: RunResult | None
    provenance: Mapping[str, Any]

    @property
    def data_identity(self) -> str:
        """Fingerprint of the images that were trained on; empty where none was recorded."""
        return str(self.provenance.get("data_identity", ""))


def read_run(path: Path) -> PastRun:
    """The run in the directory `path`; StoreError naming the file and what is wrong with it."""
    entry = read_entry(path)
    state, status = _status(path, entry)
    return PastRun(
        name=path.name,
        path=path,
        number=run_number(path.name) or state.number,
        key=state.key,
        parent=state.parent,
        parent_run=state.parent_run,
        stage=state.stage,
        profile=read_profile(path),
        study=state.study,
        status=status,
        reason=state.reason,
        resumes=state.resumes,
        verdict=state.verdict,
        weights_sha256=state.weights_sha256,
        created=state.created,
        changed=state.changed,
        entry=entry,
        epochs=read_epochs(path),
        result=_read_result(path / RESULT) if status == "finished" else None,
        provenance=read_provenance(path),
    )


def read_runs(runs_dir: Path) -> tuple[list[PastRun], list[str]]:
    """All runs of `runs_dir` by number, and one message for each directory that cannot be read.

    A directory that does not exist has no runs; StoreError where it cannot be listed.
    """
    runs: list[PastRun] = []
    unreadable: list[str] = []
    for path in run_paths(runs_dir):
        try:
            runs.append(read_run(path))
        except StoreError as error:
            unreadable.append(str(error))
    return sorted(runs, key=lambda run: (run.number, run.name)), unreadable


def finished_runs(runs_dir: Path) -> dict[str, PastRun]:
    """By content key, the newest finished run whose weights are there. Unreadable runs count as absent."""
    runs, _ = read_runs(runs_dir)
    return {run.key: run for run in runs if run.status == "finished" and (run.path / MODEL).is_file()}


def run_paths(runs_dir: Path) -> list[Path]:
    """The directories of all runs, by name. None where `runs_dir` does not exist; StoreError where it cannot
    be listed."""
    with store_errors(runs_dir, "the runs cannot be listed"):
        try:
            with os.scandir(runs_dir) as entries:
                names = [entry.name for entry in entries if entry.name[0] != "." and entry.is_dir()]
        except FileNotFoundError:
            return []
        folders = [runs_dir / name for name in sorted(names)]
        return [folder for folder in folders if run_number(folder.name) or (folder / STATE).exists()]


def _status(path: Path, entry: QueueEntry | None) -> tuple[RunState, Status]:
    state = read_state(path)
    if state.status in ("running", "paused") and not is_locked(path):
        state = read_state(path)  # what it was at the moment the lock was freed
        return state, status_of(path, state, entry, locked=False)
    return state, status_of(path, state, entry, locked=True)


def _read_bytes(path: Path) -> bytes:
    with store_errors(path, "cannot be read"):
        return path.read_bytes()


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]


def read_state(directory: Path) -> RunState:
    """The state in a run's directory as it was written; StoreError where it is damaged or cannot be read."""
    path = directory / STATE
    try:
        return RunState.model_validate_json(_read_bytes(path))
    except ValidationError as error:
        raise damaged(path, _first_fault(error)) from error


def read_profile(directory: Path) -> "Profile":
    """The settings in a run's directory; StoreError where they are damaged or cannot be read."""
    from rotui.profile.schema import Profile  # 30 ms: lists of runs need none

    path = directory / PROFILE
    raw = _read_bytes(path)
    try:
        return Profile.model_validate(tomllib.loads(raw.decode()))
    except ValidationError as error:
        raise damaged(path, _first_fault(error)) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise damaged(path, error) from error


@cache
def _result_adapter() -> TypeAdapter[RunResult]:
    return TypeAdapter(RunResult)


def _read_result(path: Path) -> RunResult:
    try:
        return _result_adapter().validate_json(_read_bytes(path))
    except ValidationError as error:
        raise damaged(path, _first_fault(error)) from error


def read_provenance(directory: Path) -> dict[str, Any]:
    """What made the run in a directory, empty before it began; StoreError where it is damaged."""
    path = directory / PROVENANCE
    if not path.exists():
        return {}
    try:
        values = json.loads(_read_bytes(path))
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(values, dict):
        raise damaged(path, "not a JSON object")
    return values
