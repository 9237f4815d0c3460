"""Small pictures, plans over them, and trainings that end in seconds on one thread."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

from rotui.data.images import Dataset, ImageSet, image_offsets
from rotui.data.splits import Splits, split_dataset
from rotui.engine.training import TrainedNetwork, train
from rotui.profile.schema import Profile
from rotui.profile.stages import StageName
from rotui.study.planning import PlannedRun, Point, plan
from rotui.study.records import EpochRecord

CPU = torch.device("cpu")
CLASSES = ("bars", "checks", "grains")
SMALL = {"architecture": "resnet10", "width": 8}
Yielded = TypeVar("Yielded")
Returned = TypeVar("Returned")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors gain nothing from threads, and the bits depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def image_set(pictures: Sequence[np.ndarray], labels: Sequence[int]) -> ImageSet:
    heights = np.array([picture.shape[1] for picture in pictures], dtype=np.int32)
    widths = np.array([picture.shape[2] for picture in pictures], dtype=np.int32)
    return ImageSet(
        pixels=np.concatenate([picture.reshape(-1) for picture in pictures]),
        heights=heights,
        widths=widths,
        offsets=image_offsets(heights, widths),
        labels=np.array(labels, dtype=np.int64),
    )


def drawn_pictures(count: int, seed: int) -> ImageSet:
    """32 px pictures of three classes in turn, each a pattern of its own under noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:32, 0:32]
    patterns = (rows // 4 % 2, (rows // 4 + columns // 4) % 2, random.integers(0, 2, (32, 32)))
    labels = [number % 3 for number in range(count)]
    pictures = [
        np.clip(patterns[label] * 140 + random.integers(0, 110, (3, 32, 32)), 0, 255).astype(np.uint8)
        for label in labels
    ]
    return image_set(pictures, labels)


@pytest.fixture(scope="session")
def pictures() -> Callable[[Sequence[np.ndarray], Sequence[int]], ImageSet]:
    """Makes an ImageSet of (3, H, W) uint8 arrays and their labels."""
    return image_set


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """37 training and 20 validation pictures: with a batch of 16, both end in a shorter one."""
    return Dataset("digits", CLASSES, drawn_pictures(37, 1), drawn_pictures(20, 2), "0" * 64)


@pytest.fixture(scope="session")
def planned() -> Callable[..., PlannedRun]:
    def make(stage: StageName = "supervised-random", **settings: Any) -> PlannedRun:
        """The run of `stage` of a small network in batches of 16; `settings` replace parts of the profile."""
        values: dict[str, Any] = {
            "data": {"name": "digits"},
            "network": SMALL,
            "optimizer": {"batch_size": 16},
            "scale": {"epochs": 2},
        }
        for name, value in settings.items():
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
        return plan([Point(Profile(stages=(stage,), **values))]).runs[-1]

    return make


@pytest.fixture(scope="session")
def ended() -> Callable[[Generator[Yielded, None, Returned]], tuple[list[Yielded], Returned]]:
    def run(generator: Generator[Yielded, None, Returned]) -> tuple[list[Yielded], Returned]:
        """All that a generator yields, and what it returns."""
        yielded = []
        while True:
            try:
                yielded.append(next(generator))
            except StopIteration as end:
                return yielded, end.value

    return run


@pytest.fixture(scope="session")
def trained(
    dataset: Dataset, ended: Callable[..., Any]
) -> Callable[..., tuple[list[EpochRecord], TrainedNetwork]]:
    def run(
        run: PlannedRun, splits: Splits | None = None, **options: Any
    ) -> tuple[list[EpochRecord], TrainedNetwork]:
        """The records of a training, without what they say of time, and the network it ends with."""
        splits = splits or split_dataset(dataset, run.profile, run.stage_name)
        records, network = ended(train(run, splits, CPU, **options))
        return [replace(record, seconds=0.0, images_per_second=0.0) for record in records], network

    return run


@pytest.fixture(scope="session")
def trunk(
    planned: Callable[..., PlannedRun], trained: Callable[..., tuple[list[EpochRecord], TrainedNetwork]]
) -> dict[str, torch.Tensor]:
    """The weights of a small pre-training."""
    _, result = trained(planned("pretrain", scale={"epochs": 1}))
    return result.network.state_dict()
