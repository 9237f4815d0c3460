"""The images that one training sees: limits, held-out images, few labels and label noise, in that order."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotui.data.images import Dataset, ImageSet
from rotui.data.labels import (
    PUBLISHED_NOISE,
    evenly_limited,
    few_labels,
    held_out,
    published_noise,
    symmetric_noise,
)
from rotui.data.sources import IMAGENETTE_CLASSES
from rotui.profile.schema import Profile
from rotui.profile.stages import STAGES, StageName


@dataclass(frozen=True, eq=False)
class Split:
    """Some images of a set: `indices` into `images` and the labels to learn, both int64 (M,)."""

    images: ImageSet
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class Splits:
    """What one stage trains and is measured on.

    `holdout` is None where no images are held out. `epoch_images` is how many images an epoch draws:
    `len(train)`, or `len(bank)` where the budget is in steps. `bank` holds every training image that is not
    held out, with its clean label.
    """

    train: Split
    holdout: Split | None
    validation: Split
    classes: tuple[str, ...]
    epoch_images: int
    bank: Split


def data_identity(splits: Splits) -> str:
    """SHA-256, in hexadecimal, of which images with which labels a run sees, and in which order.

    The same for a copy of the data elsewhere; another for a part of it, another layout with another order, or
    another table of noisy labels.
    """
    told = hashlib.sha256()
    for split in (splits.train, splits.holdout, splits.validation):
        if split is not None:
            told.update(len(split.images).to_bytes(8, "little"))
            told.update("\n".join(split.images.names).encode("utf-8", "surrogateescape"))
            told.update(split.indices.astype("<i8").tobytes() + split.labels.astype("<i8").tobytes())
    return told.hexdigest()


def split_dataset(dataset: Dataset, profile: Profile, stage: StageName) -> Splits:
    """Splits `dataset` as `profile` asks for `stage`; a pure function of its arguments.

    The scale's limit comes first and caps the labels per class. Held-out images are the same for every
    stage; few labels and label noise touch the training images of downstream stages alone. DataError if a
    class has fewer images than `labels.per_class`, or Imagenette's table of noisy labels is unfit.
    """
    limit = profile.scale.limit
    truth = dataset.train.labels
    indices = evenly_limited(truth, limit)
    kept, out = held_out(indices, truth[indices], profile.data.holdout, profile.seed)
    bank = Split(dataset.train, kept, truth[kept])
    train = bank if STAGES[stage].predicts_rotation else _labelled(dataset, profile, bank)
    seen = evenly_limited(dataset.validation.labels, limit)
    return Splits(
        train=train,
        holdout=Split(dataset.train, out, truth[out]) if len(out) else None,
        validation=Split(dataset.validation, seen, dataset.validation.labels[seen]),
        classes=dataset.classes,
        epoch_images=len(bank) if profile.labels.budget == "steps" else len(train),
        bank=bank,
    )


def _labelled(dataset: Dataset, profile: Profile, bank: Split) -> Split:
    settings = profile.labels
    indices = bank.indices
    if settings.per_class:
        indices = few_labels(
            indices,
            bank.labels,
            settings.per_class,
            dataset.classes,
            seed=profile.seed if settings.selection == "seeded" else None,
            capped=profile.scale.limit > 0,
        )
    labels = dataset.train.labels[indices]
    if dataset.noisy_labels is not None and settings.noise in PUBLISHED_NOISE:
        names = [dataset.train.names[index] for index in indices]
        labels = published_noise(dataset.noisy_labels, settings.noise, names, tuple(IMAGENETTE_CLASSES))
    elif settings.noise:
        labels = symmetric_noise(labels, settings.noise, len(dataset.classes), profile.seed)
    return Split(dataset.train, indices, labels)
