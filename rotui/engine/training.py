"""The epoch loop of the study: a generator of frozen per-epoch records that knows no files and no screen."""

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rotui.data.splits import Splits
from rotui.engine.batches import (
    ImagePool,
    SplitOnDevice,
    evaluation_draws,
    step_sizes,
    training_draws,
)
from rotui.engine.checkpoint import Captured, Resumable
from rotui.engine.evaluation import Meter, autocast, classification, evaluate
from rotui.engine.networks import build_network, load_trunk, set_trained_parts, set_training_mode
from rotui.engine.rotation import Rotations
from rotui.errors import RunFailedError, StoppedError
from rotui.study.planning import PlannedRun
from rotui.study.records import Classification, EpochRecord


@dataclass(frozen=True)
class Progress:
    """Where a training stands: `epoch` and `step` count from 1, `images` is how many this step held."""

    epoch: int
    step: int
    steps: int
    images: int


@dataclass(frozen=True)
class TrainedNetwork:
    """What a training ends with: the last epoch's network, in evaluation mode, and its classification."""

    network: torch.nn.Module
    classification: Classification


Moment = Literal["step", "epoch", "end", "stop"]
"""When a checkpoint may be kept: after a step, an epoch, the last epoch, and before a training stops."""

Keep = Callable[[Moment, Callable[[], Captured]], None]
"""Told of every moment, with the function that captures the state there."""


def never() -> bool:
    """The stop condition of a training that runs to its end."""
    return False


def keep_none(moment: Moment, captured: Callable[[], Captured]) -> None:
    """The keeper of a training that is never resumed."""
    del moment, captured


def ignore(progress: Progress) -> None:
    """The observer of a training that nobody watches."""
    del progress


