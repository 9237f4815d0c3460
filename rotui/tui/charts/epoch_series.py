"""A run's epochs as the series of charts."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, overload

from rotui.tui.widgets.chart import Reference, Series

if TYPE_CHECKING:
    from rotui.results.run_reference import RunReference
    from rotui.store.listing import ListedRun
    from rotui.study.records import EpochRecord


def accuracy_series(epochs: "Sequence[EpochRecord]") -> list[Series]:
    """Training and validation accuracy in percent over epochs, and of the hold-out where there is one."""
    return _series(
        epochs,
        ("training", "train_accuracy", "yellow", "train"),
        ("validation", "validation_accuracy", "cyan", "val"),
        ("hold-out", "holdout_accuracy", "magenta", "held"),
    )


def loss_series(epochs: "Sequence[EpochRecord]") -> list[Series]:
    """Training and validation loss in nats over epochs, and that of the hold-out where there is one."""
    return _series(
        epochs,
        ("training", "train_loss", "yellow", "train"),
        ("validation", "validation_loss", "cyan", "val"),
        ("hold-out", "holdout_loss", "magenta", "held"),
    )


class Column(Sequence[Any]):
    """One field of every epoch, looked up when it is asked for: a run's epochs are shown again with each one
    that is added."""

    def __init__(self, epochs: "Sequence[EpochRecord]", field: str) -> None:
        self._epochs = epochs
        self._field = field

    def __len__(self) -> int:
        return len(self._epochs)

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return Column(self._epochs[place], self._field)
        return getattr(self._epochs[place], self._field)

    def __iter__(self) -> Iterator[Any]:
        return map(attrgetter(self._field), self._epochs)


def _series(epochs: "Sequence[EpochRecord]", *wanted: tuple[str, str, str, str]) -> list[Series]:
    """Those of the wanted series that the run has: with a hold-out it has one in every epoch."""
    if not epochs:
        return []
    first, last = epochs[0], epochs[-1]
    return [
        Series(
            name,
            Column(epochs, "epoch"),
            Column(epochs, field),
            colour,
            short=short,
            source=(first, field),
        )
        for name, field, colour, short in wanted
        if getattr(first, field) is not None or getattr(last, field) is not None
    ]


def references(run: "ListedRun", published: "RunReference | None") -> tuple[Reference, ...]:
    """What was published, and what the corners of turned images tell for nothing, as lines."""
    lines = [Reference(published.label, published.accuracy)] if published is not None else []
    return (*lines, *([Reference(f"floor {run.floor:.0f}", run.floor)] if run.floor is not None else ()))
