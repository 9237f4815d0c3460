"""How the images of a run are read: cropped, flipped and rotated in training, rotated alone in validation."""

from dataclasses import dataclass

import torch

from rotui.engine.rotation import Rotations
from rotui.study.planning import PlannedRun


@dataclass(frozen=True)
class Reading:
    """Cropped after `padding` by as many black pixels, flipped where that is drawn, rotated where there are
    `rotations`: by the one that is drawn, or with `every_rotation` by all R of them, one after the other."""

    padding: int = 0
    flip: bool = False
    rotations: Rotations | None = None
    every_rotation: bool = False

    @property
    def repeats(self) -> int:
        """How often each drawn image is in a step."""
        return self.rotations.settings.count if self.rotations and self.every_rotation else 1


def training_reading(run: PlannedRun, device: torch.device) -> Reading:
    """How a training step of `run` reads its images."""
    data, every = run.profile.data, run.profile.rotation.per_step == "all"
    return Reading(data.crop_padding, data.horizontal_flip, _rotations(run, device), every)


def judging_reading(run: PlannedRun, device: torch.device) -> Reading:
    """How the images that `run` is judged by are read."""
    every = run.profile.rotation.validation == "all"
    return Reading(rotations=_rotations(run, device), every_rotation=every)


def _rotations(run: PlannedRun, device: torch.device) -> Rotations | None:
    if not run.stage.predicts_rotation:
        return None
    return Rotations(run.profile.rotation, run.profile.data.image_size, device)
