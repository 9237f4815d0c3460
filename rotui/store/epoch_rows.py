"""The rows of a run's metrics.csv, read back while they are being written."""

import os
from pathlib import Path
from typing import Any

from rotui.store.atomic import damaged, store_errors
from rotui.store.layout import METRICS
from rotui.study.records import METRIC_COLUMNS, EpochRecord

_OPTIONAL_COLUMNS = {"holdout_loss", "holdout_accuracy"}


def read_epochs(directory: Path) -> tuple[EpochRecord, ...]:
    """The rows of metrics.csv in a run's directory; a last row without its line end was torn by a crash and
    is left out. StoreError where it is damaged or cannot be read."""
    return EpochTail(directory).read()


class EpochTail:
    """The rows of a run's metrics.csv, of which each reading reads only what was added since."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / METRICS
        self._epochs: tuple[EpochRecord, ...] = ()
        self._columns: list[str] = []
        self._file = 0
        self._read_bytes = 0

    def read(self) -> tuple[EpochRecord, ...]:
        """The rows as `read_epochs` has them; the very same tuple where none was added."""
        with store_errors(self._path, "cannot be read"), self._path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_ino != self._file or found.st_size < self._read_bytes:
                self._epochs, self._columns, self._read_bytes = (), [], 0
                self._file = found.st_ino
            file.seek(self._read_bytes)
            raw = file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        try:
            rows = whole.decode().removesuffix("\n").split("\n") if whole or not self._columns else []
        except UnicodeDecodeError as error:
            raise damaged(self._path, error) from error
        if not self._columns:
            self._take_header(rows.pop(0))
        first = len(self._epochs) + 2
        added = tuple(self._epoch(line, row) for line, row in enumerate(rows, start=first))
        self._read_bytes += len(whole)
        if added:
            self._epochs += added
        return self._epochs

    def _take_header(self, header: str) -> None:
        columns = header.split(",")
        missing = [column for column in METRIC_COLUMNS if column not in columns]
        if missing:
            raise damaged(self._path, f"line 1: no column {missing[0]} (the first line names the columns)")
        self._columns = columns

    def _epoch(self, line: int, row: str) -> EpochRecord:
        try:
            return _epoch(dict(zip(self._columns, row.split(","), strict=True)))
        except ValueError as error:
            raise damaged(self._path, f"line {line}: {error}") from error


def _epoch(cells: dict[str, str]) -> EpochRecord:
    values: dict[str, Any] = {}
    for column in METRIC_COLUMNS:
        if column in _OPTIONAL_COLUMNS and not cells[column]:
            values[column] = None
        else:
            values[column] = int(cells[column]) if column == "epoch" else float(cells[column])
    return EpochRecord(**values)
