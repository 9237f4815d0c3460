"""The SQLite file beside the runs: opened safely, brought up to date, kept aside where it cannot be read."""

import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from rotui.errors import DiskFullError, StoreError
from rotui.store import migrations
from rotui.store.atomic import store_errors, sync_folder
from rotui.store.filesystem import is_network_filesystem
from rotui.store.state import utc_now
from rotui.text import printable

T = TypeVar("T")

BUSY_SECONDS = 30.0
LOG_BYTES = 1 << 20
_UNREADABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""SQLITE_ERROR too: the statements here are right, so that it is the schema which is not."""
_SHORT_READ = 522  # SQLITE_IOERR_SHORT_READ: the file ends before the page that its header promises


class NewerDatabaseError(StoreError):
    """A database that a newer rotui wrote: it is left as it is."""


class UnreadableDatabaseError(StoreError):
    """A database whose bytes make no sense; the run directories have all that it held."""


class Database:
    """One SQLite file. Writers hold the runs directory's writer lock, so that no two connections ever reset
    the write-ahead log at once, which SQLite before 3.51.3 could corrupt."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self, load: Callable[[sqlite3.Connection], T]) -> Iterator[tuple[sqlite3.Connection, T]]:
        """A connection in a transaction that is committed when the block ends well and undone otherwise, and
        what `load` read through it before the block.

        Creates the file and brings an older one up to date, after a backup. Raises UnreadableDatabaseError,
        StoreError where a newer rotui wrote it or it cannot be written, and DiskFullError.
        """
        self.refuse_newer()
        with self._errors(), closing(self._connect(str(self.path))) as connection:
            self._prepare(connection, self._version(connection))
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(
                    f"PRAGMA user_version = {len(migrations.MIGRATIONS)}"
                )  # can it be written?
                yield connection, load(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that changes nothing; None where there is no database of this version to read.

        Raises UnreadableDatabaseError, and StoreError where a newer rotui wrote it.
        """
        if not self.path.is_file():
            yield None
            return
        with self._errors(), closing(self._connect(self._read_only)) as connection:
            is_current = self._version(connection) == len(migrations.MIGRATIONS)
            yield connection if is_current else None

    def keep_aside(self, why: str = "unreadable") -> Path | None:
        """Renames the file and its logs to a name that is not in use and returns it; None where none is.

        Logs that hold nothing, which one who only reads leaves, are removed.
        """
        aside = self.path.with_name(
            f"{self.path.name}.{why}-{utc_now().replace(':', '')}-{uuid.uuid4().hex[:6]}"
        )
        with store_errors(self.path, "cannot be kept aside"):
            log = self._log("-wal")
            if not log.exists() or log.stat().st_size == 0:
                for empty in filter(Path.is_file, (log, self._log("-shm"))):
                    empty.unlink()
            for suffix in ("-wal", "-shm", "-journal"):
                log = self._log(suffix)
                if log.exists():
                    log.rename(aside.with_name(aside.name + suffix))
            if not self.path.exists():
                return None
            self.path.rename(aside)
            sync_folder(self.path.parent)
        return aside

    @property
    def _read_only(self) -> str:
        return f"{self.path.resolve().as_uri()}?mode=ro"

    @property
    def _hot_journal(self) -> Path:
        """What a crash may have left, which only one who may write can roll back."""
        return self._log("-journal")

    def _log(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def refuse_newer(self) -> None:
        """Raises NewerDatabaseError before anything is opened for writing, which would touch the logs."""
        if self.path.is_file():
            with suppress(sqlite3.Error), closing(self._connect(self._read_only)) as connection:
                self._version(connection)

    @staticmethod
    def _connect(name: str) -> sqlite3.Connection:
        return sqlite3.connect(name, uri=name.startswith("file:"), timeout=BUSY_SECONDS, isolation_level=None)

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        known = len(migrations.MIGRATIONS)
        if version < 0:
            raise UnreadableDatabaseError(f"{printable(self.path)}: damaged: schema {version}")
        if version > known:
            raise NewerDatabaseError(
                f"{printable(self.path)}: written by a newer rotui (schema {version}, this one knows up to "
                f"{known}); it is left as it is (upgrade rotui, or use another --runs-dir)"
            )
        return version

    def _prepare(self, connection: sqlite3.Connection, version: int) -> None:
        shared_memory = not is_network_filesystem(self.path.parent)
        connection.execute(f"PRAGMA journal_mode = {'WAL' if shared_memory else 'DELETE'}")
        connection.execute("PRAGMA synchronous = FULL")
        told = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if told != "ok":
            raise UnreadableDatabaseError(f"{printable(self.path)}: damaged: {printable(told)}")
        steps = migrations.MIGRATIONS[version:]
        if not steps:
            return
        if version > 0:
            self._back_up(connection, version)
        connection.execute("BEGIN IMMEDIATE")
        try:
            for step in steps:
                step(connection)
            connection.execute(f"PRAGMA user_version = {len(migrations.MIGRATIONS)}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _back_up(self, connection: sqlite3.Connection, version: int) -> None:
        """A copy that stays: what a step did can be undone by hand."""
        copy = self.path.with_name(f"{self.path.name}.schema-{version}-{utc_now().replace(':', '')}")
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
        sync_folder(self.path.parent)

    def _is_disk_full(self) -> bool:
        """Whether too little room is left for SQLite's logs, which it tells as an I/O error."""
        return shutil.disk_usage(self.path.parent).free < LOG_BYTES

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """sqlite3's errors as rotui's."""
        where = printable(self.path)
        try:
            yield
        except sqlite3.Error as error:
            extended = getattr(error, "sqlite_errorcode", None) or 0
            primary = extended & 0xFF
            no_room = primary == sqlite3.SQLITE_IOERR and self._is_disk_full()
            if primary == sqlite3.SQLITE_FULL or no_room:
                raise DiskFullError(f"{where}: cannot be written: the disk is full") from error
            is_ours = os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
            refused = primary == sqlite3.SQLITE_READONLY and is_ours and not self._hot_journal.exists()
            if primary in _UNREADABLE or extended == _SHORT_READ or refused or self.path.is_dir():
                raise UnreadableDatabaseError(f"{where}: damaged: {error}") from error
            if isinstance(error, sqlite3.DatabaseError) and not extended:
                raise UnreadableDatabaseError(f"{where}: damaged: {error}") from error
            raise StoreError(f"{where}: {error}") from error
        except UnicodeDecodeError as error:
            raise UnreadableDatabaseError(f"{where}: damaged: {error}") from error
