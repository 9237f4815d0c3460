"""A training that is stopped and restored from what it kept ends as one that was never stopped."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rotui.data.images import Dataset
from rotui.data.splits import split_dataset
from rotui.engine.checkpoint import Captured
from rotui.engine.training import Moment, train
from rotui.errors import StoppedError
from rotui.study.planning import PlannedRun

CPU = torch.device("cpu")


@pytest.mark.parametrize("batch", [16, 36, 64])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_stopped_after_any_step_or_in_validation_it_goes_on_to_the_same_bits(
    batch: int,
    steps: int,
    planned: Callable[..., PlannedRun],
    dataset: Dataset,
    ended: Callable[..., Any],
) -> None:
    """37 images: with batches of 36 the last image joins the step before, and none is left after it."""
    run = planned("supervised-random", optimizer={"batch_size": batch}, scale={"epochs": 2})
    splits = split_dataset(dataset, run.profile, run.stage_name)
    seen: list[object] = []
    kept: list[Captured] = []

    def keep(moment: Moment, capture: Callable[[], Captured]) -> None:
        if moment == "stop":
            kept.append(capture())

    stopped = train(run, splits, CPU, stop=lambda: len(seen) >= steps, observe=seen.append, keep=keep)
    with pytest.raises(StoppedError):
        ended(stopped)
    records, resumed = ended(train(run, splits, CPU, resume_from=kept[0].content))
    _, unbroken = ended(train(run, splits, CPU))
    assert all(record.seconds > 0 and record.images_per_second > 0 for record in records)
    for name, value in unbroken.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], value), name
    assert resumed.classification == unbroken.classification
