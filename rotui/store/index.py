"""The index of the runs: rows of the database that spare reading directories which have not changed.

A directory always wins: a row counts only while the stamps of the run's files are those it was made from,
and only if its digest vouches for it.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
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

    @property
    def is_current(self) -> bool:
        """Whether the summary has the values that this rotui lists, which an older one did not write."""
        return set(json.loads(self.summary)) == set(ListedRun.__dataclass_fields__)

    def run(self, store: str) -> ListedRun:
        """The line of a list that the row holds, in the runs directory whose id is `store`."""
        values = json.loads(self.summary)
        values["tags"] = tuple(values["tags"])
        return ListedRun(**{**values, "own": values["own"] == store})

    def _digest(self) -> str:
        return hashlib.sha256(repr(astuple(self)[:-1]).encode()).hexdigest()


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
            if row is None or (row.state_stamp, row.entry_stamp) != stamps or not row.is_current:
                row = row_of(path)
                changed.append(row)
            run = row.run(store)
            if run.status in ("running", "paused"):
                run = row_of(path).run(store)
        except StoreError as error:
            unreadable[path.name] = str(error)
        else:
            runs[path.name] = run
    gone = rows.keys() - {path.name for path in paths}
    return Survey(runs, tuple(changed), tuple(sorted(gone)), unreadable)


def _stamps(path: Path) -> tuple[str, str]:
    """What changes whenever state.json or queue.json is written; empty where there is none."""
    return _stamp(path / STATE), _stamp(path / ENTRY)


def _stamp(file: Path) -> str:
    with store_errors(file, "cannot be read"):
        try:
            found = file.stat()
        except FileNotFoundError:
            return ""
    return f"{found.st_mtime_ns}-{found.st_ino}-{found.st_size}"
