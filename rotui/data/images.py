"""Decoded images in memory-mapped arrays, and the dataset they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotui.profile.datasets import DatasetName


@dataclass(frozen=True, eq=False)
class ImageSet:
    """uint8 RGB images of one split, one after the other in a flat array; sizes may differ.

    `pixels` (1-D, mapped copy-on-write, so that no write reaches the file) holds image i from `offsets[i]`
    on: 3 * height * width values in channel, row, column order. `heights`, `widths` (int32, px), `offsets`
    and `labels` (int64) have one entry per image. `names` are paths relative to the dataset's folder, empty
    where images have none.
    """

    pixels: NDArray[np.uint8]
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def uniform(self) -> bool:
        """Whether all images have one height and one width."""
        return bool(np.all(self.heights == self.heights[:1]) and np.all(self.widths == self.widths[:1]))

    def dense(self) -> NDArray[np.uint8]:
        """All images as (N, 3, H, W) uint8 without a copy; ValueError if their sizes differ."""
        if not self.uniform:
            raise ValueError("images of different sizes make no dense array")
        height, width = (int(self.heights[0]), int(self.widths[0])) if len(self) else (0, 0)
        return self.pixels[: 3 * height * width * len(self)].reshape(len(self), 3, height, width)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Image `index` as a (3, H, W) uint8 view."""
        height, width = int(self.heights[index]), int(self.widths[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + 3 * height * width].reshape(3, height, width)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset decoded to uint8: `labels` of its sets are indices into `classes`.

    `fingerprint` is a sha256 in hex that changes with the source files. `noisy_labels` is Imagenette's
    published table of noisy training labels where it lies beside the images.
    """

    name: DatasetName
    classes: tuple[str, ...]
    train: ImageSet
    validation: ImageSet
    fingerprint: str
    noisy_labels: Path | None = None


def image_offsets(heights: NDArray[np.int32], widths: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where each image starts (int64, N) when images of these sizes lie one after the other."""
    sizes: NDArray[np.int64] = 3 * heights.astype(np.int64) * widths
    ends: NDArray[np.int64] = np.cumsum(sizes)
    return ends - sizes
