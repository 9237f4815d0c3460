"""What a rotation score gets for free: by guessing, and from the outline of the empty corners alone."""

from dataclasses import dataclass
from fractions import Fraction

from rotui.profile.schema import RotationSettings


@dataclass(frozen=True)
class Floor:
    """Exact shares of all images, 0 to 1: what the empty corners tell (`outline`) and what guessing does."""

    outline: Fraction
    chance: Fraction

    @property
    def outline_percent(self) -> float:
        """The outline's share in percent."""
        return float(self.outline * 100)

    @property
    def chance_percent(self) -> float:
        """Chance in percent."""
        return float(self.chance * 100)

    def share_above(self, accuracy: float) -> float | None:
        """How much of what the outline leaves open is solved, in percent, for an accuracy in percent.

        Negative below the floor; None where the outline tells everything.
        """
        if self.outline == 1:
            return None
        return 100 * (accuracy - self.outline_percent) / (100 - self.outline_percent)


def outlines(count: int) -> int:
    """How many different outlines `count` rotations leave: those equal modulo 90 degrees look the same."""
    return len({Fraction(360 * k, count) % 90 for k in range(count)})


def rotation_floor(rotation: RotationSettings) -> Floor:
    """The floor of a rotation score under these settings.

    Each outline tells one class right out of those that share it. Jitter blurs outlines once the ranges of
    neighbours, evenly spaced over 90 degrees, overlap. With other corners than `fill` every class has the
    same outline and chance is all; marks of the resampling, which `rotui leak` measures, are not counted.
    """
    chance = Fraction(1, rotation.count)
    if rotation.corners != "fill":
        return Floor(chance, chance)
    told = Fraction(outlines(rotation.count))
    if rotation.jitter:
        told = min(told, 45 / Fraction(rotation.jitter))
    return Floor(told * chance, chance)
