"""What an epoch draws is a pure function of seed and epoch, spread as the protocol says."""

import pytest
import torch

from rotui.engine.batches import Draws, evaluation_draws, step_sizes, training_draws
from rotui.engine.seeding import derive_seed


def values(draws: Draws) -> list[torch.Tensor]:
    return [getattr(draws, name) for name in Draws.__dataclass_fields__]


def equal(one: Draws, other: Draws) -> bool:
    return all(map(torch.equal, values(one), values(other)))


def test_draws_repeat_whatever_torchs_global_generator_did() -> None:
    torch.manual_seed(1)
    first = training_draws(42, 3, 100, 100, 4), evaluation_draws(42, 3, 100, 4)
    torch.manual_seed(2)
    torch.rand(17)
    state = torch.get_rng_state()
    again = training_draws(42, 3, 100, 100, 4), evaluation_draws(42, 3, 100, 4)
    assert equal(first[0], again[0])
    assert equal(first[1], again[1])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("other", [(43, 3), (42, 4)], ids=["seed", "epoch"])
def test_another_seed_or_epoch_draws_anew(other: tuple[int, int]) -> None:
    for one, two in zip(
        values(training_draws(42, 3, 100, 100, 4)), values(training_draws(*other, 100, 100, 4)), strict=True
    ):
        assert not torch.equal(one, two)
    assert not torch.equal(
        evaluation_draws(42, 3, 100, 4).rotation, evaluation_draws(*other, 100, 4).rotation
    )


def test_an_epoch_sees_every_image_once_in_shuffled_order() -> None:
    order = training_draws(42, 0, 1000, 1000, 4).order
    assert order.sort().values.tolist() == [*range(1000)]
    assert order.tolist() != [*range(1000)]


def test_an_epoch_longer_than_the_images_repeats_them_in_whole_passes() -> None:
    draws = training_draws(42, 0, 6, 20, 4)
    passes = [sorted(draws.order[start : start + 6].tolist()) for start in (0, 6, 12)]
    assert passes == [[0, 1, 2, 3, 4, 5]] * 3
    assert len(set(draws.order[18:].tolist())) == 2
    assert {len(value) for value in values(draws)} == {20}


def test_crop_flip_and_rotation_are_drawn_evenly() -> None:
    draws = training_draws(42, 0, 30_000, 30_000, 6)
    for drawn in (draws.top, draws.left):
        assert drawn.min() >= 0
        assert drawn.max() < 1
        counts = torch.bincount((drawn * 9).long(), minlength=9)
        assert counts.min() > 3100
        assert counts.max() < 3570
    assert abs(draws.flip.float().mean() - 0.5) < 0.01
    counts = torch.bincount(draws.rotation)
    assert len(counts) == 6
    assert counts.min() > 4750
    assert counts.max() < 5250
    assert abs(torch.corrcoef(torch.stack([draws.top, draws.left]))[0, 1]) < 0.03


def test_evaluation_keeps_the_order_and_flips_nothing() -> None:
    draws = evaluation_draws(42, 0, 500, 4)
    assert draws.order.tolist() == [*range(500)]
    assert not draws.flip.any()
    assert set(draws.rotation.tolist()) == {0, 1, 2, 3}


def test_steps_keep_the_shorter_last_batch() -> None:
    assert step_sizes(37, 16) == [slice(0, 16), slice(16, 32), slice(32, 37)]
    assert step_sizes(32, 16) == [slice(0, 16), slice(16, 32)]


def test_derived_seeds_are_fixed_and_tell_purposes_apart() -> None:
    assert derive_seed(42, "weights") == 1218831237610215275
    different = {
        derive_seed(42, "training", 1),
        derive_seed(42, "training", 2),
        derive_seed(4, "2training", 1),
    }
    assert len(different) == 3
    assert all(0 <= seed < 2**63 for seed in different)
