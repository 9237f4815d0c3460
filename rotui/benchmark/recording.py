"""Rows of a CSV file that a benchmark's figures are kept in, with what they depend on."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from rotui.benchmark.cases import Place
from rotui.benchmark.summary import Row
from rotui.errors import InputError
from rotui.store.atomic import store_errors, write_atomically
from rotui.store.provenance import provenance
from rotui.text import printable

COLUMNS = (
    "date",
    "rotui",
    "commit",
    "hardware",
    "cores",
    "threads",
    "torch",
    "precision",
    "network",
    "size",
    "batch",
    "stage",
    "case",
    "images_per_second",
    "step_ms",
    "data_share",
    "peak_memory_mb",
    "floor_share",
    "ratio",
    "n",
    "min",
    "max",
    "command",
)


def check_record(file: Path) -> None:
    """InputError where rows cannot be added to the file: its first line is another, or it has no folder."""
    if not file.absolute().parent.is_dir():
        raise InputError(f"--record {printable(file)}: its folder is not there (an existing folder)")
    if not file.exists():
        return
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            first = next(csv.reader(opened), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"--record {printable(file)}: cannot be read: {printable(error)}") from error
    if first != list(COLUMNS):
        raise InputError(
            f"--record {printable(file)}: not a record of rotui bench (its header, or a new file)"
        )


def add_to_record(file: Path, rows: Iterable[Row], place: Place, command: str) -> None:
    """Adds a row for each; the header comes first where the file is new. StoreError where it cannot be
    written."""
    made_by = provenance((), 0)
    git = made_by["git"] or {}
    shared = {
        "date": made_by["time"],
        "rotui": made_by["rotui"],
        "commit": f"{git['commit']}{' with changes' if git['dirty'] else ''}" if git else "",
        "hardware": place.hardware,
        "cores": place.cores,
        "torch": place.torch,
        "command": command,
    }
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    is_new = not file.exists()
    if is_new:
        writer.writeheader()
    for row in rows:
        told = row.to_json()
        threads = told.get("threads", row.case.threads)
        writer.writerow({**told, **shared, "threads": threads})
    before = b""
    with store_errors(file, "cannot be read"):
        before = b"" if is_new else file.read_bytes()
    write_atomically(file, before + text.getvalue().encode())
