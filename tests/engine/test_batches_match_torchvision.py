"""Every batch equals torchvision's transforms, applied to one image at a time, bit for bit."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from torch import Tensor
from torchvision.transforms import InterpolationMode

from rotui.data.images import ImageSet
from rotui.data.splits import Split
from rotui.engine.batches import (
    Draws,
    ImagePool,
    SplitOnDevice,
    evaluation_draws,
    step_sizes,
    training_draws,
)
from rotui.engine.reading import Reading
from rotui.engine.rotation import Rotations
from rotui.profile.schema import RotationSettings

CPU = torch.device("cpu")
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
MakePictures = Callable[..., ImageSet]


def noise(shapes: list[tuple[int, int]], make: MakePictures) -> ImageSet:
    random = np.random.default_rng(7)
    drawn = [random.integers(0, 256, (3, *shape), dtype=np.uint8) for shape in shapes]
    return make(drawn, [number % 3 for number in range(len(drawn))])


def shapes_of(size: int, ragged: bool) -> list[tuple[int, int]]:
    grown = ((0, 0), (0, 11), (23, 0), (5, 8), (1, 40), (2, 2), (0, 1)) if ragged else ((0, 0),) * 7
    return [(size + down, size + right) for down, right in grown]


def one_by_one(
    images: ImageSet, indices: Tensor, draws: Draws, size: int, padding: int, flip: bool
) -> Tensor:
    """Pad, crop, flip, scale to 0..1 and normalise, without rotating."""
    batch = []
    for position, index in enumerate(indices.tolist()):
        picture = TF.pad(torch.from_numpy(images.image(index).copy()), [padding] * 4)
        top = int(draws.top[position] * (picture.shape[1] - size + 1))
        left = int(draws.left[position] * (picture.shape[2] - size + 1))
        picture = TF.crop(picture, top, left, size, size)
        if flip and draws.flip[position]:
            picture = TF.hflip(picture)
        batch.append(TF.normalize(picture.to(torch.float32).div(255), MEAN, STD))
    return torch.stack(batch)


def rotated(batch: Tensor, draws: Draws, count: int, **options: object) -> Tensor:
    degrees = [k * 360 / count for k in draws.rotation.tolist()]
    return torch.stack(
        [TF.rotate(image, angle, **options) for image, angle in zip(batch, degrees, strict=True)]
    )


@pytest.mark.parametrize("ragged", [False, True], ids=["uniform", "ragged"])
@pytest.mark.parametrize("size", [32, 160])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 8, 12])
def test_training_batches_equal_torchvision(
    count: int, size: int, ragged: bool, pictures: MakePictures
) -> None:
    images = noise(shapes_of(size, ragged), pictures)
    indices = np.array([6, 0, 3, 1, 5, 2, 4])
    split = Split(images, indices, np.arange(7))
    draws = training_draws(3, 0, 7, 35, count)
    batches = SplitOnDevice(split, ImagePool(images, size, (MEAN, STD), CPU)).batches(
        draws, 16, Reading(4, True, Rotations(RotationSettings(count=count), size, CPU))
    )
    shown = [*batches]
    seen = torch.from_numpy(indices)[draws.order]
    expected = rotated(one_by_one(images, seen, draws, size, 4, True), draws, count)
    assert [len(part) for part, _ in shown] == [16, 16, 3]
    assert torch.equal(torch.cat([part for part, _ in shown]), expected)
    assert torch.equal(torch.cat([targets for _, targets in shown]), draws.rotation)
    assert draws.flip.any()
    assert not draws.flip.all()


@pytest.mark.parametrize("size", [32, 160])
def test_training_batches_without_rotation_carry_the_labels(size: int, pictures: MakePictures) -> None:
    images = noise(shapes_of(size, True), pictures)
    split = Split(images, np.array([5, 2, 0]), np.array([2, 7, 4]))
    draws = training_draws(8, 2, 3, 3, 1)
    ((batch, labels),) = SplitOnDevice(split, ImagePool(images, size, (MEAN, STD), CPU)).batches(
        draws, 8, Reading(4, True)
    )
    seen = torch.tensor([5, 2, 0])[draws.order]
    assert torch.equal(batch, one_by_one(images, seen, draws, size, 4, True))
    assert torch.equal(labels, torch.tensor([2, 7, 4])[draws.order])


@pytest.mark.parametrize("count", [4, 6, 8])
@pytest.mark.parametrize("size", [32, 160])
def test_evaluation_only_rotates_and_normalises_in_dataset_order(
    count: int, size: int, pictures: MakePictures
) -> None:
    images = noise(shapes_of(size, False), pictures)
    split = Split(images, np.arange(7), images.labels)
    draws = evaluation_draws(3, 5, 7, count)
    ((batch, targets),) = SplitOnDevice(split, ImagePool(images, size, (MEAN, STD), CPU)).batches(
        draws, 16, Reading(rotations=Rotations(RotationSettings(count=count), size, CPU))
    )
    normal = TF.normalize(torch.from_numpy(images.dense()).to(torch.float32).div(255), MEAN, STD)
    assert torch.equal(batch, rotated(normal, draws, count))
    assert torch.equal(targets, draws.rotation)


def test_evaluation_of_larger_images_takes_their_centre(pictures: MakePictures) -> None:
    images = noise([(32, 40), (48, 32), (36, 52)], pictures)
    pool = ImagePool(images, 32, (MEAN, STD), CPU)
    batch = pool.read(torch.arange(3), evaluation_draws(0, 0, 3, 1), Reading())
    for index in range(3):
        centre = TF.center_crop(torch.from_numpy(images.image(index).copy()), [32, 32])
        assert torch.equal(batch[index], TF.normalize(centre.to(torch.float32).div(255), MEAN, STD))


def test_images_smaller_than_the_crop_stand_in_black(pictures: MakePictures) -> None:
    images = noise([(20, 24)], pictures)
    draws = training_draws(0, 0, 1, 1, 1)
    batch = ImagePool(images, 32, ((0.0,) * 3, (1.0,) * 3), CPU).read(
        torch.zeros(1).long(), draws, Reading(4)
    )
    expected = torch.zeros(3, 32, 32)
    expected[:, 4:24, 4:28] = torch.from_numpy(images.image(0).copy()).to(torch.float32).div(255)
    assert torch.equal(batch[0], expected)


@pytest.mark.parametrize("count", [4, 6])
def test_every_rotation_of_an_image_stands_in_the_batch_from_one_crop_and_flip(
    count: int, pictures: MakePictures
) -> None:
    images = noise(shapes_of(32, False), pictures)
    split = Split(images, np.arange(5), images.labels[:5])
    draws = training_draws(1, 0, 5, 5, count)
    shown = [
        *SplitOnDevice(split, ImagePool(images, 32, (MEAN, STD), CPU)).batches(
            draws, 3, Reading(4, True, Rotations(RotationSettings(count=count), 32, CPU), every_rotation=True)
        )
    ]
    assert [len(part) for part, _ in shown] == [3 * count, 2 * count]
    plain = one_by_one(images, draws.order, draws, 32, 4, True)
    expected = [TF.rotate(image, k * 360 / count) for image in plain for k in range(count)]
    assert torch.equal(torch.cat([part for part, _ in shown]), torch.stack(expected))
    assert torch.cat([targets for _, targets in shown]).tolist() == [*range(count)] * 5


def test_filled_corners_equal_torchvision_fill(pictures: MakePictures) -> None:
    images = noise(shapes_of(32, False), pictures)
    rotations = Rotations(RotationSettings(count=6, fill=-1.25), 32, CPU)
    draws = training_draws(5, 0, 7, 7, 6)
    batch = ImagePool(images, 32, (MEAN, STD), CPU).read(draws.order, draws, Reading(4, True, rotations))
    plain = one_by_one(images, draws.order, draws, 32, 4, True)
    assert torch.equal(batch, rotated(plain, draws, 6, fill=[-1.25]))


def test_bilinear_filled_corners_blend_with_the_fill(pictures: MakePictures) -> None:
    """As if the image lay on a larger sheet of the fill; torchvision's bilinear fill weighs the rim twice."""
    images = noise(shapes_of(32, False), pictures)
    rotations = Rotations(RotationSettings(count=6, fill=-1.25, interpolation="bilinear"), 32, CPU)
    draws = training_draws(5, 0, 7, 7, 6)
    batch = ImagePool(images, 32, (MEAN, STD), CPU).read(draws.order, draws, Reading(4, True, rotations))
    sheet = TF.pad(one_by_one(images, draws.order, draws, 32, 4, True), [16] * 4, fill=-1.25)
    turned = rotated(sheet, draws, 6, interpolation=InterpolationMode.BILINEAR)
    torch.testing.assert_close(batch, TF.center_crop(turned, [32, 32]), rtol=0, atol=2e-4)


