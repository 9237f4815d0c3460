"""The epoch loop of the study: a generator of frozen per-epoch records that knows no files and no screen."""

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from rotui.data.splits import Splits
from rotui.engine.batches import Draws, evaluation_draws, step_sizes, training_draws
from rotui.engine.checkpoint import Captured, Resumable
from rotui.engine.evaluation import classification
from rotui.engine.networks import set_training_mode
from rotui.engine.optimizer import set_learning_rate
from rotui.engine.program import Judged, Program
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
    """One run on a program of its own or a lent one: how an epoch of it is trained and judged."""

    def __init__(
        self,
        run: PlannedRun,
        splits: Splits,
        device: torch.device,
        trunk: Mapping[str, Tensor] | None,
        program: Program | None = None,
    ) -> None:
        self.profile, self.stage, self.stage_name, self.device = (
            run.profile,
            run.stage,
            run.stage_name,
            device,
        )
        self.class_names = class_names(run, splits)
        self.program = program or Program(run, splits, len(self.class_names), device)
        self.program.begin(run.profile.seed, trunk)
        super().__init__(self.program.network, self.program.optimizer, self.program.meter)
        self.epoch_images = splits.epoch_images
        self._draws: tuple[int, Draws] | None = None

    def train_epoch(
        self, stop: Callable[[], bool], observe: Callable[[Progress], None], keep: Keep
    ) -> EpochRecord:
        """Trains and judges the epoch that is next, or the rest of it. Raises StoppedError between two steps
        when `stop` says so, and RunFailedError when a loss is not finite."""
        epoch = self.epoch
        learning_rate = self.profile.learning_rate(self.stage_name, epoch)
        set_learning_rate(self.optimizer, learning_rate)
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
        if self.program.holdout is not None:
            holdout_loss, holdout_accuracy, _ = self._judge(self.program.holdout, epoch, stop)
            _require_finite("hold-out", holdout_loss, epoch, learning_rate)
        judged = self._judge(self.program.validation, epoch, stop)
        validation_loss, validation_accuracy, self.confusion = judged
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
        profile, epoch, steps = self.profile, self.epoch, self.program.steps
        sizes = step_sizes(self.epoch_images, profile.optimizer.batch_size)
        if not self.step:
            self.meter.clear()
            self.seen, self.seconds = 0, 0.0
        last = time.perf_counter()
        set_training_mode(self.network, self.stage, profile.network)
        steps.begin(self._drawn(epoch), sizes[self.step].start if self.step < len(sizes) else 0)
        per_image = self.program.training.repeats
        for step, part in enumerate(sizes[self.step :], start=self.step + 1):
            if stop():
                raise StoppedError(f"stopped in epoch {epoch + 1} before step {step} of {len(sizes)}")
            images = part.stop - part.start
            steps.take(images)
            self.step = step
            self.seen += images * per_image
            self.seconds, last = self.seconds + time.perf_counter() - last, time.perf_counter()
            observe(Progress(epoch + 1, step, len(sizes), images * per_image))
            keep("step", self.capture)
        if self.device.type == "cuda":
            self._drawn(epoch + 1)  # while the device is at work
            torch.cuda.current_stream(self.device).synchronize()
        self.seconds += time.perf_counter() - last

    def _drawn(self, epoch: int) -> Draws:
        """What an epoch draws, kept until another is asked for."""
        if self._draws is None or self._draws[0] != epoch:
            images, rotations = len(self.program.train), self._rotation_count()
            drawn = training_draws(self.profile.seed, epoch, images, self.epoch_images, rotations)
            self._draws = (epoch, drawn)
        return self._draws[1]

    def _judge(
        self, judged: Judged, epoch: int, stop: Callable[[], bool]
    ) -> tuple[float, float, list[list[int]]]:
        """Mean loss, accuracy in percent and confusion of the network over a split, in evaluation mode.
        Raises StoppedError between two steps when `stop` says so."""
        profile = self.profile
        drawn_epoch = epoch if profile.rotation.validation == "fresh" else 0
        draws = evaluation_draws(profile.seed, drawn_epoch, len(judged.split), self._rotation_count())
        self.network.eval()
        judged.meter.clear()
        judged.steps.begin(draws)
        for part in step_sizes(len(draws.order), profile.optimizer.batch_size):
            if stop():
                raise StoppedError("stopped during validation")
            judged.steps.take(part.stop - part.start)
        return judged.meter.read()

    def _rotation_count(self) -> int:
        return self.profile.rotation.count if self.stage.predicts_rotation else 1


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
    program: Program | None = None,
) -> Generator[EpochRecord, None, TrainedNetwork]:
    """Trains `run` on `splits` and yields one record after each epoch; the generator's value is the network.

    `trunk` holds the tensors of the pre-trained trunk for stages that start from one. `stop` is asked before
    every step and raises StoppedError; `observe` is told of every step. `keep` may take a checkpoint at every
    moment; its content given back as `resume_from`, the training goes on from there, and yields the records
    of the epochs before at once. `program` is lent for the training and for as long as its network is used.
    Raises RunFailedError, and StoreError where `resume_from` is no checkpoint of this run.
    """
    if splits.epoch_images * (run.profile.rotation.count if _shows_all(run) else 1) < 2:
        raise RunFailedError("batch norm cannot be trained on one image (2 or more training images)")
    training = Training(run, splits, device, trunk, program)
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
