"""The columns of past runs: what each shows, what it is sorted by and under which names it is exported."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from rotui.formats import count, duration
from rotui.profile.stages import STAGES
from rotui.store.listing import ListedRun
from rotui.store.status import Status
from rotui.text import printable
from rotui.tui.tables.queue_columns import status_text
from rotui.tui.tables.table_columns import Column

_STAGE_ORDER: dict[str, int] = {stage: place for place, stage in enumerate(STAGES)}
_STATUS_ORDER = {status: place for place, status in enumerate(get_args(Status))}


@dataclass(frozen=True)
class RunColumn:
    """One column. `fields` are the fields of ListedRun that it tells and that an export has in its place;
    `order` is what it is sorted by, the first field where it is None."""

    column: Column[ListedRun]
    fields: tuple[str, ...]
    about: str
    order: Callable[[ListedRun], Any] | None = None

    @property
    def key(self) -> str:
        """The column's key."""
        return self.column.key

    def sort_value(self, run: ListedRun) -> Any:
        """What the run is sorted by; None where there is nothing."""
        if self.order is not None:
            return self.order(run)
        value = getattr(run, self.fields[0])
        if isinstance(value, str):
            return value.casefold() or None
        return None if value == () else value


def _number(field: str, digits: int) -> Callable[[ListedRun], str]:
    def cell(run: ListedRun) -> str:
        value = getattr(run, field)
        return "" if value is None else f"{value:.{digits}f}"

    return cell


def _text(field: str, limit: int) -> Callable[[ListedRun], str]:
    return lambda run: printable(getattr(run, field), limit)


def _epochs(run: ListedRun) -> str:
    return f"{run.epochs}/{run.epochs_planned}"


def _rate(run: ListedRun) -> str:
    return "" if run.images_per_second is None else count(round(run.images_per_second))


def _took(run: ListedRun) -> str:
    return duration(run.seconds) if run.seconds else ""


def _created(run: ListedRun) -> str:
    return printable(run.created[:16].replace("T", " "))


def _tags(run: ListedRun) -> str:
    return printable(", ".join(run.tags), 80)


RUN_COLUMNS = (
    RunColumn(
        Column("number", "no.", lambda run: str(run.number), width=3, justify="right"),
        ("number", "name"),
        "the run's number, which is never given again",
    ),
    RunColumn(
        Column("study", "study", _text("study", 40), width=11, max_width=24, rank=7),
        ("study",),
        "the profile it was queued from",
    ),
    RunColumn(
        Column("stage", "stage", lambda run: run.stage, width=19, max_width=22),
        ("stage",),
        "what it trains",
        lambda run: _STAGE_ORDER.get(run.stage, -1),
    ),
    RunColumn(
        Column("settings", "settings", _text("settings", 120), width=22, max_width=48, rank=2),
        ("settings",),
        "dataset, and all that is not the default",
    ),
    RunColumn(
        Column("seed", "seed", lambda run: str(run.seed), width=4, justify="right", rank=3),
        ("seed",),
        "of weights, data order and augmentation",
    ),
    RunColumn(
        Column("status", "state", status_text, width=10, max_width=13),
        ("status", "reason"),
        "waiting, running, or how it ended",
        lambda run: _STATUS_ORDER[run.status],
    ),
    RunColumn(
        Column("epochs", "epochs", _epochs, width=6, justify="right", rank=5),
        ("epochs", "epochs_planned"),
        "trained of those planned",
    ),
    RunColumn(
        Column("best", "best", _number("best", 2), width=6, justify="right", rank=1),
        ("best",),
        "best epoch on the test split, percent",
    ),
    RunColumn(
        Column("last", "last", _number("last", 2), width=6, justify="right", rank=4),
        ("last",),
        "last epoch on the test split, percent",
    ),
    RunColumn(
        Column("loss", "loss", _number("lowest_loss", 4), width=6, justify="right", rank=8),
        ("lowest_loss",),
        "lowest loss on the test split, nats",
    ),
    RunColumn(
        Column("rate", "images/s", _rate, width=8, justify="right", rank=12),
        ("images_per_second",),
        "images trained on per second, last epoch",
    ),
    RunColumn(
        Column("took", "took", _took, width=11, justify="right", rank=6),
        ("seconds",),
        "time that its epochs took",
    ),
    RunColumn(
        Column("created", "created (UTC)", _created, width=16, rank=9),
        ("created",),
        "when it was queued",
    ),
    RunColumn(
        Column("note", "note", _text("note", 120), width=12, max_width=40, rank=10), ("note",), "yours: key n"
    ),
    RunColumn(
        Column("tags", "tags", _tags, width=8, max_width=24, rank=11),
        ("tags",),
        "yours: key t",
    ),
    RunColumn(
        Column("verdict", "resumed", _text("verdict", 20), width=7, max_width=12, rank=13),
        ("verdict",),
        "whether its resumes were exact",
    ),
)
"""In the order of the table. Where there is no room the highest rank goes first."""

ALWAYS = "number"
"""The column that is there whatever was chosen."""


def chosen_columns(keys: Iterable[str] | None) -> list[RunColumn]:
    """The columns of these keys in the table's order, with the one that is always there; all where nothing
    was chosen."""
    if keys is None:
        return [*RUN_COLUMNS]
    wanted = {ALWAYS, *keys}
    return [column for column in RUN_COLUMNS if column.key in wanted]


def run_column(key: str) -> RunColumn:
    """The column of this key, the first where there is none."""
    return next((column for column in RUN_COLUMNS if column.key == key), RUN_COLUMNS[0])


def in_column_order(runs: Iterable[ListedRun], key: str, reverse: bool) -> list[ListedRun]:
    """The runs by what is in the column; where there is nothing in it they come last both ways."""
    column = run_column(key)
    told: list[tuple[Any, ListedRun]] = []
    silent: list[ListedRun] = []
    for run in runs:
        value = column.sort_value(run)
        if value is None:
            silent.append(run)
        else:
            told.append((value, run))
    told.sort(key=lambda each: each[0], reverse=reverse)
    return [run for _, run in told] + silent


def exported(runs: Sequence[ListedRun], columns: Sequence[RunColumn]) -> list[dict[str, Any]]:
    """The runs as plain values, numbers in full, under the names that `rotui runs --json` has."""
    fields = [field for column in columns for field in column.fields]
    return [{field: getattr(run, field) for field in fields} for run in runs]
