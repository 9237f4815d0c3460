"""One change of a runs directory: under the writer lock, with its index, in one transaction."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from rotui.errors import StoreError
from rotui.failpoints import reach
from rotui.store.atomic import clear_temporaries, store_errors
from rotui.store.database import Database, NewerDatabaseError, UnreadableDatabaseError
from rotui.store.identity import StoreIdentity, new_identity, read_identity
from rotui.store.index import Row, load_rows, remove_rows, row_of, save_rows, survey
from rotui.store.layout import DATABASE, STORE, WRITER_LOCK
from rotui.store.listing import ListedRun, with_parents
from rotui.text import printable

if TYPE_CHECKING:
    from rotui.store.repair import Notice

WRITER_SECONDS = 60.0
"""How long to wait for another process that changes the queue, which takes it milliseconds."""


@dataclass
class Session:
    """What a change works with. `runs` are as they were when it began; `unreadable` has one message for each
    run that cannot be read and could not be repaired; `rows` are the index's, by name."""

    runs_dir: Path
    identity: StoreIdentity
    runs: list[ListedRun]
    unreadable: list[str]
    rows: dict[str, Row]
    _connection: sqlite3.Connection

    def record(self, path: Path, name: str = "") -> None:
        """Brings the index up to date with the run in the directory `path`, which will be called `name`."""
        save_rows(self._connection, [row_of(path, name)])

    def identify(self, identity: StoreIdentity) -> None:
        """Writes what the runs directory remembers of itself."""
        identity.write(self.runs_dir)
        self.identity = identity


@contextmanager
def writer_lock(runs_dir: Path) -> Iterator[None]:
    """The lock of those who change the queue; the runs directory is made where there is none.

    StoreError where another process keeps it for a minute, or nothing can be written there.
    """
    with store_errors(runs_dir, "nothing can be queued there"):
        runs_dir.mkdir(parents=True, exist_ok=True)
        path = runs_dir / WRITER_LOCK
        lock = FileLock(path, timeout=WRITER_SECONDS, poll_interval=0.01, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise StoreError(
                f"{printable(path)}: another process has held it for {WRITER_SECONDS:.0f} s"
            ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def session(runs_dir: Path, notice: "Notice") -> Iterator[Session]:
    """A change, for the holder of the writer lock; committed when the block ends well.

    Before it, what a crash left is settled, what cannot be read is repaired or kept aside, and the index is
    brought up to date with the directories.
    """
    from rotui.store.repair import repair_run, restore_entries, settle_staged  # 30 ms: looking needs none

    with ExitStack() as stack:
        connection, rows = _opened(Database(runs_dir / DATABASE), stack, notice)
        clear_temporaries(runs_dir, STORE)
        settle_staged(runs_dir, rows)
        restore_entries(runs_dir, rows, notice)
        identity = _identity(runs_dir, rows, notice)
        found = survey(runs_dir, rows, identity.id)
        repaired = [name for name in found.unreadable if repair_run(runs_dir / name, rows.get(name), notice)]
        if repaired:
            found = survey(runs_dir, rows, identity.id)
        save_rows(connection, found.changed)
        remove_rows(connection, found.gone)
        known = rows | {row.name: row for row in found.changed}
        unreadable = [*found.unreadable.values()]
        yield Session(runs_dir, identity, with_parents(found.runs), unreadable, known, connection)
        reach("before-commit")
    reach("committed")


@contextmanager
def change(runs_dir: Path, notice: "Notice") -> Iterator[Session]:
    """The writer lock and a session in it."""
    with writer_lock(runs_dir), session(runs_dir, notice) as opened:
        yield opened


def look(runs_dir: Path) -> tuple[list[ListedRun], list[str]]:
    """All runs by number and one message for each that cannot be read; nothing is changed or locked.

    StoreError where the directory cannot be listed or its database was written by a newer rotui.
    """
    rows: dict[str, Row] = {}
    try:
        with Database(runs_dir / DATABASE).reading() as connection:
            rows = load_rows(connection) if connection is not None else {}
    except NewerDatabaseError:
        raise
    except StoreError:
        rows = {}  # the directories have it all; who changes something next puts the file right
    try:
        identity = read_identity(runs_dir)
    except StoreError:
        identity = None
    found = survey(runs_dir, rows, identity.id if identity else "")
    return with_parents(found.runs), [*found.unreadable.values()]


def _opened(
    database: Database, stack: ExitStack, notice: "Notice"
) -> tuple[sqlite3.Connection, dict[str, Row]]:
    try:
        return stack.enter_context(database.writing(load_rows))
    except UnreadableDatabaseError as error:
        aside = database.keep_aside()
        kept = f"kept aside as {printable(aside.name)}, " if aside else ""
        notice(f"{error}: {kept}made again from the runs' directories")
    return stack.enter_context(database.writing(load_rows))


def _identity(runs_dir: Path, rows: dict[str, Row], notice: "Notice") -> StoreIdentity:
    """What the runs directory remembers of itself; where that is lost or damaged, what its runs say.

    Runs alone, without an index or a damaged file, may have been copied here, and are then not this one's.
    """
    was_damaged = False
    try:
        identity = read_identity(runs_dir)
    except StoreError:
        from rotui.store.repair import keep_aside

        keep_aside(runs_dir / STORE, notice)
        identity, was_damaged = None, True
    if identity is None:
        identity = new_identity(runs_dir, adopt=was_damaged or bool(rows))
        identity.write(runs_dir)
    return identity
