"""The rows of a table with its cursor and marks, which stay with their rows when others come and go."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Row = TypeVar("Row")


class TableRows(Generic[Row]):
    """Rows by place and by key. Marks of rows that are not there now are kept, for when a filter lets them
    through again."""

    def __init__(self) -> None:
        self.rows: Sequence[Row] = ()
        self.keys: list[str] = []
        self.cursor = 0
        self.marked: frozenset[str] = frozenset()
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor, None where there are no rows."""
        return self.keys[self.cursor] if self.keys else None

    @property
    def marked_rows(self) -> list[Row]:
        """The marked rows that are there, in order."""
        places = sorted(self._places[key] for key in self.marked if key in self._places)
        return [self.rows[place] for place in places]

    def place(self, key: str | None) -> int | None:
        """Where the row of this key is."""
        return None if key is None else self._places.get(key)

    def replace(self, rows: Sequence[Row], key: Callable[[Row], str]) -> bool:
        """Takes these rows instead; True where other rows are in them or another order."""
        keys, before = [key(row) for row in rows], self.keys
        self.rows = rows
        if keys == before:
            return False
        self.keys = keys
        self._places = {each: place for place, each in enumerate(keys)}
        self.cursor = self._survivor(before)
        return True

    def clamped(self, place: int) -> int:
        """The place, or the nearest there is."""
        return max(0, min(place, len(self.keys) - 1))

    def _survivor(self, before: list[str]) -> int:
        """Where the cursor's row is, or the next after it that is still there, or the last before it; the
        first row where none of them is."""
        for place in (*range(self.cursor, len(before)), *range(min(self.cursor, len(before)) - 1, -1, -1)):
            if (found := self._places.get(before[place])) is not None:
                return found
        return 0
