"""The worker: takes the runs of a plan in order, trains each through the engine and writes what happens.

It knows no screen: it posts events to a listener, which must return at once, and asks `stop` before every
step. It may run in any thread.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rotui.data.images import Dataset
from rotui.data.loading import load_dataset
from rotui.data.splits import Splits, split_dataset
from rotui.engine.device import apply_compute_settings, describe_device
from rotui.engine.probes import probe, random_network
from rotui.engine.training import Progress, TrainedNetwork, train
from rotui.engine.weights import load_weights, weights_to_bytes
from rotui.errors import RotuiError, RunFailedError, StoppedError
from rotui.profile.schema import DataSettings
from rotui.store.atomic import write_atomically
from rotui.store.past_runs import PastRun, finished_runs
from rotui.store.provenance import provenance
from rotui.store.run_directory import RunDirectory
from rotui.study.events import (
    EpochEnded,
    Event,
    ProbesStarted,
    RunFailed,
    RunFinished,
    RunReused,
    RunSkipped,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import Plan, PlannedRun
from rotui.study.records import EpochRecord, FeatureProbe, RunResult

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Workplace:
    """Where a worker reads and writes and what it trains on. `command` is recorded with every run."""

    runs_dir: Path
    data_dir: Path
    device: torch.device
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """How a plan ended: content keys by what became of them. Runs after a stop are in none."""

    finished: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    stopped: bool


class Worker:
    """Works through plans in one workplace; a dataset is loaded once for all the runs that use it."""

    def __init__(
        self,
        workplace: Workplace,
        *,
        listener: Callable[[Event], None],
        stop: Callable[[], bool],
        decoding: Callable[[int, int], None],
    ) -> None:
        self._workplace = workplace
        self._post = listener
        self._stop = stop
        self._decoding = decoding
        self._datasets: dict[DataSettings, Dataset] = {}

    def prepare(self, plan: Plan, *, fresh: bool = False) -> dict[str, Path]:
        """The directories of runs that are finished already, by content key (none when `fresh`).

        The data of every other run is loaded and split, so that what is missing is said before hours are
        spent. Raises DataError, and StoppedError when asked to stop while images are decoded.
        """
        reusable: dict[str, Path] = {}
        if not fresh:
            past_runs = finished_runs(self._workplace.runs_dir)
            for run in plan.runs:
                past = past_runs.get(run.key)
                if past is not None and self._is_current(run, past):
                    reusable[run.key] = past.path
        for run in plan.runs:
            if run.key not in reusable:
                self._splits(run)
        return reusable

    def work(self, plan: Plan, reusable: Mapping[str, Path], *, study: str) -> Outcome:
        """Trains every run that is not among the `reusable` ones and returns how it ended.

        A run that fails is recorded with its cause and the plan goes on without what starts from it. Raises
        StoreError where the runs directory cannot be written.
        """
        directories: dict[str, Path] = {}
        failed: list[str] = []
        skipped: list[str] = []
        for run in plan.runs:
            if run.key in reusable:
                directories[run.key] = reusable[run.key]
                self._post(RunReused(run, reusable[run.key].name))
            elif run.parent and run.parent not in directories:
                skipped.append(run.key)
                self._post(
                    RunSkipped(run, f"run {plan.number(run.parent)}, which it starts from, did not finish")
                )
            else:
                try:
                    directories[run.key] = self._execute(run, directories.get(run.parent), study)
                except StoppedError as error:
                    self._post(RunStopped(run, str(error)))
                    return Outcome(tuple(directories), tuple(failed), tuple(skipped), stopped=True)
                except RunFailedError as error:
                    failed.append(run.key)
                    self._post(RunFailed(run, str(error)))
        return Outcome(tuple(directories), tuple(failed), tuple(skipped), stopped=False)

    def _is_current(self, run: PlannedRun, past: PastRun) -> bool:
        """False where the images of a folder have changed since; other datasets do not change."""
        if run.profile.data.name != "folder":
            return True
        return past.data_fingerprint == self._dataset(run.profile.data).fingerprint

    def _dataset(self, settings: DataSettings) -> Dataset:
        if settings not in self._datasets:
            self._datasets[settings] = load_dataset(settings, self._workplace.data_dir, self._decoding_step)
        return self._datasets[settings]

    def _decoding_step(self, done: int, total: int) -> None:
        if self._stop():
            raise StoppedError("stopped while images were decoded")
        self._decoding(done, total)

    def _splits(self, run: PlannedRun) -> Splits:
        return split_dataset(self._dataset(run.profile.data), run.profile, run.stage_name)

    def _execute(self, run: PlannedRun, parent: Path | None, study: str) -> Path:
        if self._stop():
            raise StoppedError("stopped before it began")
        directory = RunDirectory.create(
            self._workplace.runs_dir, run, study=study, parent_run=parent.name if parent else ""
        )
        try:
            threads = apply_compute_settings(run.profile.compute)
            directory.write_provenance(
                provenance(
                    self._workplace.command,
                    run.profile.seed,
                    device=str(self._workplace.device),
                    device_name=describe_device(self._workplace.device),
                    threads=threads,
                    data_fingerprint=self._dataset(run.profile.data).fingerprint,
                )
            )
            self._post(RunStarted(run, directory.name))
            trunk = load_weights(parent / WEIGHTS) if parent else None
            with out_of_memory_named(run):
                result = self._train(run, directory, trunk)
            directory.finish(result)
        except StoppedError as error:
            directory.stop(str(error))
            raise
        except RotuiError as error:
            directory.log(f"failed: {error}")
            directory.fail(str(error))
            raise RunFailedError(str(error)) from error
        except KeyboardInterrupt:
            directory.stop("ended at once by a second interrupt")
            raise
        finally:
            directory.close()
        self._post(RunFinished(run, result))
        return directory.path

    def _train(self, run: PlannedRun, directory: RunDirectory, trunk: dict[str, Tensor] | None) -> RunResult:
        splits = self._splits(run)
        directory.log(
            f"{run.stage.title}: {len(splits.train)} training and {len(splits.validation)} validation images"
        )

        def observe(progress: Progress) -> None:
            self._post(StepEnded(run, progress.epoch, progress.step, progress.steps, progress.images))

        records: list[EpochRecord] = []
        epochs = train(run, splits, self._workplace.device, trunk=trunk, stop=self._stop, observe=observe)
        trained: TrainedNetwork | None = None
        while trained is None:
            try:
                record = next(epochs)
            except StopIteration as end:
                trained = end.value
                continue
            records.append(record)
            directory.append_epoch(record)
            directory.log(
                f"epoch {record.epoch}: validation accuracy {record.validation_accuracy:.2f} %, "
                f"loss {record.validation_loss:.4f}"
            )
            self._post(EpochEnded(run, record))
        write_atomically(directory.path / WEIGHTS, weights_to_bytes(trained.network, {"rotui.key": run.key}))
        probes = self._probe(run, splits, trained) if run.stage.predicts_rotation else {}
        return RunResult.of(tuple(records), trained.classification, probes)

    def _probe(self, run: PlannedRun, splits: Splits, trained: TrainedNetwork) -> dict[str, FeatureProbe]:
        self._post(ProbesStarted(run))
        device = self._workplace.device
        untrained = random_network(splits, run.profile, device, self._stop)
        return {
            "pretrained": probe(trained.network, splits, run.profile, device, self._stop),
            "random": probe(untrained, splits, run.profile, device, self._stop),
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
