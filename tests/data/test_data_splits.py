"""Which images a stage sees: pure functions of the profile, counted and compared exactly."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotui.data.images import Dataset, ImageSet
from rotui.data.labels import evenly_limited, held_out, symmetric_noise
from rotui.data.sources import IMAGENETTE_CLASSES
from rotui.data.splits import Splits, split_dataset
from rotui.errors import DataError
from rotui.profile.schema import Profile

STAGE = "supervised-random"


def image_set(labels: list[int], names: tuple[str, ...] = ()) -> ImageSet:
    count = len(labels)
    one = np.ones(count, dtype=np.int32)
    offsets = 3 * np.arange(count, dtype=np.int64)
    return ImageSet(np.zeros(3 * count, np.uint8), one, one, offsets, np.asarray(labels, np.int64), names)


def dataset(classes: int = 4, each: int = 25, **more: Any) -> Dataset:
    mixed = [number % classes for number in range(classes * each)]
    names = tuple(f"class {label}" for label in range(classes))
    return Dataset("cifar10", names, image_set(mixed), image_set(mixed[: classes * 10]), "0" * 64, **more)


def split(of: Dataset, stage: str = STAGE, **parts: Any) -> Splits:
    return split_dataset(of, Profile.model_validate({"name": "test", **parts}), stage)  # type: ignore[arg-type]  # stages by name


def test_everything_is_seen_when_nothing_is_asked():
    splits = split(dataset())
    assert splits.train.indices.tolist() == list(range(100))
    assert splits.train.labels.tolist() == [number % 4 for number in range(100)]
    assert splits.holdout is None
    assert len(splits.validation) == 40
    assert splits.epoch_images == 100
    assert splits.bank.indices.tolist() == splits.train.indices.tolist()


def test_first_labels_are_the_first_of_each_class_in_dataset_order():
    splits = split(dataset(), labels={"per_class": 3})
    assert splits.train.indices.tolist() == list(range(12))
    assert splits.epoch_images == 12
    assert len(splits.bank) == 100


def test_seeded_labels_are_drawn_by_the_seed_alone():
    def drawn(seed: int, stage: str = STAGE) -> list[int]:
        labels = {"per_class": 3, "selection": "seeded"}
        splits = split(dataset(), stage, seed=seed, labels=labels)
        assert np.bincount(splits.train.labels).tolist() == [3, 3, 3, 3]
        return splits.train.indices.tolist()

    assert drawn(1) == drawn(1) == drawn(1, "finetune-pretrained") == sorted(drawn(1))
    assert drawn(1) != drawn(2)
    assert drawn(1) != list(range(12))


def test_budget_in_steps_draws_as_many_images_as_the_whole_split():
    assert split(dataset(), labels={"per_class": 3, "budget": "steps"}).epoch_images == 100
    labels = {"per_class": 3, "budget": "steps"}
    assert split(dataset(), labels=labels, data={"holdout": 0.2}).epoch_images == 80


def test_pre_training_sees_every_image_and_true_labels():
    labels = {"per_class": 3, "noise": 50.0}
    splits = split(dataset(), "pretrain", labels=labels)
    assert len(splits.train) == splits.epoch_images == 100
    assert splits.train.labels.tolist() == [number % 4 for number in range(100)]


def test_held_out_images_are_the_same_for_every_stage_and_seen_by_none():
    stages = ("pretrain", "finetune-pretrained", STAGE)
    parts = [split(dataset(), stage, data={"holdout": 0.2}, labels={"per_class": 20}) for stage in stages]
    for splits in parts:
        assert splits.holdout is not None
        assert np.bincount(splits.holdout.labels).tolist() == [5, 5, 5, 5]
        assert splits.holdout.indices.tolist() == parts[0].holdout.indices.tolist()
        assert not set(splits.holdout.indices) & (set(splits.train.indices) | set(splits.bank.indices))
        assert len(splits.bank) == 80
    other = split(dataset(), data={"holdout": 0.2}, seed=7)
    assert other.holdout.indices.tolist() != parts[0].holdout.indices.tolist()


@pytest.mark.parametrize("selection", ["first", "seeded"])
def test_too_few_labels_names_class_wanted_and_there(selection):
    few = dataset(classes=2, each=5)
    hostile = Dataset("folder", ("[red]\x1b[31m", "b"), few.train, few.validation, "")
    with pytest.raises(DataError, match=r"class \[red\]\\x1b\[31m has 5 training images, 6 are wanted"):
        split(hostile, labels={"per_class": 6, "selection": selection})
    with pytest.raises(DataError, match="has 4 training images, 5 are wanted"):
        split(hostile, labels={"per_class": 5, "selection": selection}, data={"holdout": 0.2})


def test_limit_keeps_the_first_images_of_each_class_and_caps_labels():
    splits = split(dataset(), labels={"per_class": 20}, scale={"limit": 10})
    assert splits.train.indices.tolist() == list(range(10))
    assert len(splits.validation) == 10
    assert len(split(dataset(), labels={"per_class": 2}, scale={"limit": 10}).train) == 8
    assert len(split(dataset(), scale={"limit": 1000}).train) == 100


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60).map(
        lambda values: np.asarray(values, np.int64)
    ),
    limit=st.integers(1, 70),
)
def test_a_limit_is_even_over_classes_as_far_as_they_reach(labels, limit):
    kept = evenly_limited(labels, limit)
    assert len(kept) == min(limit, len(labels))
    assert (np.diff(kept) > 0).all()
    counts = np.bincount(labels[kept], minlength=5)
    there = np.bincount(labels, minlength=5)
    assert max(counts[counts < there], default=0) >= max(counts, default=0) - 1 or (counts == there).all()


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=80).map(
        lambda values: np.asarray(values, np.int64)
    ),
    share=st.floats(0.01, 0.5),
    seed=st.integers(0, 2**31 - 1),
)
def test_held_out_share_is_exact_for_each_class(labels, share, seed):
    indices = np.arange(len(labels))
    kept, out = held_out(indices, labels, share, seed)
    assert sorted([*kept, *out]) == indices.tolist()
    for label in np.unique(labels):
        there = int((labels == label).sum())
        assert (labels[out] == label).sum() == min(there - 1, max(1, round(share * there)))


@given(
    count=st.integers(1, 300),
    percent=st.floats(0, 100),
    classes=st.integers(2, 12),
    seed=st.integers(0, 2**31 - 1),
)
@settings(deadline=None)
def test_noise_replaces_exactly_its_share_by_another_class(count, percent, classes, seed):
    labels = np.arange(count, dtype=np.int64) % classes
    noisy = symmetric_noise(labels, percent, classes, seed)
    assert (noisy != labels).sum() == round(count * percent / 100)
    assert noisy.min() >= 0
    assert noisy.max() < classes
    np.testing.assert_array_equal(noisy, symmetric_noise(labels, percent, classes, seed))


def test_noise_is_drawn_evenly_over_the_other_classes():
    labels = np.zeros(90_000, dtype=np.int64)
    counts = np.bincount(symmetric_noise(labels, 100, 10, 3), minlength=10)
    assert counts[0] == 0
    assert np.abs(counts[1:] / 10_000 - 1).max() < 0.05


def test_noise_touches_training_labels_alone():
    splits = split(dataset(), labels={"noise": 40.0}, data={"holdout": 0.2})
    truth = np.arange(100) % 4
    assert (splits.train.labels != truth[splits.train.indices]).sum() == 32
    assert (splits.bank.labels == truth[splits.bank.indices]).all()
    assert (splits.holdout.labels == truth[splits.holdout.indices]).all()
    assert (splits.validation.labels == truth[splits.validation.indices]).all()


@pytest.fixture
def noisy_table(tmp_path: Path) -> tuple[Dataset, Path]:
    wnids = list(IMAGENETTE_CLASSES)
    labels = [number // 4 for number in range(40)]
    names = tuple(f"train/{wnids[label]}/{number}.JPEG" for number, label in enumerate(labels))
    table = tmp_path / "noisy_imagenette.csv"
    columns = ["path", *(f"noisy_labels_{percent}" for percent in (0, 1, 5, 25, 50)), "is_valid"]
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        for number in reversed(range(40)):
            shifted = [wnids[(labels[number] + step) % 10] for step in range(5)]
            rows.writerow([names[number], *shifted, "False"])
    images = image_set(labels, names)
    classes = tuple(IMAGENETTE_CLASSES.values())
    return Dataset("imagenette", classes, images, images, "", noisy_labels=table), table


@pytest.mark.parametrize(("percent", "shift"), [(1.0, 1), (5.0, 2), (25.0, 3), (50.0, 4)])
def test_published_noisy_labels_are_read_where_they_lie(noisy_table, percent, shift):
    of, _ = noisy_table
    labels = {"noise": percent, "per_class": 2}
    splits = split(of, labels=labels, data={"name": "imagenette", "image_size": 160})
    expected = (of.train.labels[splits.train.indices] + shift) % 10
    assert splits.train.labels.tolist() == expected.tolist()


def test_other_noise_shares_are_symmetric_even_beside_the_table(noisy_table):
    of, _ = noisy_table
    splits = split(of, labels={"noise": 10.0}, data={"name": "imagenette", "image_size": 160})
    assert (splits.train.labels != of.train.labels).sum() == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("noisy_labels_25", "other"), "has no column noisy_labels_25"),
        (
            lambda text: text.replace("/7.JPEG", "/x.JPEG"),
            r"has no row for the image train/n02102040/7\.JPEG",
        ),
        (lambda text: text.replace(",n01440764,", ",[red]\x1b[0m,"), r"unknown class \[red\]\\x1b\[0m"),
    ],
)
def test_unfit_noise_table_is_named(noisy_table, change, message):
    of, table = noisy_table
    table.write_text(change(table.read_text()))
    with pytest.raises(DataError, match=message) as caught:
        split(of, labels={"noise": 25.0}, data={"name": "imagenette", "image_size": 160})
    assert str(table) in str(caught.value)


def test_noise_table_that_is_not_text_is_named(noisy_table):
    of, table = noisy_table
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"noisy_imagenette.csv cannot be read"):
        split(of, labels={"noise": 25.0}, data={"name": "imagenette", "image_size": 160})