@pytest.mark.parametrize("size", [32, 160])
@pytest.mark.parametrize("count", [4, 6, 8])
def test_bilinear_rotation_agrees_with_torchvision(count: int, size: int, pictures: MakePictures) -> None:
    """torchvision makes its grid in pixels and divides, ours is made in -1..1. The positions differ by some
    1e-5 px of rounding, and noise of +-2.5 standard deviations turns that into up to 5 times as much."""
    images = noise(shapes_of(size, False), pictures)
    settings = RotationSettings(count=count, interpolation="bilinear")
    draws = training_draws(5, 0, 7, 14, count)
    batch = ImagePool(images, size, (MEAN, STD), CPU).read(
        draws.order, draws, Reading(4, True, Rotations(settings, size, CPU))
    )
    plain = one_by_one(images, draws.order, draws, size, 4, True)
    expected = rotated(plain, draws, count, interpolation=InterpolationMode.BILINEAR)
    torch.testing.assert_close(batch, expected, rtol=0, atol=1e-3 if size == 160 else 2e-4)


@pytest.mark.parametrize(
    ("images", "batch", "sizes"),
    [(8, 4, [4, 4]), (7, 4, [4, 3]), (9, 4, [4, 5]), (1, 4, [1]), (4, 4, [4]), (5, 4, [5])],
)
def test_the_last_step_is_kept_and_one_image_alone_joins_the_step_before(
    images: int, batch: int, sizes: list[int]
) -> None:
    steps = step_sizes(images, batch)
    assert [part.stop - part.start for part in steps] == sizes
    assert steps[0].start == 0
    assert steps[-1].stop == images
    assert all(before.stop == after.start for before, after in pairwise(steps))
