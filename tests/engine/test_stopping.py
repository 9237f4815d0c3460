"""A training can be stopped before any step, is watched at every step, and fails with a message."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rotui.data.images import Dataset
from rotui.data.splits import split_dataset
from rotui.engine.training import Progress
from rotui.errors import RunFailedError, StoppedError
from rotui.study.planning import PlannedRun

Planned = Callable[..., PlannedRun]
Trained = Callable[..., Any]


def test_observe_sees_every_step_with_its_images(planned: Planned, trained: Trained) -> None:
    seen: list[Progress] = []
    trained(planned(), observe=seen.append)
    assert seen == [
        Progress(epoch, step, 3, images) for epoch in (1, 2) for step, images in ((1, 16), (2, 16), (3, 5))
    ]


def test_all_rotations_of_each_image_make_a_step_that_much_longer(planned: Planned, trained: Trained) -> None:
    seen: list[Progress] = []
    run = planned("pretrain", rotation={"count": 6, "per_step": "all"}, scale={"epochs": 1})
    trained(run, observe=seen.append)
    assert [step.images for step in seen] == [96, 96, 30]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4])
def test_a_stop_is_heeded_before_the_next_step(steps: int, planned: Planned, trained: Trained) -> None:
    seen: list[Progress] = []
    with pytest.raises(StoppedError, match="stopped"):
        trained(planned(), observe=seen.append, stop=lambda: len(seen) >= steps)
    assert len(seen) == steps


def test_stop_is_asked_before_each_training_step_and_between_validation_batches(
    planned: Planned, trained: Trained
) -> None:
    asked: list[str] = []

    def stop() -> bool:
        asked.append("stop?")
        return False

    trained(planned(), observe=lambda _: asked.append("step"), stop=stop)
    epoch = ["stop?", "step"] * 3 + ["stop?"] * 2
    assert asked == epoch * 2


def test_a_training_that_asks_nothing_and_is_told_nothing_runs_to_its_end(
    planned: Planned, trained: Trained
) -> None:
    records, result = trained(planned())
    assert len(records) == 2
    assert not any(part.training for part in result.network.modules())


@pytest.mark.parametrize("stage", ["pretrain", "supervised-random"])
def test_a_loss_that_is_not_finite_fails_with_the_epoch_and_the_rate(
    stage: str, planned: Planned, trained: Trained
) -> None:
    run = planned(stage, data={"std": (1e-40, 1e-40, 1e-40)})
    with pytest.raises(RunFailedError, match=r"training loss is (nan|inf) in epoch 1 at learning rate 0\.01"):
        trained(run)


def test_weights_that_turn_into_nan_fail_the_run(
    planned: Planned, trained: Trained, trunk: dict[str, torch.Tensor]
) -> None:
    broken = {**trunk, "layer4.0.conv1.weight": torch.full_like(trunk["layer4.0.conv1.weight"], math.nan)}
    with pytest.raises(RunFailedError, match="training loss is nan"):
        trained(planned("finetune-pretrained"), trunk=broken)


def test_validation_that_is_not_finite_fails_the_run_too(
    planned: Planned, trained: Trained, dataset: Dataset, pictures: Callable[..., Any]
) -> None:
    run = planned(data={"mean": (0.0, 0.0, 0.0), "std": (1e-40, 1e-40, 1e-40)})
    splits = split_dataset(dataset, run.profile, run.stage_name)
    black = pictures([np.zeros((3, 32, 32), dtype=np.uint8)] * 37, dataset.train.labels.tolist())
    with pytest.raises(RunFailedError, match="validation loss is nan"):
        trained(run, replace(splits, train=replace(splits.train, images=black)))
