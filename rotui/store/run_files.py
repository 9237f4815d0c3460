"""All that lies in one run's directory, for who looks at it in full; read anew only where a file changed."""

import os
from dataclasses import dataclass
from pathlib import Path

from rotui.errors import StoreError
from rotui.store.checkpoints import FOLDER as CHECKPOINTS
from rotui.store.checkpoints import MANIFEST
from rotui.store.layout import ENTRY, LOG, METRICS, MODEL, PROFILE, PROVENANCE, RESULT, STATE
from rotui.store.past_runs import PastRun, read_run, read_state

LOG_BYTES = 64 * 1024
"""How much of the end of run.log is read."""
PROFILE_BYTES = 256 * 1024

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class StoredCheckpoint:
    """A checkpoint's directory by name, with the bytes of its files; `whole` says that it has a manifest."""

    name: str
    bytes: int
    whole: bool


@dataclass(frozen=True)
class RunFiles:
    """What the directory `name` holds. `past` is None where the run cannot be read, and `trouble` then says
    why. `compared` counts the epochs that a resume was judged by, `log` are the last lines of run.log and
    `log_cut` says that there are more, `model_bytes` is None before the weights are written. Texts are as
    they were written: make them printable before they are shown."""

    name: str
    past: PastRun | None
    trouble: str
    compared: int
    profile: str
    log: tuple[str, ...]
    log_cut: bool
    checkpoints: tuple[StoredCheckpoint, ...]
    model_bytes: int | None


class RunFilesReader:
    """Reads runs and remembers the one it read last. It is called by one thread at a time."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._seen: tuple[str, Stamp] | None = None
        self._files: RunFiles | None = None

    def read(self, name: str) -> RunFiles:
        """The files of the run in the directory `name`; the very same object where none of them changed."""
        path = self._runs_dir / name
        seen = (name, _stamp(path))
        if self._files is None or seen != self._seen:
            self._seen, self._files = seen, read_files(path)
        return self._files


def read_files(path: Path) -> RunFiles:
    """What the run directory `path` holds, as much of it as can be read."""
    past, trouble, compared = None, "", 0
    try:
        past, compared = read_run(path), read_state(path).compared
    except StoreError as error:
        trouble = str(error)
    log = _tail(path / LOG, LOG_BYTES)
    lines = log.decode(errors="replace").splitlines()
    cut = len(log) == LOG_BYTES
    return RunFiles(
        name=path.name,
        past=past,
        trouble=trouble,
        compared=compared,
        profile=_tail(path / PROFILE, PROFILE_BYTES).decode(errors="replace"),
        log=tuple(lines[1:] if cut else lines),
        log_cut=cut,
        checkpoints=stored_checkpoints(path),
        model_bytes=_size(path / MODEL),
    )


def stored_checkpoints(path: Path) -> tuple[StoredCheckpoint, ...]:
    """The checkpoints of the run directory `path`, newest first, without opening what they hold."""
    try:
        found = sorted((path / CHECKPOINTS).glob("epoch-*"), reverse=True)
    except OSError:
        return ()
    stored = []
    for folder in found:
        try:
            sizes = {entry.name: entry.stat().st_size for entry in folder.iterdir()}
        except OSError:
            continue
        stored.append(StoredCheckpoint(folder.name, sum(sizes.values()), MANIFEST in sizes))
    return tuple(stored)


def _tail(file: Path, limit: int) -> bytes:
    """The end of a file, empty where it cannot be read."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - limit))
            return opened.read(limit)
    except OSError:
        return b""


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _stamp(path: Path) -> Stamp:
    """What changes when a file of the run is written or replaced."""
    stamps = []
    for name in (STATE, ENTRY, PROFILE, METRICS, LOG, PROVENANCE, RESULT, MODEL, CHECKPOINTS):
        try:
            found = (path / name).stat()
        except OSError:
            stamps.append((0, 0, 0))
        else:
            stamps.append((found.st_mtime_ns, found.st_ino, found.st_size))
    return tuple(stamps)
