"""A run's epochs as the series of charts."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from rotui.errors import StoreError
from rotui.results.published import published_accuracy
from rotui.store.past_runs import read_profile, read_state
from rotui.study.records import EpochRecord
from rotui.tui.widgets.chart import Reference, Series


def accuracy_series(epochs: Sequence[EpochRecord]) -> list[Series]:
    """Training and validation accuracy in percent over epochs, and of the hold-out where there is one."""
    return _series(
        epochs,
        ("training", "train_accuracy", "yellow", "braille"),
        ("validation", "validation_accuracy", "cyan", "braille"),
        ("hold-out", "holdout_accuracy", "magenta", "braille"),
    )


def loss_series(epochs: Sequence[EpochRecord]) -> list[Series]:
    """Training and validation loss in nats over epochs, and that of the hold-out where there is one."""
    return _series(
        epochs,
        ("training", "train_loss", "yellow", "braille"),
        ("validation", "validation_loss", "cyan", "braille"),
        ("hold-out", "holdout_loss", "magenta", "braille"),
    )


def _series(epochs: Sequence[EpochRecord], *wanted: tuple[str, str, str, str]) -> list[Series]:
    made = []
    for name, field, colour, marker in wanted:
        points = [(record.epoch, getattr(record, field)) for record in epochs]
        points = [(epoch, value) for epoch, value in points if value is not None]
        if points:
            made.append(Series(name, [x for x, _ in points], [y for _, y in points], colour, marker))
    return made


@lru_cache(maxsize=64)
def published_reference(directory: Path) -> tuple[Reference, ...]:
    """What was published for the run in `directory`, as a line; none where nothing was or it is scaled."""
    try:
        profile, state = read_profile(directory), read_state(directory)
    except StoreError:
        return ()
    accuracy = published_accuracy(profile, state.stage)
    return () if accuracy is None else (Reference(f"published {accuracy:g}", accuracy),)
