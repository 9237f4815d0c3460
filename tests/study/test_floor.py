from fractions import Fraction

import pytest

from rotui.profile.schema import RotationSettings
from rotui.study.floor import rotation_floor


@pytest.mark.parametrize(
    ("count", "outline"),
    [
        (2, Fraction(1, 2)),
        (3, Fraction(1)),
        (4, Fraction(1, 4)),
        (5, Fraction(1)),
        (6, Fraction(1, 2)),
        (7, Fraction(1)),
        (8, Fraction(1, 4)),
        (10, Fraction(1, 2)),
        (12, Fraction(1, 4)),
        (36, Fraction(1, 4)),
    ],
)
def test_what_the_outline_tells_is_exact(count: int, outline: Fraction) -> None:
    floor = rotation_floor(RotationSettings(count=count))
    assert floor.outline == outline
    assert floor.chance == Fraction(1, count)


@pytest.mark.parametrize(("count", "score", "share"), [(4, 79.18, 72), (6, 85.17, 70), (8, 79.87, 73)])
def test_the_published_scores_are_alike_above_their_floors(count: int, score: float, share: int) -> None:
    above = rotation_floor(RotationSettings(count=count)).share_above(score)
    assert above is not None
    assert round(above) == share


@pytest.mark.parametrize("corners", ["disc", "reflect"])
def test_without_empty_corners_the_floor_is_chance(corners: str) -> None:
    floor = rotation_floor(RotationSettings.model_validate({"count": 6, "corners": corners}))
    assert floor.outline == floor.chance == Fraction(1, 6)


def test_an_outline_that_tells_everything_leaves_nothing_above() -> None:
    assert rotation_floor(RotationSettings(count=5)).share_above(100.0) is None


@pytest.mark.parametrize(
    ("jitter", "outline"), [(10.0, Fraction(1, 2)), (15.0, Fraction(1, 2)), (20.0, Fraction(3, 8))]
)
def test_jitter_lowers_the_floor_only_where_outlines_overlap(jitter: float, outline: Fraction) -> None:
    assert rotation_floor(RotationSettings(count=6, jitter=jitter)).outline == outline
