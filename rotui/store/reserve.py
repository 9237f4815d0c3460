"""A file whose room is given up when the disk is full, so that a change of status still finds a place."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rotui.errors import DiskFullError, StoreError
from rotui.store.atomic import write_atomically
from rotui.store.layout import RESERVE

RESERVE_BYTES = 1 << 20
"""Room for a few small files and a transaction of the database."""

T = TypeVar("T")


def keep_reserve(runs_dir: Path) -> None:
    """Makes the reserve where there is none and room for it; bytes that no filesystem can compress away.

    StoreError where the directory cannot be written for another reason than a full disk.
    """
    reserve = runs_dir / RESERVE
    if not reserve.exists():
        try:
            write_atomically(reserve, os.urandom(RESERVE_BYTES))
        except DiskFullError:
            return  # there is none while the disk is full; the next run tries again


def free_reserve(runs_dir: Path) -> bool:
    """Gives the reserve's room up; whether there was one."""
    try:
        (runs_dir / RESERVE).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{runs_dir / RESERVE}: cannot be given up: {error.strerror}") from error
    return True


def with_reserve(runs_dir: Path, action: Callable[[], T]) -> T:
    """What `action` returns; where the disk is full the reserve is given up for it."""
    try:
        return action()
    except DiskFullError:
        if not free_reserve(runs_dir):
            raise
    return action()
