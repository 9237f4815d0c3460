"""Corner fill, disc, reflection, jitter and low-pass do what the profile says, to every class alike."""

import math

import pytest
import torch
import torchvision.transforms.functional as TF
from torchvision.transforms import InterpolationMode

from rotui.engine.batches import evaluation_draws, training_draws
from rotui.engine.rotation import Rotations, inscribed_disc, low_pass, rotation_table, sample_rotated
from rotui.profile.schema import RotationSettings

CPU = torch.device("cpu")


def noise(count: int, size: int = 32) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("count", [4, 6, 8])
@pytest.mark.parametrize("size", [32, 33])
def test_table_names_the_source_pixel_of_torchvisions_rotation(count: int, size: int) -> None:
    image = noise(1, size)[0]
    table = rotation_table(count, size)
    for k in range(count):
        flat = image.reshape(3, -1)[:, table[k].clamp(min=0)]
        flat[:, table[k] < 0] = 0
        assert torch.equal(flat.reshape(3, size, size), TF.rotate(image, k * 360 / count))


def test_right_angles_lose_no_pixel_and_turn_counter_clockwise() -> None:
    image = noise(1)[0]
    table = rotation_table(4, 32)
    for k in range(4):
        turned = image.reshape(3, -1)[:, table[k]].reshape(3, 32, 32)
        assert torch.equal(turned, torch.rot90(image, k, dims=(1, 2)))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_disc_shows_every_class_through_the_same_round_window(interpolation: str) -> None:
    settings = RotationSettings(count=8, corners="disc", fill=0.75, interpolation=interpolation)
    rotations = Rotations(settings, 32, CPU)
    classes, jitter = torch.arange(8), torch.zeros(8)
    images = noise(1).expand(8, -1, -1, -1)
    sources = rotations.sources(classes)
    if sources is None:
        turned = rotations.apply_grid(images, classes, jitter)
    else:
        flat = images.reshape(8, 3, -1)
        turned = flat.gather(2, (32 * sources.rows + sources.columns).long()[:, None].expand(-1, 3, -1))
        turned = turned.reshape(8, 3, 32, 32)
    shown = rotations.finish(turned)
    distance = [math.hypot(row - 15.5, column - 15.5) for row in range(32) for column in range(32)]
    inside = (torch.tensor(distance) <= 16).reshape(32, 32)
    assert torch.equal(inscribed_disc(32), inside)
    assert torch.all(shown[..., ~inside] == 0.75)
    assert torch.equal(shown[..., inside], turned[..., inside])


def test_reflected_corners_are_the_images_own_mirrored_border() -> None:
    images = noise(6)
    settings = RotationSettings(count=6, corners="reflect", interpolation="bilinear")
    degrees = torch.tensor([0.0, 60.0, 120.0, 180.0, 240.0, 300.0])
    turned = sample_rotated(images, degrees, settings)
    mirrored = TF.pad(images, [16] * 4, padding_mode="symmetric")
    for image, whole, angle in zip(turned, mirrored, degrees.tolist(), strict=True):
        expected = TF.rotate(whole, angle, InterpolationMode.BILINEAR)
        torch.testing.assert_close(image, TF.center_crop(expected, [32, 32]), rtol=0, atol=5e-4)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_reflected_corners_of_a_flat_image_are_flat(interpolation: str) -> None:
    settings = RotationSettings(count=8, corners="reflect", interpolation=interpolation, jitter=20.0)
    rotations = Rotations(settings, 32, CPU)
    classes = torch.arange(8)
    assert rotations.sources(classes) is None
    turned = rotations.apply_grid(torch.full((8, 3, 32, 32), 1.5), classes, torch.linspace(-1, 1, 8))
    torch.testing.assert_close(turned, torch.full((8, 3, 32, 32), 1.5))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_jitter_adds_up_to_that_many_degrees_to_the_class(interpolation: str) -> None:
    smooth = low_pass(noise(8), 2.0)
    rotations = Rotations(RotationSettings(count=4, jitter=30.0, interpolation=interpolation), 32, CPU)
    classes = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    jitter = torch.tensor([-1.0, -0.5, 0.0, 0.25, 1.0, 0.5, 0.1, -0.1])
    turned = rotations.apply_grid(smooth, classes, jitter)
    for image, whole, k, part in zip(turned, smooth, classes.tolist(), jitter.tolist(), strict=True):
        expected = TF.rotate(whole, k * 90 + part * 30, InterpolationMode(interpolation))
        agree = (image - expected).abs() < 1e-4
        assert agree.float().mean() > (0.99 if interpolation == "nearest" else 0.9999)


@pytest.mark.parametrize("evaluated", [False, True])
def test_jitter_is_drawn_evenly_between_minus_one_and_one(evaluated: bool) -> None:
    draws = evaluation_draws(1, 0, 20_000, 4) if evaluated else training_draws(1, 0, 20_000, 20_000, 4)
    assert -1 <= draws.jitter.min() < -0.99
    assert 0.99 < draws.jitter.max() <= 1
    assert abs(draws.jitter.mean()) < 0.02


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5, 4.0])
@pytest.mark.parametrize("size", [8, 32])
def test_low_pass_leaves_flat_images_alone(sigma: float, size: int) -> None:
    flat = torch.tensor([1.0, -2.0, 0.5]).view(1, 3, 1, 1).expand(2, 3, size, size)
    torch.testing.assert_close(low_pass(flat, sigma), flat)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_low_pass_spreads_a_point_to_a_gaussian_that_sums_to_one(sigma: float) -> None:
    point = torch.zeros(1, 3, 65, 65)
    point[0, 1, 32, 32] = 1
    spread = low_pass(point, sigma)
    assert torch.all(spread[:, [0, 2]] == 0)
    assert spread.sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(spread, spread.transpose(2, 3))
    torch.testing.assert_close(spread, spread.flip(2))
    profile = spread[0, 1].sum(dim=0).double()
    ratio = (profile[33] / profile[32]).item()
    assert ratio == pytest.approx(math.exp(-1 / (2 * sigma**2)), rel=1e-4)


def test_low_pass_takes_noise_down_to_the_power_of_its_kernel() -> None:
    images = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    expected = 1 / (4 * math.pi * 1.5**2)
    inner = low_pass(images, 1.5)[..., 8:-8, 8:-8]
    assert inner.var().item() == pytest.approx(expected, rel=0.1)


def test_low_pass_is_the_last_step_of_the_pipeline_and_inside_the_disc() -> None:
    images = noise(2)
    blurred = Rotations(RotationSettings(low_pass=1.0), 32, CPU).finish(images)
    torch.testing.assert_close(blurred, low_pass(images, 1.0))
    masked = Rotations(RotationSettings(low_pass=1.0, corners="disc"), 32, CPU).finish(images)
    assert torch.all(masked[..., 0, 0] == 0)
    assert torch.equal(Rotations(RotationSettings(), 32, CPU).finish(images), images)
