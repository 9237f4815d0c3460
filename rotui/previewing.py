"""What a preview shows of a profile's point or of a run, and in words what was done to the pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from rotui.data.splits import Splits, data_identity
from rotui.engine.preview import (
    Mistake,
    PreviewBatch,
    confident_mistakes,
    steps_of,
    training_batch,
    unobserved,
    validation_batch,
)
from rotui.engine.training import never
from rotui.engine.weights import load_weights
from rotui.errors import InputError, StoreError
from rotui.profile.sweep import Point
from rotui.store.layout import MODEL
from rotui.store.past_runs import PastRun
from rotui.store.weights_digest import weights_are_whole
from rotui.study.planning import PlannedRun, plan
from rotui.text import printable

Task = Literal["pretrain", "classifier"]


@dataclass(frozen=True, eq=False)
class RunMistakes:
    """A finished run's surest mistakes: `shown` of `mistakes` in all among `images`, and whether the images
    are still those it was trained and judged on."""

    shown: tuple[Mistake, ...]
    mistakes: int
    images: int
    same_data: bool


def previewed_runs(point: Point) -> dict[Task, PlannedRun]:
    """The trainings of a point whose pictures differ: its pre-training and the first of its classifiers,
    which all see the same."""
    runs: dict[Task, PlannedRun] = {}
    for run in plan([point]).runs:
        runs.setdefault(task_of(run), run)
    return runs


def task_of(run: PlannedRun) -> Task:
    """Whether a run learns the rotation or the class."""
    return "pretrain" if run.stage.predicts_rotation else "classifier"


def planned_run(past: PastRun) -> PlannedRun:
    """What a past run trained."""
    return PlannedRun(past.key, past.stage, past.profile, past.parent)


def batch(run: PlannedRun, splits: Splits, epoch: int, step: int, *, validation: bool) -> PreviewBatch:
    """The pictures of a step of training or of validation; a number beyond the last epoch or step means the
    last."""
    epoch = min(max(1, epoch), run.profile.epochs(run.stage_name))
    step = min(max(1, step), steps_of(run, splits, validation=validation))
    return (validation_batch if validation else training_batch)(run, splits, epoch, step)


def mistakes_of(
    past: PastRun,
    splits: Splits,
    device: torch.device,
    count: int,
    stop: Callable[[], bool] = never,
    observe: Callable[[int, int], None] = unobserved,
) -> RunMistakes:
    """What the network of a finished run was surest of and wrong in, in the validation after its last epoch.

    Raises InputError where the run is not finished, StoreError where its weights are damaged, StoppedError.
    """
    if past.result is None:
        raise InputError(
            f"run {past.number} is {past.status}: what it gets wrong is known once it is finished"
        )
    weights = past.path / MODEL
    if not weights_are_whole(past.path, past.weights_sha256):
        raise StoreError(f"{printable(weights)} is damaged: its sha256 is not that of the run's state")
    shown = confident_mistakes(planned_run(past), load_weights(weights), splits, device, count, stop, observe)
    confusion = past.result.classification.confusion
    images = sum(map(sum, confusion))
    right = sum(row[true] for true, row in enumerate(confusion))
    same_data = past.data_identity in ("", data_identity(splits))
    return RunMistakes(shown, images - right, images, same_data)


def treatment(run: PlannedRun, *, validation: bool) -> str:
    """In a few words what is done to each picture before the network sees it."""
    data, rotation = run.profile.data, run.profile.rotation
    parts = []
    if not validation:
        square = data.name in ("digits", "cifar10")
        parts += [f"crop ±{data.crop_padding} px"] if data.crop_padding else [] if square else ["crop"]
        parts += ["flip"] if data.horizontal_flip else []
    if run.stage.predicts_rotation:
        shows_all = rotation.validation == "all" if validation else rotation.per_step == "all"
        parts.append(f"{'all' if shows_all else '1 of'} {rotation.count} rotations")
        parts += [f"±{rotation.jitter:g}°"] if rotation.jitter else []
        parts += ["bilinear"] if rotation.interpolation == "bilinear" else []
        parts += {"disc": ["disc"], "reflect": ["mirrored corners"], "fill": []}[rotation.corners]
        parts += [f"blur {rotation.low_pass:g} px"] if rotation.low_pass else []
    return ", ".join(parts) or "as they are"