class Training(Resumable):
    """One run's network, optimiser and data on a device, and how an epoch of it is trained and judged."""

    def __init__(
        self,
        run: PlannedRun,
        splits: Splits,
        device: torch.device,
        trunk: Mapping[str, Tensor] | None,
    ) -> None:
        profile, stage = run.profile, run.stage
        self.profile, self.stage, self.stage_name, self.device = profile, stage, run.stage_name, device
        self.class_names = class_names(run, splits)
        network = build_network(profile.network, len(self.class_names), profile.seed)
        if trunk is not None:
            load_trunk(network, trunk)
        trained = set_trained_parts(network.to(device), stage)
        super().__init__(
            network,
            torch.optim.Adam(trained, lr=profile.optimizer.learning_rate),
            Meter.empty(len(self.class_names), device),
        )
        size, normalisation = profile.data.image_size, profile.data.normalisation
        training_pool = ImagePool(splits.train.images, size, normalisation, device)
        self.train = SplitOnDevice(splits.train, training_pool)
        self.holdout = SplitOnDevice(splits.holdout, training_pool) if splits.holdout else None
        self.validation = SplitOnDevice(
            splits.validation, ImagePool(splits.validation.images, size, normalisation, device)
        )
        self.epoch_images = splits.epoch_images
        self.rotations = Rotations(profile.rotation, size, device) if stage.predicts_rotation else None

    def train_epoch(
        self, stop: Callable[[], bool], observe: Callable[[Progress], None], keep: Keep
    ) -> EpochRecord:
        """Trains and judges the epoch that is next, or the rest of it. Raises StoppedError between two steps
        when `stop` says so, and RunFailedError when a loss is not finite."""
        epoch = self.epoch
        learning_rate = self.profile.learning_rate(self.stage_name, epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        try:
            self._train_steps(stop, observe, keep)
            train_loss, train_accuracy, _ = self.meter.read()
            started = time.perf_counter()
            record = self._judged(train_loss, train_accuracy, learning_rate, stop)
        except StoppedError:
            keep("stop", self.capture)
            raise
        record = replace(
            record,
            seconds=self.seconds + time.perf_counter() - started,
            images_per_second=self.seen / self.seconds,
        )
        self.records.append(record)
        self.epoch, self.step = epoch + 1, 0
        return record

    def _judged(
        self, train_loss: float, train_accuracy: float, learning_rate: float, stop: Callable[[], bool]
    ) -> EpochRecord:
        """The record of the epoch whose steps are done, without its times."""
        epoch = self.epoch
        _require_finite("training", train_loss, epoch, learning_rate)
        holdout_loss = holdout_accuracy = None
        if self.holdout is not None:
            holdout_loss, holdout_accuracy, _ = self._judge(self.holdout, epoch, stop)
            _require_finite("hold-out", holdout_loss, epoch, learning_rate)
        validation_loss, validation_accuracy, self.confusion = self._judge(self.validation, epoch, stop)
        _require_finite("validation", validation_loss, epoch, learning_rate)
        return EpochRecord(
            epoch=epoch + 1,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            holdout_loss=holdout_loss,
            holdout_accuracy=holdout_accuracy,
            learning_rate=learning_rate,
            seconds=0.0,
            images_per_second=0.0,
        )

    def _train_steps(self, stop: Callable[[], bool], observe: Callable[[Progress], None], keep: Keep) -> None:
        """Trains the steps of the epoch that are left."""
        profile, epoch = self.profile, self.epoch
        smoothing = profile.loss.label_smoothing
        set_training_mode(self.network, self.stage, profile.network)
        draws = training_draws(
            profile.seed, epoch, len(self.train), self.epoch_images, self._rotation_count()
        )
        batch = profile.optimizer.batch_size
        steps = len(step_sizes(self.epoch_images, batch))
        if not self.step:
            self.meter = Meter.empty(len(self.class_names), self.device)
            self.seen, self.seconds = 0, 0.0
        last = time.perf_counter()
        left = slice(self.step * batch, None) if self.step < steps else slice(0)
        batches = self.train.batches(
            draws[left],
            batch,
            padding=profile.data.crop_padding,
            flip=profile.data.horizontal_flip,
            rotations=self.rotations,
            every_rotation=profile.rotation.per_step == "all",
        )
        for step, (images, targets) in enumerate(batches, start=self.step + 1):
            if stop():
                raise StoppedError(f"stopped in epoch {epoch + 1} before step {step} of {steps}")
            with autocast(self.device, profile.compute.precision):
                logits = self.network(images)
                loss = F.cross_entropy(logits, targets, label_smoothing=smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.meter.add(loss, logits, targets)
            self.step = step
            self.seen += len(targets)
            self.seconds, last = self.seconds + time.perf_counter() - last, time.perf_counter()
            observe(Progress(epoch + 1, step, steps, len(targets)))
            keep("step", self.capture)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds += time.perf_counter() - last

    def _judge(
        self, split: SplitOnDevice, epoch: int, stop: Callable[[], bool]
    ) -> tuple[float, float, list[list[int]]]:
        profile = self.profile
        rotation = profile.rotation
        drawn_epoch = epoch if rotation.validation == "fresh" else 0
        draws = evaluation_draws(profile.seed, drawn_epoch, len(split), self._rotation_count())
        batches = split.batches(
            draws,
            profile.optimizer.batch_size,
            rotations=self.rotations,
            every_rotation=rotation.validation == "all",
        )
        return evaluate(
            self.network,
            batches,
            classes=len(self.class_names),
            device=self.device,
            label_smoothing=profile.loss.label_smoothing,
            precision=profile.compute.precision,
            stop=stop,
        )

    def _rotation_count(self) -> int:
        return self.profile.rotation.count if self.rotations else 1


def _require_finite(part: str, loss: float, epoch: int, learning_rate: float) -> None:
    if not math.isfinite(loss):
        raise RunFailedError(
            f"the {part} loss is {loss} in epoch {epoch + 1} at learning rate {learning_rate:g} "
            "(a lower optimizer.learning_rate, or compute.precision fp32)"
        )


def _shows_all(run: PlannedRun) -> bool:
    return run.stage.predicts_rotation and run.profile.rotation.per_step == "all"


def class_names(run: PlannedRun, splits: Splits) -> tuple[str, ...]:
    """Names of the logits: the dataset's classes, or the rotations in degrees."""
    if run.stage.predicts_rotation:
        count = run.profile.rotation.count
        return tuple(f"{k * 360 / count:g}°" for k in range(count))
    return splits.classes


def train(
    run: PlannedRun,
    splits: Splits,
    device: torch.device,
    *,
    trunk: Mapping[str, Tensor] | None = None,
    resume_from: bytes | None = None,
    keep: Keep = keep_none,
    stop: Callable[[], bool] = never,
    observe: Callable[[Progress], None] = ignore,
) -> Generator[EpochRecord, None, TrainedNetwork]:
    """Trains `run` on `splits` and yields one record after each epoch; the generator's value is the network.

    `trunk` holds the tensors of the pre-trained trunk for stages that start from one. `stop` is asked before
    every step and raises StoppedError; `observe` is told of every step. `keep` may take a checkpoint at every
    moment; its content given back as `resume_from`, the training goes on from there, and yields the records
    of the epochs before at once.
    Raises RunFailedError, and StoreError where `resume_from` is no checkpoint of this run.
    """
    if splits.epoch_images * (run.profile.rotation.count if _shows_all(run) else 1) < 2:
        raise RunFailedError("batch norm cannot be trained on one image (2 or more training images)")
    training = Training(run, splits, device, trunk)
    if resume_from is not None:
        training.restore(resume_from)
    yield from training.records
    epochs = run.profile.epochs(run.stage_name)
    while training.epoch < epochs:
        record = training.train_epoch(stop, observe, keep)
        keep("end" if training.epoch == epochs else "epoch", training.capture)
        yield record
    training.network.eval()
    return TrainedNetwork(training.network, classification(training.class_names, training.confusion))
