"""Pictures as a network sees them, before a second is spent training it, and what it got wrong afterwards.

Everything is drawn as `rotui.engine.training` draws it: the same functions of the same seed, epoch and step.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rotui.data.splits import Split, Splits
from rotui.engine.batches import (
    Draws,
    ImagePool,
    SplitOnDevice,
    evaluation_draws,
    step_sizes,
    training_draws,
)
from rotui.engine.evaluation import autocast
from rotui.engine.networks import build_network
from rotui.engine.reading import judging_reading, training_reading
from rotui.engine.training import class_names, never
from rotui.errors import StoppedError, StoreError
from rotui.profile.datasets import Triple
from rotui.study.planning import PlannedRun
from rotui.text import printable

CPU = torch.device("cpu")


def unobserved(done: int, images: int) -> None:
    """The observer of what nobody watches."""
    del done, images


@dataclass(frozen=True, eq=False)
class PreviewBatch:
    """One step's `images`, uint8 (N, H, W, 3) in RGB, with the names of what is to be learnt of each.

    `truths` are the labels before noise; they differ from `labels` where noise replaced one. `epoch` and
    `step` count from 1.
    """

    images: NDArray[np.uint8]
    labels: tuple[str, ...]
    truths: tuple[str, ...]
    epoch: int
    step: int
    steps: int

    @property
    def captions(self) -> tuple[str, ...]:
        """What is to be learnt of each picture, and what it truly is where noise changed that."""
        pairs = zip(self.labels, self.truths, strict=True)
        return tuple(label if label == truth else f"{label} (is {truth})" for label, truth in pairs)


@dataclass(frozen=True, eq=False)
class Mistake:
    """A picture, uint8 (H, W, 3) in RGB, that a network took for something else. `confidence` is the
    probability in 0..1 that it gave to `predicted`; `number` is the image's place in the validation set."""

    image: NDArray[np.uint8]
    truth: str
    predicted: str
    confidence: float
    number: int


def training_batch(run: PlannedRun, splits: Splits, epoch: int, step: int) -> PreviewBatch:
    """What the network of `run` is trained on in a step of an epoch, both counted from 1.

    ValueError where the epoch has no such step.
    """
    images, targets, order = training_inputs(run, splits, epoch, step)
    pictures = to_pictures(images, run.profile.data.normalisation)
    labels, truths = _names(run, splits, splits.train, targets, order)
    return PreviewBatch(pictures, labels, truths, epoch, step, steps_of(run, splits, validation=False))


def validation_batch(run: PlannedRun, splits: Splits, epoch: int, step: int) -> PreviewBatch:
    """What the network of `run` is judged on in a step of the validation after an epoch; ValueError where
    there is no such step."""
    parts = _parts(run, splits, validation=True)
    draws = _validation_draws(run, splits, epoch)[_part(step, parts)]
    images, targets = next(_validation(run, splits, draws, CPU))
    pictures = to_pictures(images, run.profile.data.normalisation)
    labels, truths = _names(run, splits, splits.validation, targets, draws.order)
    return PreviewBatch(pictures, labels, truths, epoch, step, len(parts))


