"""A preview beside what a real training feeds its network, and mistakes beside a network's own answers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rotui.data.images import Dataset, ImageSet
from rotui.data.splits import Splits, split_dataset
from rotui.engine import program
from rotui.engine.preview import (
    Mistake,
    confident_mistakes,
    steps_of,
    to_pictures,
    training_batch,
    training_inputs,
    validation_batch,
)
from rotui.engine.training import TrainedNetwork, class_names
from rotui.errors import StoppedError, StoreError
from rotui.profile.datasets import DATASETS
from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord

CPU = torch.device("cpu")
Trained = Callable[..., tuple[list[EpochRecord], TrainedNetwork]]
Fed = list[tuple[Tensor, Tensor]]

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "pretrain": ("pretrain", {}),
    "pretrain, 6 rotations": ("pretrain", {"rotation": {"count": 6}}),
    "pretrain, all of each": ("pretrain", {"rotation": {"per_step": "all", "validation": "all"}}),
    "pretrain, fixed validation": ("pretrain", {"rotation": {"validation": "fixed"}}),
    "pretrain, every remedy": (
        "pretrain",
        {"rotation": {"interpolation": "bilinear", "corners": "disc", "jitter": 10.0, "low_pass": 1.0}},
    ),
    "classifier": ("supervised-random", {}),
    "classifier, few labels in steps": (
        "finetune-random",
        {"labels": {"per_class": 4, "budget": "steps", "noise": 25.0}},
    ),
    "classifier, a last step joined": ("supervised-random", {"optimizer": {"batch_size": 9}}),
    "classifier, held-out images": ("supervised-random", {"data": {"name": "digits", "holdout": 0.2}}),
}


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> tuple[Fed, Fed]:
    """What a network built from now on is given with what is asked of it, in training and in evaluation."""
    in_training: Fed = []
    in_evaluation: Fed = []
    build, loss = program.build_network, torch.nn.functional.cross_entropy
    seen: list[tuple[bool, Tensor]] = []

    def built(*arguments: Any) -> Any:
        network = build(*arguments)
        network.register_forward_pre_hook(lambda own, inputs: seen.append((own.training, inputs[0].clone())))
        return network

    def judged(logits: Tensor, targets: Tensor, **options: Any) -> Tensor:
        trains, images = seen.pop()
        (in_training if trains else in_evaluation).append((images, targets.clone()))
        return loss(logits, targets, **options)

    monkeypatch.setattr(program, "build_network", built)
    monkeypatch.setattr(torch.nn.functional, "cross_entropy", judged)
    return in_training, in_evaluation


@pytest.mark.parametrize(("stage", "values"), CASES.values(), ids=CASES)
def test_a_training_batch_is_to_the_bit_what_the_network_is_trained_on(
    stage: str,
    values: dict[str, Any],
    planned: Callable[..., PlannedRun],
    trained: Trained,
    dataset: Dataset,
    fed: tuple[Fed, Fed],
) -> None:
    run = planned(stage, **values)
    splits = split_dataset(dataset, run.profile, run.stage_name)
    trained(run, splits)
    names, steps = class_names(run, splits), steps_of(run, splits, validation=False)
    places = [(epoch, step) for epoch in (1, 2) for step in range(1, steps + 1)]
    assert len(places) == len(fed[0]) > 2
    for (epoch, step), (images, targets) in zip(places, fed[0], strict=True):
        inputs, wanted, _ = training_inputs(run, splits, epoch, step)
        assert torch.equal(inputs, images)
        assert torch.equal(wanted, targets)
        shown = training_batch(run, splits, epoch, step)
        assert np.array_equal(shown.images, to_pictures(images, run.profile.data.normalisation))
        assert shown.labels == tuple(names[target] for target in targets)
        assert (shown.epoch, shown.step, shown.steps) == (epoch, step, steps)


@pytest.mark.parametrize(("stage", "values"), CASES.values(), ids=CASES)
def test_a_validation_batch_is_what_the_network_is_judged_on(
    stage: str,
    values: dict[str, Any],
    planned: Callable[..., PlannedRun],
    trained: Trained,
    dataset: Dataset,
    fed: tuple[Fed, Fed],
) -> None:
    run = planned(stage, **values)
    splits = replace(split_dataset(dataset, run.profile, run.stage_name), holdout=None)
    trained(run, splits)
    names, steps = class_names(run, splits), steps_of(run, splits, validation=True)
    places = [(epoch, step) for epoch in (1, 2) for step in range(1, steps + 1)]
    assert len(places) == len(fed[1]) > 2
    for (epoch, step), (images, targets) in zip(places, fed[1], strict=True):
        shown = validation_batch(run, splits, epoch, step)
        assert np.array_equal(shown.images, to_pictures(images, run.profile.data.normalisation))
        assert shown.labels == tuple(names[target] for target in targets)
        assert (shown.epoch, shown.step, shown.steps) == (epoch, step, steps)


def picture(images: ImageSet, number: int) -> np.ndarray:
    return images.image(number).transpose(1, 2, 0)


def test_pictures_that_nothing_is_done_to_are_those_that_are_stored(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("supervised-random")
    shown = validation_batch(run, split_dataset(dataset, run.profile, run.stage_name), 1, 1)
    assert shown.images.dtype == np.uint8
    for number, image in enumerate(shown.images):
        assert np.array_equal(image, picture(dataset.validation, number))


def test_a_rotated_picture_is_the_stored_one_turned(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("pretrain")
    shown = validation_batch(run, split_dataset(dataset, run.profile, run.stage_name), 1, 1)
    assert set(shown.labels) == {"0°", "90°", "180°", "270°"}
    for number, (image, label) in enumerate(zip(shown.images, shown.labels, strict=True)):
        quarters = int(label.removesuffix("°")) // 90
        assert np.array_equal(image, np.rot90(picture(dataset.validation, number), quarters))


LEVELS = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)


@pytest.mark.parametrize("name", DATASETS)
def test_every_level_of_a_dataset_comes_back_from_its_normalisation(name: str) -> None:
    assert_comes_back(DATASETS[name].mean, DATASETS[name].std)


@given(
    mean=st.tuples(*[st.floats(0, 1, width=32)] * 3),
    std=st.tuples(*[st.floats(2**-10, 10, width=32)] * 3),
)
@settings(max_examples=60, deadline=None)
def test_every_level_comes_back_from_any_normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> None:
    assert_comes_back(mean, std)


def assert_comes_back(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    means, stds = (torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1) for values in (mean, std))
    normalised = LEVELS.to(torch.float32).div(255).sub(means).div(stds)
    assert np.array_equal(to_pictures(normalised, (mean, std))[0], LEVELS[0].permute(1, 2, 0).numpy())


def test_what_no_pixel_can_be_is_cut() -> None:
    images = torch.tensor([-5.0, 5.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    assert to_pictures(images, ((0.5,) * 3, (0.25,) * 3))[0, 0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_labels_that_noise_replaced_are_shown_with_what_is_true(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("supervised-random", labels={"noise": 50.0}, optimizer={"batch_size": 64})
    shown = training_batch(run, split_dataset(dataset, run.profile, run.stage_name), 1, 1)
    pairs = list(zip(shown.labels, shown.truths, shown.captions, strict=True))
    assert sum(label != truth for label, truth, _ in pairs) == round(37 * 0.5)
    for label, truth, caption in pairs:
        assert caption == (label if label == truth else f"{label} (is {truth})")


@pytest.mark.parametrize("read", [training_batch, validation_batch])
@pytest.mark.parametrize("step", [0, 99])
def test_a_step_that_there_is_not_is_refused(
    read: Callable[..., object], step: int, planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("pretrain")
    with pytest.raises(ValueError, match=f"there is no step {step}"):
        read(run, split_dataset(dataset, run.profile, run.stage_name), 1, step)


@pytest.fixture(params=["supervised-random", "pretrain", "all rotations"])
def finished(
    request: pytest.FixtureRequest,
    planned: Callable[..., PlannedRun],
    trained: Trained,
    dataset: Dataset,
) -> tuple[PlannedRun, Splits, TrainedNetwork]:
    """A run whose network was trained too little to be right in everything."""
    stage = "supervised-random" if request.param == "supervised-random" else "pretrain"
    validation = "all" if request.param == "all rotations" else "fresh"
    run = planned(stage, rotation={"validation": validation}, optimizer={"learning_rate": 1e-4})
    splits = split_dataset(dataset, run.profile, run.stage_name)
    return run, splits, trained(run, splits)[1]


def found(finished: tuple[PlannedRun, Splits, TrainedNetwork], count: int, **more: Any) -> list[Mistake]:
    run, splits, network = finished
    return list(confident_mistakes(run, network.network.state_dict(), splits, CPU, count, **more))


def test_mistakes_are_those_of_the_networks_own_answers_the_surest_first(
    finished: tuple[PlannedRun, Splits, TrainedNetwork],
) -> None:
    run, splits, network = finished
    names = class_names(run, splits)
    expected = []
    for step in range(1, steps_of(run, splits, validation=True) + 1):
        shown = validation_batch(run, splits, 2, step)
        mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in run.profile.data.normalisation)
        images = torch.from_numpy(shown.images).permute(0, 3, 1, 2).float().div(255).sub(mean).div(std)
        with torch.no_grad():
            shares = network.network(images).softmax(dim=1)
        for image, truth, share in zip(shown.images, shown.labels, shares, strict=True):
            said = int(share.argmax())
            if names[said] != truth:
                expected.append((float(share[said]), truth, names[said], image))
    expected.sort(key=lambda each: -each[0])
    mistakes = found(finished, 1000)
    assert len(mistakes) == len(expected) > 3
    for mistake, (confidence, truth, predicted, image) in zip(mistakes, expected, strict=True):
        assert mistake.confidence == pytest.approx(confidence, abs=1e-5)
        assert (mistake.truth, mistake.predicted) == (truth, predicted)
        assert np.array_equal(mistake.image, image)


def test_mistakes_are_as_many_as_the_confusion_matrix_has(
    finished: tuple[PlannedRun, Splits, TrainedNetwork],
) -> None:
    confusion = finished[2].classification.confusion
    names = finished[2].classification.classes
    counted = {
        (names[true], names[said]): count
        for true, row in enumerate(confusion)
        for said, count in enumerate(row)
        if count and true != said
    }
    told: dict[tuple[str, str], int] = {}
    for mistake in found(finished, 1000):
        pair = (mistake.truth, mistake.predicted)
        told[pair] = told.get(pair, 0) + 1
    assert told == counted


def test_only_the_surest_are_kept_and_each_says_which_picture_it_is(
    finished: tuple[PlannedRun, Splits, TrainedNetwork],
) -> None:
    run, splits, _ = finished
    every, few = found(finished, 1000), found(finished, 2)
    assert [mistake.confidence for mistake in few] == [mistake.confidence for mistake in every[:2]]
    for mistake in every:
        stored = picture(splits.validation.images, mistake.number)
        if run.stage.predicts_rotation:
            stored = np.rot90(stored, int(mistake.truth.removesuffix("°")) // 90)
        else:
            assert mistake.truth == splits.classes[splits.validation.images.labels[mistake.number]]
        assert np.array_equal(mistake.image, stored)


def test_it_is_told_how_far_the_search_is_and_can_be_stopped(
    finished: tuple[PlannedRun, Splits, TrainedNetwork],
) -> None:
    told: list[tuple[int, int]] = []
    found(finished, 1, observe=lambda done, images: told.append((done, images)))
    assert told[-1][0] == told[-1][1] == sum(map(sum, finished[2].classification.confusion))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    with pytest.raises(StoppedError):
        found(finished, 1, stop=lambda: True)


def test_weights_of_another_network_are_refused(
    planned: Callable[..., PlannedRun], dataset: Dataset, trunk: dict[str, Tensor]
) -> None:
    run = planned("supervised-random", network={"width": 16})
    splits = split_dataset(dataset, run.profile, run.stage_name)
    with pytest.raises(StoreError, match="not of this run's network"):
        confident_mistakes(run, trunk, splits, CPU, 1)


def test_looking_draws_nothing_from_the_generator_that_all_threads_share(
    finished: tuple[PlannedRun, Splits, TrainedNetwork],
) -> None:
    run, splits, _ = finished
    before = torch.get_rng_state()
    training_batch(run, splits, 1, 1)
    validation_batch(run, splits, 1, 1)
    found(finished, 3)
    assert torch.equal(torch.get_rng_state(), before)
