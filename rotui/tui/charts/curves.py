"""A run's epochs as the series of charts."""

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from rotui.tui.widgets.chart import Reference, Series

if TYPE_CHECKING:
    from rotui.results.run_reference import RunReference
    from rotui.store.listing import ListedRun
    from rotui.study.records import EpochRecord


def accuracy_series(epochs: "Sequence[EpochRecord]") -> list[Series]:
    """Training and validation accuracy in percent over epochs, and of the hold-out where there is one."""
    return _series(
        epochs,
        ("training", "train_accuracy", "yellow", "braille"),
        ("validation", "validation_accuracy", "cyan", "braille"),
        ("hold-out", "holdout_accuracy", "magenta", "braille"),
    )


def loss_series(epochs: "Sequence[EpochRecord]") -> list[Series]:
    """Training and validation loss in nats over epochs, and that of the hold-out where there is one."""
    return _series(
        epochs,
        ("training", "train_loss", "yellow", "braille"),
        ("validation", "validation_loss", "cyan", "braille"),
        ("hold-out", "holdout_loss", "magenta", "braille"),
    )


def _series(epochs: "Sequence[EpochRecord]", *wanted: tuple[str, str, str, str]) -> list[Series]:
    made = []
    numbers = [record.epoch for record in epochs]
    for name, field, colour, marker in wanted:
        values = list(map(attrgetter(field), epochs))
        xs = numbers
        if None in values:
            xs = [x for x, value in zip(numbers, values, strict=True) if value is not None]
            values = [value for value in values if value is not None]
        if values:
            made.append(Series(name, xs, values, colour, marker))
    return made


def references(run: "ListedRun", published: "RunReference | None") -> tuple[Reference, ...]:
    """What was published, and what the corners of turned images tell for nothing, as lines."""
    lines = [Reference(published.label, published.accuracy)] if published is not None else []
    return (*lines, *([Reference(f"floor {run.floor:.0f}", run.floor)] if run.floor is not None else ()))
