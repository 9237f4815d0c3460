"""The steps that bring a queue database of an older rotui up to date, one for each schema version."""

import sqlite3
from collections.abc import Callable


def _first(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE runs (
            name TEXT PRIMARY KEY,
            number INTEGER NOT NULL,
            key TEXT NOT NULL,
            batch TEXT NOT NULL,
            state_stamp TEXT NOT NULL,
            entry_stamp TEXT NOT NULL,
            profile TEXT NOT NULL,
            state TEXT NOT NULL,
            entry TEXT NOT NULL,
            summary TEXT NOT NULL,
            digest TEXT NOT NULL
        )
        """
    )
    connection.execute("CREATE INDEX runs_by_key ON runs (key)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first,)
"""`MIGRATIONS[n]` brings version n to version n + 1. Steps are added, never changed."""
