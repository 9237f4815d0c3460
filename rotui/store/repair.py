"""What a crash or a bad disk left: runs whose making was cut off, and files that cannot be read.

For the holder of the writer lock. What cannot be read is kept aside under a new name, never overwritten.
"""

import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from rotui.errors import StoreError
from rotui.failpoints import reach
from rotui.profile.schema import Profile
from rotui.store.atomic import store_errors, sync_folder, write_atomically
from rotui.store.epoch_rows import read_epochs
from rotui.store.index import Row
from rotui.store.layout import ENTRY, METRICS, PROFILE, PROVENANCE, STATE, revealed_path, staged_runs
from rotui.store.making import reveal
from rotui.store.past_runs import read_profile, read_provenance, read_state, run_paths
from rotui.store.queue_entry import read_entry, whole_entry
from rotui.store.status import is_locked
from rotui.study.content_key import content_key
from rotui.study.records import METRIC_COLUMNS
from rotui.text import printable

Notice = Callable[[str], None]
"""Told, in one line each, what was repaired."""

Reader = Callable[[Path], object]


def settle_staged(runs_dir: Path, rows: Mapping[str, Row]) -> None:
    """Shows the staged runs whose queueing was committed and removes the others.

    Committed is what the database has a row of, and, where the database was lost, what belongs to a batch of
    which a run is shown already.
    """
    staged = staged_runs(runs_dir)
    if not staged:
        return
    batches = {entry.batch for path in run_paths(runs_dir) if (entry := whole_entry(path)) is not None}
    for path in staged:
        entry = whole_entry(path)
        is_shown = entry is not None and entry.batch in batches
        is_stale = revealed_path(path).exists()
        if not is_stale and (revealed_path(path).name in rows or is_shown):
            reveal(path)
            reach("settled")
        else:
            with store_errors(path, "cannot be removed"):
                shutil.rmtree(path)
    sync_folder(runs_dir)


def restore_entries(runs_dir: Path, rows: Mapping[str, Row], notice: Notice) -> None:
    """Writes the queue.json of runs again that have lost theirs and are in the index with it."""
    for path in run_paths(runs_dir):
        row = rows.get(path.name)
        if row is not None and row.entry and not (path / ENTRY).exists():
            write_atomically(path / ENTRY, row.entry)
            notice(f"{printable(path / ENTRY)}: was gone, restored from the index")


def repair_run(path: Path, row: Row | None, notice: Notice) -> bool:
    """Puts right the files of a run that cannot be read, from its `row` where there is one; says whether
    anything was changed. A run that is being trained, or has ended, is left as it is."""
    if is_locked(path):
        return False
    repaired = False
    texts = {PROFILE: row.profile, STATE: row.state, ENTRY: row.entry} if row else {}
    readers: tuple[tuple[str, Reader], ...] = (
        (STATE, read_state),
        (PROFILE, _frozen_profile),
        (ENTRY, read_entry),
    )
    for name, read in readers:
        if _can_be_read(read, path) and not _is_cut_off(path / name, texts.get(name, "")):
            continue
        if not texts.get(name) and name != ENTRY:
            return repaired  # nothing to restore it from: it is left, and told
        keep_aside(path / name, notice)
        if texts.get(name):
            write_atomically(path / name, texts[name])
        repaired = True
    if not _can_be_read(read_state, path) or read_state(path).status in ("finished", "failed"):
        return repaired
    if not _can_be_read(read_epochs, path):
        keep_aside(path / METRICS, notice)
        write_atomically(path / METRICS, ",".join(METRIC_COLUMNS) + "\n")
        repaired = True
    if not _can_be_read(read_provenance, path):
        keep_aside(path / PROVENANCE, notice)
        repaired = True
    return repaired


def keep_aside(file: Path, notice: Notice) -> None:
    """Renames a file that cannot be read to a name that is not in use; StoreError where that fails."""
    aside = file.with_name(f"{file.name}.unreadable-{uuid.uuid4().hex[:6]}")
    with store_errors(file, "cannot be kept aside"):
        if file.exists():
            file.rename(aside)
            sync_folder(file.parent)
            notice(f"{printable(file)}: could not be read, kept aside as {printable(aside.name)}")
        else:
            notice(f"{printable(file)}: was gone")


def _is_cut_off(file: Path, whole: str) -> bool:
    """Whether a file is the beginning of what it was, which may well make sense by itself."""
    with store_errors(file, "cannot be read"):
        raw = file.read_bytes() if file.exists() else b""
    return file.name == PROFILE and len(raw) < len(whole.encode()) and whole.encode().startswith(raw)


def _frozen_profile(directory: Path) -> Profile:
    """The settings of a run; StoreError where they are damaged or not those it was queued with."""
    profile, state = read_profile(directory), read_state(directory)
    if content_key(profile, state.stage, state.parent) != state.key:
        raise StoreError(f"{printable(directory / PROFILE)}: its settings are not those it was queued with")
    return profile


def _can_be_read(read: Reader, directory: Path) -> bool:
    try:
        read(directory)
    except StoreError:
        return False
    return True
