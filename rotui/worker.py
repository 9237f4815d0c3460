"""The worker: takes the runs of a plan in order, has each trained and records how it ended.

It knows no screen: it posts events to a listener, which must return at once, and asks `stop` before every
step. It may run in any thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rotui.data.images import Dataset
from rotui.data.loading import load_dataset
from rotui.data.splits import Splits, data_identity, split_dataset
from rotui.engine.device import apply_compute_settings, device_provenance, environment, repeats_exactly
from rotui.engine.weights import load_weights
from rotui.errors import DataError, DeviceError, InputError, RunFailedError, StoppedError, StoreError
from rotui.profile.schema import DataSettings
from rotui.run_execution import Execution, execute
from rotui.store.checkpoints import newest_checkpoint, remove_checkpoints
from rotui.store.layout import MODEL
from rotui.store.past_runs import PastRun, read_runs
from rotui.store.provenance import provenance
from rotui.store.run_directory import RunDirectory
from rotui.study.events import (
    Event,
    RunFailed,
    RunFinished,
    RunReused,
    RunSkipped,
    RunStarted,
    RunStopped,
)
from rotui.study.planning import Plan, PlannedRun
from rotui.text import printable

CHECKPOINT_SECONDS = 60.0
"""Least time between two checkpoints: one of ResNet18 takes about a second."""


@dataclass(frozen=True)
class Workplace:
    """Where a worker reads and writes and what it trains on. `command` is recorded with every run."""

    runs_dir: Path
    data_dir: Path
    device: torch.device
    command: Sequence[str] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS


@dataclass(frozen=True)
class Prepared:
    """What of a plan is there already, by content key: `finished` runs, and `unfinished` ones to take up."""

    finished: Mapping[str, PastRun]
    unfinished: Mapping[str, PastRun]


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
        self._datasets: dict[tuple[str, str, str, int], Dataset] = {}

    def prepare(self, plan: Plan, *, fresh: bool = False, allow_inexact: bool = False) -> Prepared:
        """What of the plan is finished already, and what is taken up (nothing when `fresh`).

        The data of every other run is loaded and split, so that what is missing is said before hours are
        spent. Raises DataError, StoppedError when asked to stop while images are decoded, and, unless
        `allow_inexact`, InputError where a run that is taken up began in another environment.
        """
        past: dict[str, list[PastRun]] = {}
        if not fresh:
            for each in read_runs(self._workplace.runs_dir)[0]:
                past.setdefault(each.key, []).append(each)
        finished: dict[str, PastRun] = {}
        unfinished: dict[str, PastRun] = {}
        for run in plan.runs:
            for each in past.get(run.key, ()):
                if not self._is_current(run, each):
                    continue
                if each.status == "finished" and (each.path / MODEL).is_file():
                    finished[run.key] = each
                elif each.status in ("stopped", "interrupted"):
                    unfinished[run.key] = each
            if run.key not in finished:
                self._splits(run)
        taken_up = {key: each for key, each in unfinished.items() if key not in finished}
        if not allow_inexact:
            self._refuse_other_environments(plan, taken_up)
        return Prepared(finished, taken_up)

    def work(self, plan: Plan, prepared: Prepared, *, study: str) -> Outcome:
        """Trains every run that is not finished and returns how it ended.

        A run that fails is recorded with its cause and the plan goes on without what starts from it. Raises
        StoreError where the runs directory cannot be written; the run under way is taken up when it can.
        """
        directories: dict[str, Path] = {}
        failed: list[str] = []
        skipped: list[str] = []
        for run in plan.runs:
            if run.key in prepared.finished:
                directories[run.key] = prepared.finished[run.key].path
                self._post(RunReused(run, prepared.finished[run.key].name))
            elif run.parent and run.parent not in directories:
                skipped.append(run.key)
                number = plan.number(run.parent)
                self._post(RunSkipped(run, f"run {number}, which it starts from, did not finish"))
            else:
                parent, past = directories.get(run.parent), prepared.unfinished.get(run.key)
                try:
                    directories[run.key] = self._execute(run, parent, past, study)
                except StoppedError as error:
                    self._post(RunStopped(run, str(error)))
                    return Outcome(tuple(directories), tuple(failed), tuple(skipped), stopped=True)
                except RunFailedError as error:
                    failed.append(run.key)
                    self._post(RunFailed(run, str(error)))
        return Outcome(tuple(directories), tuple(failed), tuple(skipped), stopped=False)

    def _is_current(self, run: PlannedRun, past: PastRun) -> bool:
        """Whether `past` saw the images and labels that `run` would see. Where the data is not there to be
        compared with, a finished run is taken at its word."""
        try:
            identity = data_identity(self._splits(run))
        except DataError:
            return past.status == "finished"
        return past.data_identity == identity

    def _refuse_other_environments(self, plan: Plan, unfinished: Mapping[str, PastRun]) -> None:
        refused = []
        for run in plan.runs:
            past = unfinished.get(run.key)
            checkpoint = newest_checkpoint(past.path, run.key)[0] if past else None
            if past is None or checkpoint is None:
                continue
            here = environment(self._workplace.device, run.profile.compute)
            there = checkpoint.manifest.environment
            differences = ", ".join(
                f"{name} {there.get(name, 'none')} (here {here.get(name, 'none')})"
                for name in sorted(here.keys() | there.keys())
                if here.get(name) != there.get(name)
            )
            if differences:
                refused.append(f"{past.name} was begun with {differences}")
        if refused:
            raise InputError(
                "\n".join(refused) + "\ngoing on would not give the same bits "
                "(the same environment, --allow-inexact to go on all the same, or --fresh to begin anew)"
            )

    def _dataset(self, settings: DataSettings) -> Dataset:
        decoded = (settings.name, settings.path, settings.variant, settings.image_size)
        if decoded not in self._datasets:
            self._datasets[decoded] = load_dataset(settings, self._workplace.data_dir, self._decoding_step)
        return self._datasets[decoded]

    def _decoding_step(self, done: int, total: int) -> None:
        if self._stop():
            raise StoppedError("stopped while images were decoded")
        self._decoding(done, total)

    def _splits(self, run: PlannedRun) -> Splits:
        return split_dataset(self._dataset(run.profile.data), run.profile, run.stage_name)

    def _execute(self, run: PlannedRun, parent: Path | None, past: PastRun | None, study: str) -> Path:
        if self._stop():
            raise StoppedError("stopped before it began")
        place, compute = self._workplace, run.profile.compute
        directory = (
            RunDirectory.reopen(past)
            if past
            else RunDirectory.create(
                place.runs_dir, run, study=study, parent_run=parent.name if parent else ""
            )
        )
        try:
            splits, threads = self._splits(run), apply_compute_settings(compute)
            here = environment(place.device, compute)
            directory.write_provenance(
                provenance(
                    place.command,
                    run.profile.seed,
                    threads=threads,
                    data_identity=data_identity(splits),
                    environment=here,
                    **device_provenance(place.device),
                    resumed_from=dict(past.provenance) if past else None,
                )
            )
            self._post(RunStarted(run, directory.name))
            execution = Execution(
                run=run,
                splits=splits,
                device=place.device,
                environment=here,
                exact=repeats_exactly(place.device, compute)
                and (past is None or past.provenance.get("environment") == here),
                checkpoint_seconds=place.checkpoint_seconds,
                past=past,
                post=self._post,
                stop=self._stop,
            )
            result = execute(execution, directory, _trunk(parent))
        except StoppedError as error:
            directory.stop(str(error))
            raise
        except RunFailedError as error:
            directory.fail(str(error))
            raise
        except (RuntimeError, ValueError) as error:
            directory.log(f"failed: {error}")
            directory.fail(first_line(error))
            if isinstance(error, torch.AcceleratorError):
                raise DeviceError(f"{place.device} cannot be used any more: {first_line(error)}") from error
            raise RunFailedError(first_line(error)) from error
        except KeyboardInterrupt:
            directory.stop("ended at once by a second interrupt")
            raise
        finally:
            directory.close()
        self._post(RunFinished(run, result))
        remove_checkpoints(directory.path)
        return directory.path


def _trunk(parent: Path | None) -> dict[str, Tensor] | None:
    """The weights of the pre-training in directory `parent`; RunFailedError where they cannot be read."""
    try:
        return load_weights(parent / MODEL) if parent else None
    except StoreError as error:
        raise RunFailedError(f"{error} (without that run's directory it is trained again)") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text, printable; its kind where it has none."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])
