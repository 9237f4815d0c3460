"""The lock on a device: one process trains on it, others are told which."""

import fcntl
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rotui.store.atomic import store_errors
from rotui.store.state import utc_now
from rotui.text import printable, slug


class DeviceLock:
    """An OS lock that a process holds while it trains, freed when it dies. `name` is the device's own, such
    as a GPU's UUID: one lock for all runs directories of this machine; for `cpu` each has its own."""

    def __init__(self, name: str, runs_dir: Path) -> None:
        shared = Path(tempfile.gettempdir()) / f"rotui-{slug(name)}.lock"
        self._path = runs_dir / ".cpu.lock" if name == "cpu" else shared
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self, command: Sequence[str], runs_dir: Path) -> bool:
        """Takes the lock, if it is free, and leaves word of who has it; StoreError where that fails."""
        if self._descriptor is not None:
            return True
        with store_errors(self._path, "cannot be locked"):
            descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        holder = {
            "process": os.getpid(),
            "host": platform.node(),
            "since": utc_now(),
            "command": list(command),
            "runs": str(runs_dir.absolute()),
        }
        with suppress(OSError):  # word of who has it is a courtesy; the lock is held without it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        return True

    def release(self) -> None:
        """Frees the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> str:
        """Who has the lock, in words."""
        values: dict[str, Any] = {}
        with suppress(OSError, ValueError):  # the holder may not have left word yet
            values = json.loads(self._path.read_bytes())
        if not isinstance(values, dict) or "process" not in values:
            return "another process"
        command = " ".join(map(str, values.get("command", [])))
        since = str(values.get("since", ""))[:16].replace("T", " ")
        return printable(
            f"process {values['process']} on {values.get('host')} ({command}, runs in {values.get('runs')}, "
            f"since {since} UTC)",
            400,
        )

    def _open(self) -> int:
        """A descriptor of the lock file, which other users may have made: locking needs no right to write."""
        for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_RDONLY):
            with suppress(FileNotFoundError, FileExistsError, PermissionError):
                return os.open(self._path, flags | os.O_CLOEXEC, 0o644)
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
