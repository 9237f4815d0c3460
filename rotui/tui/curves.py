"""A run's epochs as the series of charts."""

from collections.abc import Sequence
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
    for name, field, colour, marker in wanted:
        points = [(record.epoch, getattr(record, field)) for record in epochs]
        points = [(epoch, value) for epoch, value in points if value is not None]
        if points:
            made.append(Series(name, [x for x, _ in points], [y for _, y in points], colour, marker))
    return made


def references(run: "ListedRun", published: "RunReference | None") -> tuple[Reference, ...]:
    """What was published, and what the corners of turned images tell for nothing, as lines."""
    lines = [Reference(published.label, published.accuracy)] if published is not None else []
    return (*lines, *([Reference(f"floor {run.floor:.0f}", run.floor)] if run.floor is not None else ()))
