"""One run from its directory to its result: taken up or begun, trained, probed, written as it goes."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rotui.data.splits import Splits
from rotui.engine.checkpoint import Captured, checkpoint_bytes
from rotui.engine.probes import ProbeData, probe, random_network
from rotui.engine.programs import Programs
from rotui.engine.training import Moment, Progress, TrainedNetwork, class_names, train
from rotui.engine.weights import weights_to_bytes
from rotui.errors import RunFailedError
from rotui.failpoints import reach
from rotui.store.atomic import write_atomically
from rotui.store.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from rotui.store.journal import EpochJournal
from rotui.store.layout import MODEL
from rotui.store.past_runs import PastRun
from rotui.store.room import Room
from rotui.store.run_directory import RunDirectory
from rotui.study.events import EpochEnded, Event, ProbesStarted, RunResumed, StepEnded
from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord, FeatureProbe, RunResult


@dataclass(frozen=True)
class Execution:
    """What a run is trained with: `programs` lend it one. `environment` are the plain values that its bits
    depend on, `exact` whether they depend on nothing else, `past` the unfinished run that is taken up, and
    `room` waits for the disk."""

    run: PlannedRun
    splits: Splits
    device: torch.device
    programs: Programs
    environment: Mapping[str, Any]
    exact: bool
    checkpoint_seconds: float
    past: PastRun | None
    room: Room
    post: Callable[[Event], None]
    stop: Callable[[], bool]


class CheckpointKeeper:
    """Saves a checkpoint when the last one is old enough, before a stop, and before features are probed."""

    def __init__(self, execution: Execution, directory: Path) -> None:
        self._execution = execution
        self._directory = directory
        self._last = time.monotonic()

    def __call__(self, moment: Moment, capture: Callable[[], Captured]) -> None:
        """The engine's `Keep`."""
        reach(moment)
        is_due = time.monotonic() - self._last >= self._execution.checkpoint_seconds
        if moment == "end":
            is_due = self._execution.run.stage.predicts_rotation
        if moment == "stop" or is_due:
            state = capture()
            if moment != "stop":
                self._execution.room.need(2 * len(state.content), "the next checkpoint and the one after it")
            self._execution.room.patiently(lambda: self._save(state))
            self._last = time.monotonic()

    def _save(self, state: Captured) -> None:
        save_checkpoint(
            self._directory,
            state.content,
            key=self._execution.run.key,
            epoch=state.epoch,
            step=state.step,
            environment=self._execution.environment,
        )


def execute(execution: Execution, directory: RunDirectory, trunk: Mapping[str, Tensor] | None) -> RunResult:
    """Trains the run in `directory`, from its newest whole checkpoint where it is taken up, and finishes it.

    Raises StoppedError with a checkpoint kept, RunFailedError, and StoreError where nothing can be written.
    """
    run = execution.run
    checkpoint = _taken_up(execution, directory)
    journal = EpochJournal(directory, execution.past.epochs if execution.past else ())
    restored = checkpoint.manifest.epoch if checkpoint else 0
    records: list[EpochRecord] = []

    def observe(progress: Progress) -> None:
        execution.post(StepEnded(run, progress.epoch, progress.step, progress.steps, progress.images))

    with out_of_memory_named(run), execution.programs.lend(run, execution.splits) as program:
        needed = 2 * checkpoint_bytes(run, len(class_names(run, execution.splits)))
        execution.room.need(needed, "a run with two checkpoints")
        epochs = train(
            run,
            execution.splits,
            execution.device,
            trunk=trunk,
            resume_from=checkpoint.state if checkpoint else None,
            keep=CheckpointKeeper(execution, directory.path),
            stop=execution.stop,
            observe=observe,
            program=program,
        )
        trained: TrainedNetwork | None = None
        while trained is None:
            try:
                record = next(epochs)
            except StopIteration as end:
                trained = end.value
                continue
            records.append(record)
            journal.add(record, trained=record.epoch > restored)
            reach("recorded")
            _judge_resume(execution, directory, journal)
            if record.epoch > restored:
                directory.log(
                    f"epoch {record.epoch}: validation accuracy {record.validation_accuracy:.2f} %, "
                    f"loss {record.validation_loss:.4f}"
                )
            execution.post(EpochEnded(run, record, restored=record.epoch <= restored))
        weights = weights_to_bytes(trained.network, {"rotui.key": run.key})
        directory.patiently(lambda: write_atomically(directory.path / MODEL, weights))
        reach("weights")
        probes = _probes(execution, trained) if run.stage.predicts_rotation else {}
    splits = execution.splits
    result = RunResult.of(
        tuple(records),
        trained.classification,
        probes,
        dataset_images=(len(splits.train.images), len(splits.validation.images)),
        scaled=run.profile.scale.active,
    )
    directory.finish(result, hashlib.sha256(weights).hexdigest())
    reach("finished")
    return result


def _taken_up(execution: Execution, directory: RunDirectory) -> Checkpoint | None:
    """The checkpoint to go on from, None for the first step of a run that is begun or has none."""
    past, run = execution.past, execution.run
    if past is None:
        return None
    checkpoint, damaged = newest_checkpoint(past.path, run.key)
    for message in damaged:
        directory.log(f"checkpoint passed over: {message}")
    if checkpoint is None:
        directory.log("taken up without a checkpoint: trained again from the first epoch")
        execution.post(RunResumed(run, directory.name, 0, 0, tuple(damaged)))
        return None
    epoch, step = checkpoint.manifest.epoch, checkpoint.manifest.step
    directory.log(f"taken up after epoch {epoch} and {step} steps, from {checkpoint.path.name}")
    execution.post(RunResumed(run, directory.name, epoch, step, tuple(damaged)))
    return checkpoint


def _judge_resume(execution: Execution, directory: RunDirectory, journal: EpochJournal) -> None:
    if execution.past is None:
        return
    is_exact = execution.exact and not journal.differing and execution.past.verdict != "approximate"
    directory.judge_resume("exact" if is_exact else "approximate", journal.compared)


def _probes(execution: Execution, trained: TrainedNetwork) -> dict[str, FeatureProbe]:
    run, device, stop = execution.run, execution.device, execution.stop
    execution.post(ProbesStarted(run))
    data = ProbeData(execution.splits, run.profile, device)
    untrained = random_network(data, run.profile, device, stop)
    return {
        "pretrained": probe(trained.network, data, stop),
        "random": probe(untrained, data, stop),
    }


@contextmanager
def out_of_memory_named(run: PlannedRun) -> Iterator[None]:
    """Turns running out of memory into a RunFailedError that names the sizes which ask for it."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        is_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not is_memory and "allocate memory" not in str(error):
            raise
        profile = run.profile
        raise RunFailedError(
            f"out of memory with {profile.network.architecture} of width {profile.network.width}, "
            f"{profile.data.image_size} px and optimizer.batch_size {profile.optimizer.batch_size} "
            "(a smaller batch, width or image size)"
        ) from error
