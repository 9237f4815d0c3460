"""The index of the runs: rows of the database that spare reading directories which have not changed.

A directory always wins: a row counts only while the stamps of the run's files are those it was made from,
and only if its digest vouches for it.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from rotui.errors import StoreError
from rotui.store.atomic import store_errors
from rotui.store.layout import ENTRY, PROFILE, STATE
from rotui.store.listing import ListedRun, listed
from rotui.store.past_runs import read_run, run_paths


@dataclass(frozen=True)
class Row:
    """One run as the database has it: `profile`, `state` and `entry` are its files' texts, from which they
    can be written again; `listed` is JSON of a ListedRun."""

    name: str
    number: int
    key: str
    batch: str
    state_stamp: str
    entry_stamp: str
    profile: str
    state: str
    entry: str
    summary: str
    digest: str = ""

    def vouched(self) -> "Row":
        """The row with its digest."""
        return replace(self, digest=self._digest())

    @property
    def is_whole(self) -> bool:
        """Whether the digest is that of the values."""
        return self.digest == self._digest()

    def run(self, store: str) -> ListedRun | None:
        """The line of a list that the row holds, in the runs directory whose id is `store`; None where an
        older rotui wrote it, which listed other values."""
        return _listed(self.summary, store)

    def _digest(self) -> str:
        return hashlib.sha256(repr(_told(self)).encode()).hexdigest()


_told = attrgetter(*(field.name for field in fields(Row) if field.name != "digest"))


@lru_cache(maxsize=16_384)
def _listed(summary: str, store: str) -> ListedRun | None:
    """Read once for as long as the row stays the same: the console asks for thousands again and again."""
    values = json.loads(summary)
    if values.keys() != ListedRun.__dataclass_fields__.keys():
        return None
    values["tags"] = tuple(values["tags"])
    return ListedRun(**{**values, "own": values["own"] == store})


_COLUMNS = ", ".join(field.name for field in fields(Row))
_PLACES = ", ".join("?" for _ in fields(Row))


@dataclass(frozen=True)
class Survey:
    """What is in a runs directory: all runs, the rows that were made anew for it, the names whose rows have
    no run any more, and one message for each run that cannot be read, by name."""

    runs: dict[str, ListedRun]
    changed: tuple[Row, ...]
    gone: tuple[str, ...]
    unreadable: dict[str, str]


def load_rows(connection: sqlite3.Connection) -> dict[str, Row]:
    """Every row that its digest vouches for, by name."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM runs")  # column names of Row
    rows = (Row(*values) for values in found)
    return {row.name: row for row in rows if row.is_whole}


def save_rows(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Adds rows or puts them in the place of older ones."""
    statement = f"INSERT OR REPLACE INTO runs ({_COLUMNS}) VALUES ({_PLACES})"
    connection.executemany(statement, [astuple(row) for row in rows])


def remove_rows(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Removes the rows of runs that are gone."""
    connection.executemany("DELETE FROM runs WHERE name = ?", [(name,) for name in names])


def row_of(path: Path, name: str = "") -> Row:
    """The row of the run in the directory `path`, which is or will be called `name`; StoreError where a file
    of it cannot be read."""
    stamps = _stamps(path)
    run = read_run(path)
    values = listed(run, run.entry.store if run.entry else "").__dict__
    name = name or run.name
    texts = {}
    for file in (PROFILE, STATE, ENTRY):
        with store_errors(path / file, "cannot be read"):
            texts[file] = (path / file).read_text("utf-8") if (path / file).exists() else ""
    return Row(
        name=name,
        number=run.number,
        key=run.key,
        batch=run.entry.batch if run.entry else "",
        state_stamp=stamps[0],
        entry_stamp=stamps[1],
        profile=texts[PROFILE],
        state=texts[STATE],
        entry=texts[ENTRY],
        summary=json.dumps({**values, "name": name, "own": run.entry.store if run.entry else None}),
    ).vouched()


def survey(runs_dir: Path, rows: dict[str, Row], store: str) -> Survey:
    """All runs of `runs_dir` as they are now, read anew where the `rows` do not count.

    StoreError where the directory cannot be listed.
    """
    runs: dict[str, ListedRun] = {}
    changed: list[Row] = []
    unreadable: dict[str, str] = {}
    paths = run_paths(runs_dir)
    for path in paths:
        row = rows.get(path.name)
        try:
            stamps = _stamps(path)
            run = None
            if row is not None and (row.state_stamp, row.entry_stamp) == stamps:
                run = row.run(store)
            if run is None:
                row = row_of(path)
                changed.append(row)
                run = _run_of(row, store)
            if run.status in ("running", "paused"):
                run = _run_of(row_of(path), store)
        except StoreError as error:
            unreadable[path.name] = str(error)
        else:
            runs[path.name] = run
    gone = rows.keys() - {path.name for path in paths}
    return Survey(runs, tuple(changed), tuple(sorted(gone)), unreadable)


def _run_of(row: Row, store: str) -> ListedRun:
    """The line of a row that was just made, which has all values."""
    run = row.run(store)
    assert run is not None
    return run


def _stamps(path: Path) -> tuple[str, str]:
    """What changes whenever state.json or queue.json is written; empty where there is none."""
    return _stamp(path / STATE), _stamp(path / ENTRY)


def _stamp(file: Path) -> str:
    with store_errors(file, "cannot be read"):
        try:
            found = os.stat(file)  # noqa: PTH116  # a third faster than Path.stat, for thousands of files
        except FileNotFoundError:
            return ""
    return f"{found.st_mtime_ns}-{found.st_ino}-{found.st_size}"
