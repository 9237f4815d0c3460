"""The leak is found where rotations leave marks, and not where every class pays the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from rotui.engine.leak import Leak, measure_leak, noise_images, small_network
from rotui.errors import StoppedError
from rotui.profile.schema import Profile
from rotui.study.floor import rotation_floor

CPU = torch.device("cpu")
REMEDIES = {"corners": "disc", "jitter": 10.0, "interpolation": "bilinear", "low_pass": 1.0}


@dataclass(frozen=True)
class Measured:
    leak: Leak
    steps: list[int]
    floor: float


@pytest.fixture(scope="module")
def measure(ended: Callable[..., Any]) -> Callable[..., Measured]:
    def run(steps: int, **rotation: Any) -> Measured:
        """16 px images, which say the same as 32 px in a fifth of the time."""
        data = {"name": "folder", "path": "unused", "image_size": 16, "crop_padding": 2}
        profile = Profile(data=data, rotation=rotation)
        numbers, leak = ended(measure_leak(profile, CPU, steps=steps, stop=lambda: False))
        return Measured(leak, numbers, rotation_floor(profile.rotation).outline_percent)

    return run


def test_six_rotations_give_away_nearly_their_outline(measure: Callable[..., Measured]) -> None:
    measured = measure(120, count=6)
    assert measured.floor == 50
    assert measured.leak.chance == pytest.approx(100 / 6)
    assert 40 < measured.leak.accuracy < 50 + 4 * measured.leak.standard_error


def test_eight_rotations_give_away_their_outline_and_the_marks_of_resampling(
    measure: Callable[..., Measured],
) -> None:
    measured = measure(80, count=8)
    assert measured.floor == 25
    assert measured.leak.chance == 12.5
    assert 21 < measured.leak.accuracy < 40


def test_four_rotations_of_noise_cannot_be_told_apart(measure: Callable[..., Measured]) -> None:
    leak = measure(60, count=4).leak
    assert abs(leak.accuracy - 25) < 4 * leak.standard_error


def test_remedies_bring_six_rotations_near_chance(measure: Callable[..., Measured]) -> None:
    measured = measure(80, count=6, **REMEDIES)
    assert measured.floor == pytest.approx(100 / 6)
    assert abs(measured.leak.accuracy - 100 / 6) < 7


def test_every_step_is_told_and_the_measurement_repeats(measure: Callable[..., Measured]) -> None:
    torch.manual_seed(1)
    first = measure(10, count=6)
    torch.manual_seed(2)
    assert measure(10, count=6) == first
    assert first.steps == [*range(1, 11)]
    leak = first.leak
    assert (leak.rotations, leak.size, leak.steps, leak.images) == (6, 16, 10, 4096)
    share = leak.accuracy / 100
    assert leak.standard_error == pytest.approx(100 * (share * (1 - share) / 4096) ** 0.5)


def test_a_stop_is_heeded_between_two_steps() -> None:
    taken: list[int] = []
    asked = iter([False, True])
    profile = Profile(data={"name": "folder", "path": "unused", "image_size": 16}, rotation={"count": 6})
    training = measure_leak(profile, CPU, steps=10, stop=lambda: next(asked))
    with pytest.raises(StoppedError, match="step 2 of 10"):
        taken.extend(training)
    assert taken == [1]


def test_noise_has_no_orientation_and_is_drawn_by_the_seed() -> None:
    images = noise_images(200, 16, 1).dense().astype(np.float64)
    assert abs(images.mean() - 127.5) < 1
    assert abs(images.std() - 256 / 12**0.5) < 1
    for axis in (2, 3):
        neighbours = np.corrcoef(images.reshape(-1), np.roll(images, 1, axis).reshape(-1))[0, 1]
        assert abs(neighbours) < 0.02
    assert np.array_equal(noise_images(5, 8, 1).pixels, noise_images(5, 8, 1).pixels)
    assert not np.array_equal(noise_images(5, 8, 1).pixels, noise_images(5, 8, 2).pixels)


def test_the_small_network_is_drawn_by_the_seed_and_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = small_network(6, 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(small_network(6, 1)(images), first(images))
    assert first(images).shape == (2, 6)
    assert not torch.equal(small_network(6, 2)(images), first(images))
