"""What the records of a training say: hold-out, budgets, rotations of validation, classes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF

from rotui.data.images import Dataset
from rotui.data.splits import Splits, split_dataset
from rotui.engine.evaluation import classification
from rotui.engine.training import Progress, Training, class_names, keep_none
from rotui.study.planning import PlannedRun

CPU = torch.device("cpu")
Planned = Callable[..., PlannedRun]
Trained = Callable[..., Any]


def normal(pixels: np.ndarray) -> torch.Tensor:
    return TF.normalize(torch.from_numpy(pixels).to(torch.float32).div(255), (0.3094,) * 3, (0.3488,) * 3)


def test_without_held_out_images_the_hold_out_columns_are_empty(planned: Planned, trained: Trained) -> None:
    records, _ = trained(planned())
    assert [(record.holdout_loss, record.holdout_accuracy) for record in records] == [(None, None)] * 2


@pytest.mark.parametrize("stage", ["pretrain", "supervised-random"])
def test_held_out_images_are_judged_and_never_trained_on(
    stage: str, planned: Planned, trained: Trained, dataset: Dataset
) -> None:
    run = planned(stage, data={"holdout": 0.25}, rotation={"validation": "all"})
    splits = split_dataset(dataset, run.profile, run.stage_name)
    assert splits.holdout is not None
    assert not set(splits.holdout.indices) & set(splits.train.indices)
    seen: list[Progress] = []
    records, result = trained(run, splits, observe=seen.append)
    assert sum(step.images for step in seen) == 2 * len(splits.train)
    images = normal(dataset.train.dense()[splits.holdout.indices])
    labels = torch.from_numpy(splits.holdout.labels)
    if stage == "pretrain":
        images = torch.stack([TF.rotate(image, 90 * k) for image in images for k in range(4)])
        labels = torch.arange(4).repeat(len(splits.holdout))
    with torch.no_grad():
        logits = result.network(images)
    loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert records[-1].holdout_loss == pytest.approx(loss.item(), rel=1e-5)
    right = (logits.argmax(1) == labels).float().mean().item()
    assert records[-1].holdout_accuracy == pytest.approx(100 * right)


def test_a_budget_in_steps_repeats_few_labels_over_an_epoch_of_full_length(
    planned: Planned, trained: Trained, dataset: Dataset
) -> None:
    for budget, images in (("epochs", [6]), ("steps", [16, 16, 5])):
        seen: list[Progress] = []
        run = planned(labels={"per_class": 2, "budget": budget}, scale={"epochs": 1})
        splits = split_dataset(dataset, run.profile, run.stage_name)
        assert len(splits.train) == 6
        trained(run, splits, observe=seen.append)
        assert [step.images for step in seen] == images


def inputs_of(training: Training, epochs: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """What the network is shown, one tensor an epoch: in training mode and in evaluation mode."""
    shown: dict[bool, list[list[torch.Tensor]]] = {True: [], False: []}
    training.network.register_forward_pre_hook(
        lambda network, inputs: shown[network.training][-1].append(inputs[0])
    )
    for _ in range(epochs):
        shown[True].append([])
        shown[False].append([])
        training.train_epoch(lambda: False, lambda _: None, keep_none)
    return [torch.cat(part) for part in shown[True]], [torch.cat(part) for part in shown[False]]


@pytest.mark.parametrize("validation", ["fresh", "fixed", "all"])
def test_validation_rotations_are_drawn_as_the_profile_says(
    validation: str, planned: Planned, dataset: Dataset
) -> None:
    run = planned("pretrain", rotation={"count": 6, "validation": validation})
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, None)
    trained_on, judged_on = inputs_of(training, 3)
    upright = normal(dataset.validation.dense())
    every = torch.stack([TF.rotate(image, 60 * k) for image in upright for k in range(6)])
    if validation == "all":
        assert all(torch.equal(shown, every) for shown in judged_on)
    else:
        every = every.view(20, 6, 3, 32, 32)
        classes = [
            [next(k for k in range(6) if torch.equal(image, every[i, k])) for i, image in enumerate(shown)]
            for shown in judged_on
        ]
        assert len(set(classes[0])) > 2
        assert (classes[0] == classes[1] == classes[2]) == (validation == "fixed")
    assert [len(shown) for shown in trained_on] == [37] * 3


def test_classifiers_are_shown_upright_images_in_validation(planned: Planned, dataset: Dataset) -> None:
    run = planned("supervised-random")
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, None)
    _, judged_on = inputs_of(training, 2)
    assert all(torch.equal(shown, normal(dataset.validation.dense())) for shown in judged_on)


@pytest.mark.parametrize("validation", ["fresh", "all"])
def test_confusion_counts_every_rotation_judged(validation: str, planned: Planned, trained: Trained) -> None:
    _, result = trained(planned("pretrain", rotation={"count": 6, "validation": validation}))
    told = result.classification
    assert told.classes == ("0°", "60°", "120°", "180°", "240°", "300°")
    assert sum(map(sum, told.confusion)) == (120 if validation == "all" else 20)
    if validation == "all":
        assert [sum(row) for row in told.confusion] == [20] * 6


def test_last_classification_is_that_of_the_last_epochs_network(
    planned: Planned, trained: Trained, dataset: Dataset
) -> None:
    records, result = trained(planned(scale={"epochs": 6}, optimizer={"learning_rate": 0.003}))
    with torch.no_grad():
        predicted = result.network(normal(dataset.validation.dense())).argmax(1)
    confusion = [[0] * 3 for _ in range(3)]
    for truth, guess in zip(dataset.validation.labels.tolist(), predicted.tolist(), strict=True):
        confusion[truth][guess] += 1
    told = result.classification
    assert told.classes == ("bars", "checks", "grains")
    assert told.confusion == tuple(map(tuple, confusion))
    assert told.per_class == tuple(100 * confusion[k][k] / sum(confusion[k]) for k in range(3))
    diagonal = sum(confusion[k][k] for k in range(3))
    assert records[-1].validation_accuracy == pytest.approx(100 * diagonal / 20)
    assert records[-1].validation_accuracy > 60


def test_a_class_without_test_images_has_no_accuracy(
    planned: Planned, trained: Trained, dataset: Dataset
) -> None:
    run = planned()
    splits: Splits = split_dataset(dataset, run.profile, run.stage_name)
    present = splits.validation.labels != 1
    validation = replace(
        splits.validation,
        indices=splits.validation.indices[present],
        labels=splits.validation.labels[present],
    )
    _, result = trained(run, replace(splits, validation=validation))
    told = result.classification
    assert told.confusion[1] == (0, 0, 0)
    assert told.per_class[1] is None
    assert None not in (told.per_class[0], told.per_class[2])
    assert classification(("a", "b"), [[3, 1], [0, 0]]).per_class == (75.0, None)


def test_rotations_are_named_by_their_degrees(planned: Planned, dataset: Dataset) -> None:
    run = planned("pretrain", rotation={"count": 8})
    names = class_names(run, split_dataset(dataset, run.profile, run.stage_name))
    assert names == ("0°", "45°", "90°", "135°", "180°", "225°", "270°", "315°")


@pytest.mark.parametrize("stage", ["pretrain", "finetune-random", "supervised-random"])
def test_bfloat16_trains_fp32_weights_to_losses_near_those_of_fp32(
    stage: str, planned: Planned, trained: Trained
) -> None:
    settings = {"optimizer": {"learning_rate": 0.001}, "scale": {"epochs": 1}}
    exact, _ = trained(planned(stage, **settings))
    records, result = trained(planned(stage, compute={"precision": "bf16"}, **settings))
    assert {value.dtype for value in result.network.state_dict().values()} == {torch.float32, torch.int64}
    assert records[0].train_loss != exact[0].train_loss
    assert records[0].train_loss == pytest.approx(exact[0].train_loss, rel=0.05)
    assert records[0].validation_loss == pytest.approx(exact[0].validation_loss, rel=0.1)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_network_is_judged_in_the_precision_that_it_is_trained_in(
    precision: str, planned: Planned, dataset: Dataset
) -> None:
    run = planned("pretrain", data={"holdout": 0.2}, compute={"precision": precision})
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, None)
    kinds: set[tuple[bool, torch.dtype]] = set()
    training.network.register_forward_hook(lambda net, _, logits: kinds.add((net.training, logits.dtype)))
    training.train_epoch(lambda: False, lambda _: None, keep_none)
    expected = torch.bfloat16 if precision == "bf16" else torch.float32
    assert kinds == {(True, expected), (False, expected)}
