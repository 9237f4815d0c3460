"""Batches from uint8 images held in memory: crop, flip, rotation and normalisation as batched tensor code.

One gather composes crop, flip and rotation into source pixels, so that a batch is read once. What is drawn
for an epoch depends on the seed, the epoch and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rotui.data.images import ImageSet
from rotui.data.splits import Split
from rotui.engine.reading import Reading
from rotui.engine.seeding import generator
from rotui.profile.datasets import Triple


@dataclass(frozen=True)
class Draws:
    """What an epoch draws, one entry for each image it sees: `order` int64 positions in the split, `top` and
    `left` float32 in 0..1 of the crop's range, `flip` bool, `rotation` int64 classes, `jitter` float32 in
    -1..1."""

    order: Tensor
    top: Tensor
    left: Tensor
    flip: Tensor
    rotation: Tensor
    jitter: Tensor

    def to(self, device: torch.device) -> "Draws":
        """The same draws on another device."""
        return Draws(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def __getitem__(self, part: slice) -> "Draws":
        return Draws(*(getattr(self, name)[part] for name in self.__dataclass_fields__))

    def copied(self, device: torch.device) -> "Draws":
        """The same draws in memory of their own, on another device or this one."""
        return Draws(*(getattr(self, name).to(device, copy=True) for name in self.__dataclass_fields__))

    def at(self, rows: Tensor) -> "Draws":
        """The entries with these numbers, int64 (N,)."""
        return Draws(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def take_over(self, draws: "Draws") -> None:
        """Copies as many other draws into the same memory."""
        for name in self.__dataclass_fields__:
            getattr(self, name).copy_(getattr(draws, name))


def training_draws(seed: int, epoch: int, images: int, drawn: int, rotations: int) -> Draws:
    """Draws of a training epoch over `images` images, of which `drawn` are seen: as many whole shuffled
    passes as that takes, the last one cut short."""
    random = generator(seed, "training", epoch)
    passes = -(-drawn // images)
    order = torch.cat([torch.randperm(images, generator=random) for _ in range(passes)])[:drawn]
    return Draws(
        order=order,
        top=torch.rand(drawn, generator=random),
        left=torch.rand(drawn, generator=random),
        flip=torch.rand(drawn, generator=random) < 0.5,
        rotation=torch.randint(rotations, (drawn,), generator=random),
        jitter=torch.rand(drawn, generator=random) * 2 - 1,
    )


def evaluation_draws(seed: int, epoch: int, images: int, rotations: int) -> Draws:
    """Draws of an evaluation in dataset order: nothing but the rotations and their jitter is random."""
    random = generator(seed, "evaluation", epoch)
    centre = torch.full((images,), 0.5)
    return Draws(
        order=torch.arange(images),
        top=centre,
        left=centre,
        flip=torch.zeros(images, dtype=torch.bool),
        rotation=torch.randint(rotations, (images,), generator=random),
        jitter=torch.rand(images, generator=random) * 2 - 1,
    )


class ImagePool:
    """All images of one set on a device, uint8, and the gather that reads a batch from them."""

    def __init__(
        self, images: ImageSet, size: int, normalisation: tuple[Triple, Triple], device: torch.device
    ) -> None:
        self.size = size
        self.device = device
        self._pixels = torch.from_numpy(images.pixels).to(device)
        self._offsets = torch.from_numpy(images.offsets).to(device)
        self._heights = torch.from_numpy(images.heights).to(device)
        self._widths = torch.from_numpy(images.widths).to(device)
        self._dense: Tensor | None = None
        if images.uniform and len(images):
            height, width = int(images.heights[0]), int(images.widths[0])
            pixels = self._pixels[: 3 * height * width * len(images)]
            self._dense = pixels.view(len(images), 3, height, width)
        mean, std = normalisation
        self._full = torch.tensor(255.0, device=device)
        self._mean = torch.tensor(mean, dtype=torch.float32, device=device).view(1, 3, 1)
        self._std = torch.tensor(std, dtype=torch.float32, device=device).view(1, 3, 1)
        pixel = torch.arange(size * size, dtype=torch.int32, device=device)
        self._rows, self._columns = pixel // size, pixel % size
        self._channels = torch.arange(3, device=device)[:, None]
        self._zero = torch.zeros((), dtype=torch.int32, device=device)

    def read(
        self,
        images: Tensor,
        draws: Draws,
        reading: Reading,
    ) -> Tensor:
        """Normalised float32 (N, 3, S, S) of the `images` (N,) of the set.

        Equal to the bit to torchvision's crop with black padding, horizontal flip, `to_tensor`, `normalize`
        and `rotate`, one after the other.
        """
        rotations = reading.rotations
        heights, widths = self._heights[images, None], self._widths[images, None]
        top = _crop_start(draws.top, heights, reading.padding, self.size)
        left = _crop_start(draws.left, widths, reading.padding, self.size)
        sources = rotations.sources(draws.rotation) if rotations else None
        rows, columns = (sources.rows, sources.columns) if sources else (self._rows, self._columns)
        if reading.flip:
            columns = torch.where(draws.flip[:, None], self.size - 1 - columns, columns)
        if self._dense is not None and min(self._dense.shape[2:]) + 2 * reading.padding >= self.size:
            padded = F.pad(self._dense[images], [reading.padding] * 4)
            start = (top + reading.padding) * padded.shape[3] + left + reading.padding
            at = (rows * padded.shape[3] + columns + start).long()
            values = padded.flatten(2).gather(2, at[:, None].expand(-1, 3, -1))
        else:
            values = self._take(images, rows + top, columns + left)
        batch = values.to(torch.float32).div_(self._full).sub_(self._mean).div_(self._std)
        if sources is not None and sources.inside is not None and rotations is not None:
            outside = rotations.settings.fill * (1 - sources.inside)
            batch.mul_(sources.inside[:, None]).add_(outside[:, None])
        batch = batch.view(len(images), 3, self.size, self.size)
        if rotations is not None:
            if sources is None:
                batch = rotations.apply_grid(batch, draws.rotation, draws.jitter)
            batch = rotations.finish(batch)
        return batch

    def _take(self, images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """uint8 (N, 3, S * S): the pixels of `images` (N,) at `rows` and `columns` (N, S * S), black where
        there is none."""
        heights, widths = self._heights[images, None], self._widths[images, None]
        row = rows.clamp(min=self._zero, max=heights - 1)
        column = columns.clamp(min=self._zero, max=widths - 1)
        start = self._offsets[images, None, None] + (row * widths + column)[:, None, :]
        values = torch.take(self._pixels, start + (heights * widths)[:, None].long() * self._channels)
        is_within = (row == rows) & (column == columns)
        return values.mul_(is_within[:, None].to(torch.uint8))


def _crop_start(drawn: Tensor, lengths: Tensor, padding: int, size: int) -> Tensor:
    """First row or column of each crop in the unpadded image, int32 (N, 1); negative inside the padding."""
    positions = (lengths + 2 * padding - size + 1).clamp(min=1)
    return torch.minimum((drawn[:, None] * positions).int(), positions - 1) - padding


def step_sizes(images: int, batch: int) -> list[slice]:
    """The slices of an epoch of `images` images in steps of `batch`, the shorter last one kept.

    A last step of one image, which batch norm cannot be trained on, joins the step before.
    """
    steps = [slice(start, min(start + batch, images)) for start in range(0, images, batch)]
    if len(steps) > 1 and images % batch == 1:
        steps[-2:] = [slice(steps[-2].start, images)]
    return steps


class SplitOnDevice:
    """A split whose pool of images, indices and labels lie on the device."""

    def __init__(self, split: Split, pool: ImagePool) -> None:
        self.pool = pool
        self.indices = torch.from_numpy(split.indices).to(pool.device)
        self.labels = torch.from_numpy(split.labels).to(pool.device)

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, draws: Draws, batch: int, reading: Reading) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and targets of each step of at most `batch` drawn images, as `read` gives them."""
        draws = draws.to(self.pool.device)
        for part in step_sizes(len(draws.order), batch):
            yield self.read(draws[part], reading)

    def read(self, drawn: Draws, reading: Reading) -> tuple[Tensor, Tensor]:
        """Images float32 (N, 3, S, S) and their targets int64 (N,): the rotation where there are rotations,
        else the label."""
        if reading.repeats > 1:
            drawn = _every_rotation(drawn, reading.repeats)
        images = self.pool.read(self.indices[drawn.order], drawn, reading)
        return images, drawn.rotation if reading.rotations else self.labels[drawn.order]


def _every_rotation(draws: Draws, count: int) -> Draws:
    """Each entry `count` times, once for each rotation."""
    repeated = Draws(*(getattr(draws, name).repeat_interleave(count) for name in draws.__dataclass_fields__))
    classes = torch.arange(count, device=draws.rotation.device).repeat(len(draws.order))
    return Draws(repeated.order, repeated.top, repeated.left, repeated.flip, classes, repeated.jitter)
