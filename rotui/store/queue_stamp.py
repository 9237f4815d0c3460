"""What tells that the queue may have changed, in a few calls of stat."""

from pathlib import Path

from rotui.store.layout import DATABASE, STORE

Stamp = tuple[tuple[int, int, int], ...]


def queue_stamp(runs_dir: Path) -> Stamp:
    """Another value whenever a run was added or changed by a user, or has ended."""
    return tuple(_stamp(runs_dir / name) for name in (DATABASE, f"{DATABASE}-wal", STORE))


def _stamp(file: Path) -> tuple[int, int, int]:
    """Time, place and size; an empty log, which a reader leaves, is none."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return (found.st_mtime_ns, found.st_ino, found.st_size) if found.st_size else (0, 0, 0)
