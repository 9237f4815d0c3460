"""Which epochs a result quotes: best, lowest, last and the hold-out's choice."""

import pytest

from rotui.study.records import Classification, EpochRecord, RunResult

TOLD = Classification(("a", "b"), ((1, 0), (0, 0)), (100.0, None))
Epoch = tuple[float, float, float | None]


def epochs(*told: Epoch) -> tuple[EpochRecord, ...]:
    """Records of (validation accuracy, validation loss, hold-out accuracy)."""
    return tuple(
        EpochRecord(number, 1.0, 50.0, loss, accuracy, None if held is None else 1.0, held, 0.01, 1.0, 100.0)
        for number, (accuracy, loss, held) in enumerate(told, start=1)
    )


@pytest.mark.parametrize(
    ("told", "best", "lowest", "chosen"),
    [
        (((40.0, 1.5, None), (60.0, 1.4, None), (50.0, 1.2, None)), (60.0, 2), (1.2, 3), (None, None)),
        (((60.0, 1.2, None), (60.0, 1.2, None), (50.0, 1.3, None)), (60.0, 1), (1.2, 1), (None, None)),
        (((40.0, 1.5, 20.0), (60.0, 1.4, 30.0), (50.0, 1.2, 35.0)), (60.0, 2), (1.2, 3), (50.0, 3)),
        (((40.0, 1.5, 30.0), (60.0, 1.4, 30.0), (50.0, 1.2, 10.0)), (60.0, 2), (1.2, 3), (40.0, 1)),
        (((0.0, 2.0, 0.0), (0.0, 2.0, 0.0)), (0.0, 1), (2.0, 1), (0.0, 1)),
        (((12.5, 2.0, 25.0),), (12.5, 1), (2.0, 1), (12.5, 1)),
    ],
    ids=[
        "each on its own",
        "first of equals",
        "hold-out",
        "first of equal hold-outs",
        "nothing right",
        "one epoch",
    ],
)
def test_each_number_names_its_epoch(
    told: tuple[Epoch, ...],
    best: tuple[float, int],
    lowest: tuple[float, int],
    chosen: tuple[float | None, int | None],
) -> None:
    result = RunResult.of(epochs(*told), TOLD)
    assert (result.best_accuracy, result.best_accuracy_epoch) == best
    assert (result.lowest_loss, result.lowest_loss_epoch) == lowest
    assert (result.holdout_choice_accuracy, result.holdout_choice_epoch) == chosen
    assert (result.last_accuracy, result.last_loss) == told[-1][:2]
    assert result.epochs == len(told)
