"""Made-up pictures of any size: smooth, as photographs are, so that they pack like them."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from rotui.data.images import ImageSet, image_offsets
from rotui.data.splits import Split, Splits

CLASSES = tuple(f"class {number}" for number in range(10))
DIFFERENT = 256
"""Pictures that differ; more of them are the same ones again."""


def pictures(count: int, size: int, seed: int) -> NDArray[np.uint8]:
    """(count, 3, size, size) uint8, each a few broad patches of colour with a little grain."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=random)
    smooth = F.interpolate(coarse, (size, size), mode="bicubic", align_corners=False)
    grain = torch.randn(count, 3, size, size, generator=random) * 0.02
    made: NDArray[np.uint8] = ((smooth + grain).clamp(0, 1) * 255).to(torch.uint8).numpy()
    return made


def image_set(count: int, size: int, seed: int) -> ImageSet:
    """`count` images of `size` px with labels of all classes in turn."""
    different = pictures(min(count, DIFFERENT), size, seed)
    lengths = np.full(count, size, dtype=np.int32)
    return ImageSet(
        pixels=np.resize(different.reshape(-1), count * 3 * size * size),
        heights=lengths,
        widths=lengths,
        offsets=image_offsets(lengths, lengths),
        labels=np.arange(count, dtype=np.int64) % len(CLASSES),
    )


def splits(train: ImageSet, validation: ImageSet, epoch_images: int) -> Splits:
    """All of both sets, an epoch drawing `epoch_images` of the first."""
    whole = Split(train, np.arange(len(train), dtype=np.int64), train.labels)
    judged = Split(validation, np.arange(len(validation), dtype=np.int64), validation.labels)
    return Splits(whole, None, judged, CLASSES, epoch_images, whole)


def write_folder(root: Path, size: int) -> None:
    """PNG files as an ImageFolder has them, `DIFFERENT` in all."""
    for number, pixels in enumerate(pictures(DIFFERENT, size, seed=0)):
        folder = root / CLASSES[number % len(CLASSES)].replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number:04}.png")
