"""Which training images are kept and what their labels say: pure functions of labels, seed and purpose.

Indices and labels are int64 arrays; every selection comes back in dataset order.
"""

import csv
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotui.errors import DataError
from rotui.text import printable

Indices = NDArray[np.int64]
PUBLISHED_NOISE = (1.0, 5.0, 25.0, 50.0)


class Purpose(IntEnum):
    """What a draw is for, so that each has numbers of its own under one seed."""

    HOLDOUT = 1
    FEW_LABELS = 2
    LABEL_NOISE = 3


def generator(seed: int, purpose: Purpose) -> np.random.Generator:
    """The generator of one purpose under `seed`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, int(purpose)])))


def evenly_limited(labels: Indices, limit: int) -> Indices:
    """Indices of the first `limit` images, taken in turn from each class; all of them if `limit` is 0."""
    if not 0 < limit < len(labels):
        return np.arange(len(labels), dtype=np.int64)
    rank = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        of_class = labels == label
        rank[of_class] = np.arange(of_class.sum())
    return np.sort(np.lexsort((labels, rank))[:limit]).astype(np.int64)


def held_out(indices: Indices, labels: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    """`indices` split into (kept, held out), drawing `share` of each class, rounded: at least one image
    held out and one kept of every class that has two. `labels` are those of `indices`."""
    if not share:
        return indices, indices[:0]
    draw = generator(seed, Purpose.HOLDOUT)
    out = np.zeros(len(indices), dtype=bool)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        count = min(len(of_class) - 1, max(1, round(share * len(of_class))))
        out[draw.permutation(of_class)[:count]] = True
    return indices[~out], indices[out]


def few_labels(
    indices: Indices,
    labels: Indices,
    per_class: int,
    classes: Sequence[str],
    *,
    seed: int | None = None,
    capped: bool = False,
) -> Indices:
    """The first `per_class` of `indices` of each class, or as many drawn by `seed` where one is given.

    A class with fewer is a DataError that names it, unless `capped`. `labels` are those of `indices`.
    """
    draw = None if seed is None else generator(seed, Purpose.FEW_LABELS)
    chosen = np.zeros(len(indices), dtype=bool)
    for label, name in enumerate(classes):
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < per_class and not capped:
            raise DataError(
                f"labels.per_class: class {printable(name)} has {len(of_class)} training images, "
                f"{per_class} are wanted ({len(of_class)} or less)"
            )
        ordered = of_class if draw is None else draw.permutation(of_class)
        chosen[ordered[:per_class]] = True
    return indices[chosen]


def symmetric_noise(labels: Indices, percent: float, classes: int, seed: int) -> Indices:
    """`labels` with exactly round(percent % of them) replaced by another class, drawn evenly."""
    draw = generator(seed, Purpose.LABEL_NOISE)
    wrong = draw.permutation(len(labels))[: round(len(labels) * percent / 100)]
    noisy = labels.copy()
    noisy[wrong] = (labels[wrong] + draw.integers(1, classes, len(wrong))) % classes
    return noisy


def published_noise(
    table: Path, percent: float, names: Sequence[str], class_folders: Sequence[str]
) -> Indices:
    """Labels of the images `names` from Imagenette's table at 1, 5, 25 or 50 percent noise.

    DataError if the table cannot be read, or lacks the column, an image or a known class.
    """
    column = f"noisy_labels_{percent:g}"
    known = {folder: label for label, folder in enumerate(class_folders)}
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = {"path", column} - set(rows.fieldnames or ())
            if missing:
                raise DataError(f"{printable(table)} has no column {' and '.join(sorted(missing))}")
            noisy = {row["path"]: row[column] for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{printable(table)} cannot be read: {printable(error)}") from error
    labels = np.empty(len(names), dtype=np.int64)
    for number, name in enumerate(names):
        if name not in noisy:
            raise DataError(f"{printable(table)} has no row for the image {printable(name)}")
        if noisy[name] not in known:
            raise DataError(
                f"{printable(table)}: {printable(name)} has the unknown class {printable(noisy[name])}"
            )
        labels[number] = known[noisy[name]]
    return labels
