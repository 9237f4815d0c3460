"""The comparison as a table on the screen: its rows as texts, with how each missing cell stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.text import Text

from rotui.results.comparison_columns import SHORT_TITLES, measure_columns
from rotui.results.deviations import shown
from rotui.results.rows import Comparison, Row
from rotui.results.standing import NOT_ASKED, Missing, missing_runs
from rotui.store.listing import ListedRun
from rotui.store.ordering import share_done
from rotui.text import printable
from rotui.tui.comparison_view import ComparisonView
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.tables.queue_columns import MARKS
from rotui.tui.tables.table_columns import Column

HEADERS = {
    "best": ("best", 0),
    "published": ("publ.", 1),
    "difference": ("diff", 2),
    "seeds": ("n", 3),
    "last": ("last", 4),
    "floor": ("floor", 5),
    "holdout": ("hold-out", 6),
    "above": ("above", 7),
    "loss": ("loss", 8),
    "published_loss": ("publ. loss", 9),
}
"""Header of one line and rank of each measure: where there is no room the highest rank goes first."""

SWEPT_HEADERS = {
    "labels.per_class": "labels",
    "labels.noise": "noise",
    "loss.label_smoothing": "smooth",
    "rotation.count": "R",
    "network.architecture": "network",
}


@dataclass(frozen=True)
class TableRow:
    """A row of the comparison: `cells` are texts by column, `at` those of the swept values that are not the
    same as in the row above, `runs` the names of its runs, those with a result first."""

    key: str
    row: Row
    cells: Mapping[str, Text]
    at: Mapping[str, str]
    runs: tuple[str, ...]


def swept_keys(comparison: Comparison) -> list[str]:
    """The swept keys that tell rows apart, in order."""
    return list(dict.fromkeys(key for row in comparison.rows for key, _ in row.at))


def table_rows(view: ComparisonView, snapshot: Snapshot) -> list[TableRow]:
    """The rows as of this snapshot, in which the shares of what is being trained are newer than the view."""
    newest = {run.name: run for run in snapshot.active}

    def share(run: ListedRun) -> float:
        return share_done(newest.get(run.name, run), snapshot.live.get(run.name))

    rows = view.comparison.rows
    measured = measure_columns(rows)
    table = []
    above: Mapping[str, object] | None = None
    for index, row in enumerate(rows):
        at = dict(row.at)
        changed = {} if above == at else {key: shown(value) for key, value in row.at}
        above = at
        missing = missing_runs(row.keys, view.finished, view.nearest, share)
        cells = {column.key: Text(column.cells[index]) for column in measured}
        if missing:
            cells["best" if row.best is None else "seeds"] = _with_missing(row, missing)
        if row.best is None:
            cells["seeds"] = Text(f"0/{len(row.keys)}", "dim")
            for key, cell in cells.items():
                if cell.plain == "–" and key != "published":
                    cell.stylize("dim")
        table.append(TableRow(str(index), row, cells, changed, _run_names(row, view)))
    return table


def table_columns(comparison: Comparison, rows: Sequence[TableRow], *, short: bool) -> list[Column[TableRow]]:
    """A column for each swept key, the stage, and what was measured, each as wide as what is in it: a number
    is left out rather than cut. Stages in `short` where it is narrow."""
    columns = [_column(key, swept_header(key), 0, _swept(key), rows) for key in swept_keys(comparison)]
    columns.append(_column("stage", "stage", 0, _stage(short), rows))
    for measured in measure_columns(comparison.rows):
        title, rank = HEADERS[measured.key]
        columns.append(_column(measured.key, title, rank, _cell(measured.key), rows))
    return columns


def swept_header(key: str) -> str:
    """A swept key in a word."""
    return SWEPT_HEADERS.get(key, printable(key.rpartition(".")[2], 12))


def _column(
    key: str, title: str, rank: int, cell: Callable[[TableRow], str | Text], rows: Sequence[TableRow]
) -> Column[TableRow]:
    texts = [cell(row) for row in rows]
    width = max([1, *(text.cell_len if isinstance(text, Text) else cell_len(text) for text in texts)])
    justify: Literal["left", "right"] = "left" if key in ("stage", "seeds") else "right"
    return Column(key, title, cell, width=min(width, 24), justify=justify, rank=rank, max_width=24)


def missing_text(missing: Sequence[Missing]) -> Text:
    """How missing runs stand, by sign and word: `▶ 43 %`, `· 2 queued`, `✗ failed`, `not asked`."""
    parts = []
    for each in missing:
        mark, style = MARKS.get(each.status, ("", "dim"))
        if each.share is not None:
            word = f"{each.share:.0%}".replace("%", " %") + (" paused" if each.status == "paused" else "")
        else:
            word = f"{each.count} {each.status}" if each.count > 1 else each.status
        parts.append(Text(f"{mark} {word}" if mark else word, style if each.status != NOT_ASKED else "dim"))
    return Text(", ").join(parts)


def _with_missing(row: Row, missing: Sequence[Missing]) -> Text:
    if row.best is None:
        return missing_text(missing)
    return Text.assemble(f"{row.seeds}/{len(row.keys)}  ", missing_text(missing))


def _run_names(row: Row, view: ComparisonView) -> tuple[str, ...]:
    keys = sorted(row.keys, key=lambda key: key not in view.finished)
    return tuple(view.nearest[key].name for key in keys if key in view.nearest)


Told = Callable[[TableRow], str | Text]


def _swept(key: str) -> Told:
    return lambda row: row.at.get(key, "")


def _stage(short: bool) -> Told:
    return lambda row: SHORT_TITLES[row.row.stage] if short else row.row.title


def _cell(key: str) -> Told:
    return lambda row: row.cells.get(key, "")


def headline(view: ComparisonView) -> Text:
    """Which experiment is shown, and how its runs stand."""
    keys = {key for row in view.comparison.rows for key in row.keys}
    statuses = [view.nearest[key].status for key in keys if key in view.nearest]
    title = view.experiment.profile.title
    told = [f"{len(view.finished)} of {len(keys)} runs finished"]
    told += [f"{statuses.count('failed')} failed"] if "failed" in statuses else []
    text = Text(printable(view.comparison.title, 80), "bold")
    if view.settings:
        text.append(f"  {printable(' '.join(view.settings), 200)}", "italic not bold")
    text.append(f"  {' · '.join(told)}", "not bold")
    if title:
        text.append(f"  {printable(title, 120)}", "dim not bold")
    return text


def notes_text(view: ComparisonView, left_out: Sequence[str] = ()) -> Text:
    """The notes, each on lines of its own, and which columns there is no room for."""
    notes = [*view.notes]
    if left_out:
        notes.append(f"no room for: {', '.join(left_out)} (x exports all).")
    return Text("\n").join(Text(printable(note, 2000)) for note in notes)