def confident_mistakes(
    run: PlannedRun,
    weights: Mapping[str, Tensor],
    splits: Splits,
    device: torch.device,
    count: int,
    stop: Callable[[], bool] = never,
    observe: Callable[[int, int], None] = unobserved,
) -> tuple[Mistake, ...]:
    """The `count` pictures of the last epoch's validation that the trained `weights` are most sure to be
    something else, the surest first.

    `observe` is told how many pictures are judged, and of how many. Raises StoppedError when `stop` says so
    between two batches, and StoreError where the weights are not those of this run's network.
    """
    names = class_names(run, splits)
    network = build_network(run.profile.network, len(names), run.profile.seed)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise StoreError(f"the weights are not of this run's network: {printable(error)}") from error
    network.to(device).eval()
    draws = _validation_draws(run, splits, run.profile.epochs(run.stage_name))
    found: list[Mistake] = []
    judged, every = 0, _repeats(run)
    for images, targets in _validation(run, splits, draws, device):
        if stop():
            raise StoppedError("stopped while pictures were judged")
        with torch.no_grad(), autocast(device, run.profile.compute.precision):
            probabilities = network(images).float().softmax(dim=1)
        confidence, predicted = probabilities.max(dim=1)
        wrong = torch.nonzero(predicted != targets).flatten()
        surest = wrong[confidence[wrong].argsort(descending=True, stable=True)][:count]
        pictures = to_pictures(images[surest], run.profile.data.normalisation)
        for picture, at in zip(pictures, surest.tolist(), strict=True):
            found.append(
                Mistake(
                    picture,
                    names[int(targets[at])],
                    names[int(predicted[at])],
                    float(confidence[at]),
                    int(splits.validation.indices[draws.order[(judged + at) // every]]),
                )
            )
        found = sorted(found, key=lambda mistake: -mistake.confidence)[:count]
        judged += len(targets)
        observe(judged, len(draws.order) * every)
    return tuple(found)


def steps_of(run: PlannedRun, splits: Splits, *, validation: bool) -> int:
    """Steps of an epoch's training, or of its validation."""
    return len(_parts(run, splits, validation=validation))


def training_inputs(run: PlannedRun, splits: Splits, epoch: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """The very tensors of a training step: normalised float32 images (N, 3, S, S), targets (N,), and the
    positions in the training split that were drawn."""
    profile, reading = run.profile, training_reading(run, CPU)
    part = _part(step, _parts(run, splits, validation=False))
    count = profile.rotation.count if reading.rotations else 1
    draws = training_draws(profile.seed, epoch - 1, len(splits.train), splits.epoch_images, count)[part]
    images, targets = _on_device(run, splits.train, CPU).read(draws, reading)
    return images, targets, draws.order


def to_pictures(images: Tensor, normalisation: tuple[Triple, Triple]) -> NDArray[np.uint8]:
    """Normalised images (N, 3, S, S) as uint8 (N, S, S, 3) in RGB.

    A pixel that was only moved has the value again that is stored for it; what was blurred or sampled between
    pixels is rounded, and cut where no pixel can be.
    """
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=images.device).view(1, 3, 1, 1)
        for values in normalisation
    )
    levels = images.mul(std).add_(mean).mul_(255).round_().clamp_(0, 255).to(torch.uint8)
    pictures: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pictures


def _names(
    run: PlannedRun, splits: Splits, split: Split, targets: Tensor, order: Tensor
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of what is to be learnt, and of what is true, of the images drawn from a split."""
    names = class_names(run, splits)
    labels = tuple(names[target] for target in targets.tolist())
    if run.stage.predicts_rotation:
        return labels, labels
    true = split.images.labels[split.indices[order.numpy()]]
    return labels, tuple(names[label] for label in true.tolist())


def _validation_draws(run: PlannedRun, splits: Splits, epoch: int) -> Draws:
    rotation = run.profile.rotation
    drawn_epoch = epoch - 1 if rotation.validation == "fresh" else 0
    count = rotation.count if run.stage.predicts_rotation else 1
    return evaluation_draws(run.profile.seed, drawn_epoch, len(splits.validation), count)


def _validation(
    run: PlannedRun, splits: Splits, draws: Draws, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    return _on_device(run, splits.validation, device).batches(
        draws,
        run.profile.optimizer.batch_size,
        judging_reading(run, device),
    )


def _repeats(run: PlannedRun) -> int:
    """How often validation shows each picture."""
    rotation = run.profile.rotation
    return rotation.count if run.stage.predicts_rotation and rotation.validation == "all" else 1


def _on_device(run: PlannedRun, split: Split, device: torch.device) -> SplitOnDevice:
    data = run.profile.data
    return SplitOnDevice(split, ImagePool(split.images, data.image_size, data.normalisation, device))


def _parts(run: PlannedRun, splits: Splits, *, validation: bool) -> list[slice]:
    images = len(splits.validation) if validation else splits.epoch_images
    return step_sizes(images, run.profile.optimizer.batch_size)


def _part(step: int, parts: list[slice]) -> slice:
    if not 1 <= step <= len(parts):
        raise ValueError(f"there is no step {step} (1 to {len(parts)})")
    return parts[step - 1]
