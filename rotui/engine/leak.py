"""How much of the pretext task can be solved without a picture: the leak of a rotation pipeline.

On images of pure noise no content tells the rotation. What a small network still gets right there, above
chance, it reads off empty corners and the marks of resampling.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rotui.data.images import ImageSet, image_offsets
from rotui.engine.batches import ImagePool, evaluation_draws, step_sizes, training_draws
from rotui.engine.reading import Reading
from rotui.engine.rotation import Rotations
from rotui.engine.seeding import derive_seed, seeded
from rotui.errors import StoppedError
from rotui.profile.schema import Profile

NOISE_IMAGES = 8192
TEST_IMAGES = 4096
BATCH = 128
LARGEST_SIZE = 32


@dataclass(frozen=True)
class Leak:
    """Accuracies in percent on `images` noise images of `size` px; `standard_error` is the sampling error of
    `accuracy`, in percent points."""

    rotations: int
    size: int
    steps: int
    images: int
    accuracy: float
    standard_error: float
    chance: float


def noise_images(count: int, size: int, seed: int) -> ImageSet:
    """`count` images of independent, uniformly drawn uint8 pixels, (3, size, size) each."""
    random = np.random.default_rng(derive_seed(seed, "noise"))
    lengths = np.full(count, size, dtype=np.int32)
    return ImageSet(
        pixels=random.integers(0, 256, count * 3 * size * size, dtype=np.uint8),
        heights=lengths,
        widths=lengths,
        offsets=image_offsets(lengths, lengths),
        labels=np.zeros(count, dtype=np.int64),
    )


def small_network(outputs: int, seed: int) -> nn.Module:
    """Four 3x3 convolutions with batch norm, 32 to 64 channels, pooled to logits (N, outputs)."""
    channels = (3, 32, 32, 64, 64)
    with seeded(seed, "leak network"):
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(channels)):
            stride = 2 if number in (1, 2) else 1
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], outputs))


def measure_leak(
    profile: Profile, device: torch.device, *, steps: int, stop: Callable[[], bool]
) -> Generator[int, None, Leak]:
    """Trains the small network on noise for `steps` steps of 128 images, yields each step's number, and
    returns what it gets right on noise it never saw.

    The images pass the profile's own crop, flip, rotation and normalisation, at its size but at most 32 px.
    Raises StoppedError between two steps when asked to stop.
    """
    size = min(profile.data.image_size, LARGEST_SIZE)
    count, seed = profile.rotation.count, profile.seed
    rotations = Rotations(profile.rotation, size, device)
    reading = Reading(profile.data.crop_padding, profile.data.horizontal_flip, rotations)
    training, tested = (
        ImagePool(
            noise_images(number, size, derive_seed(seed, use)), size, profile.data.normalisation, device
        )
        for number, use in ((NOISE_IMAGES, "training"), (TEST_IMAGES, "test"))
    )
    network = small_network(count, seed).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.006, total_steps=steps)
    draws = training_draws(seed, 0, NOISE_IMAGES, steps * BATCH, count).to(device)
    for number, part in enumerate(step_sizes(steps * BATCH, BATCH), start=1):
        if stop():
            raise StoppedError(f"stopped at step {number} of {steps}")
        drawn = draws[part]
        images = training.read(drawn.order, drawn, reading)
        loss = F.cross_entropy(network(images), drawn.rotation)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        yield number
    correct = _correct(network.eval(), tested, rotations, seed)
    share = correct / TEST_IMAGES
    return Leak(
        rotations=count,
        size=size,
        steps=steps,
        images=TEST_IMAGES,
        accuracy=100 * share,
        standard_error=100 * (share * (1 - share) / TEST_IMAGES) ** 0.5,
        chance=100 / count,
    )


@torch.no_grad()
def _correct(network: nn.Module, images: ImagePool, rotations: Rotations, seed: int) -> int:
    draws = evaluation_draws(seed, 0, TEST_IMAGES, rotations.settings.count).to(images.device)
    right: list[Tensor] = []
    for part in step_sizes(TEST_IMAGES, BATCH):
        drawn = draws[part]
        logits = network(images.read(drawn.order, drawn, Reading(rotations=rotations)))
        right.append((logits.argmax(dim=1) == drawn.rotation).sum())
    return int(torch.stack(right).sum())
