"""Training one claimed run and recording how it ended."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import Lock

import torch
from torch import Tensor

from rotui.data.loading import Datasets
from rotui.data.splits import data_identity
from rotui.engine.device import apply_compute_settings, device_provenance, environment, repeats_exactly
from rotui.engine.programs import Programs
from rotui.engine.weights import load_weights
from rotui.errors import DeviceError, DiskFullError, RotuiError, RunFailedError, StoppedError, StoreError
from rotui.store.checkpoints import remove_checkpoints
from rotui.store.layout import MODEL
from rotui.store.live_progress import ProgressWriter
from rotui.store.past_runs import PastRun, read_state
from rotui.store.provenance import provenance
from rotui.store.repair import Notice
from rotui.store.reserve import free_reserve, keep_reserve, with_reserve
from rotui.store.room import Room
from rotui.store.run_directory import RunDirectory
from rotui.store.session import change
from rotui.store.weights_digest import weights_are_whole
from rotui.study.content_key import content_key
from rotui.study.events import (
    Event,
    RunContinued,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import PlannedRun
from rotui.text import printable
from rotui.worker.run_execution import Execution, execute
from rotui.worker.stop_wish import LOOK_SECONDS, StopWish
from rotui.worker.workplace import Workplace

MOST_DEATHS = 3
"""Processes that may die in a run, each without a new checkpoint, before it counts as failed."""


class RunTrainer:
    """Trains claimed runs, each in the thread that calls, any number at once.

    They stop at their next step when `stop` is set, or `halt`, which an error that concerns them all sets.
    `trained` is told the directory's name and the images of every step.
    """

    def __init__(
        self,
        workplace: Workplace,
        datasets: Datasets,
        programs: Programs,
        *,
        post: Callable[[Event], None],
        notice: Notice,
        trained: Callable[[str, int], None],
        stop: Flag,
        halt: Flag,
    ) -> None:
        self._workplace = workplace
        self._datasets = datasets
        self._programs = programs
        self._post = post
        self._notice = notice
        self._trained = trained
        self._stop = stop
        self._halt = halt
        self._names: tuple[str, ...] = ()
        self._changing = Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The directories of the runs that are being trained now, in the order in which they began."""
        return self._names

    def train(self, directory: RunDirectory, past: PastRun, parent: Path | None) -> bool:
        """Trains one run and records how it ended; whether it failed for want of the device's memory.

        Raises StoreError where the runs directory cannot be written and DeviceError where the device is lost.
        """
        self._at_work(directory.name, begins=True)
        run = PlannedRun(past.key, past.stage, past.profile, past.parent)
        progress = ProgressWriter(directory.path)
        wish = StopWish(directory.path, lambda: self._stop.is_set() or self._halt.is_set())
        room = Room(
            self._workplace.runs_dir,
            paused=lambda reason: self._paused(directory, run, reason),
            going_on=lambda: self._going_on(directory, run),
            wait=lambda: self._wait(wish),
        )
        directory.patiently = room.patiently

        def post(event: Event) -> None:
            if isinstance(event, StepEnded):
                progress(event.epoch, event.step, event.steps, event.images)
                self._trained(directory.name, event.images)
            self._post(event)

        def failed(reason: str) -> None:
            directory.fail(reason)
            self._ended(directory, RunFailed(run, reason))

        try:
            self._train(run, directory, past, parent, room, post, wish)
        except StoppedError as error:
            reason = wish.text or str(error)
            with suppress(StoppedError):  # the disk is so full that even this finds no room: interrupted
                directory.stop(reason)
            self._ended(directory, RunStopped(run, reason))
        except (StoreError, DeviceError):
            raise
        except RotuiError as error:
            failed(str(error))
            return isinstance(error.__cause__, torch.OutOfMemoryError)
        except torch.AcceleratorError as error:
            self._lost_device(directory, error)
        except (RuntimeError, ValueError, MemoryError) as error:
            directory.log(f"failed: {error}")
            failed(first_line(error))
        finally:
            self._at_work(directory.name, begins=False)
            progress.remove()
            directory.close()
            self._record(directory.path)
        return False

    def _train(
        self,
        run: PlannedRun,
        directory: RunDirectory,
        past: PastRun,
        parent: Path | None,
        room: Room,
        post: Callable[[Event], None],
        wish: StopWish,
    ) -> None:
        place, compute, state = self._workplace, run.profile.compute, directory.state
        if wish():
            raise StoppedError("stopped before it began")
        if state.deaths >= MOST_DEATHS:
            raise RunFailedError(
                f"its process died {state.deaths} times without a new checkpoint (run.log and the system's "
                "log may say why; rotui queue retry tries again)"
            )
        if content_key(run.profile, run.stage_name, run.parent) != run.key:
            raise RunFailedError(
                "its settings are not those it was queued with: profile.toml was changed, or another version "
                "of rotui queued it (queue it again)"
            )
        keep_reserve(place.runs_dir)
        splits = self._datasets.splits(run)
        threads = apply_compute_settings(compute)  # in this thread: OpenMP counts those of each by itself
        identity, here = data_identity(splits), environment(place.device, compute)
        if past.data_identity and past.data_identity != identity:
            raise RunFailedError("its images or labels have changed since it was begun (queue it again)")
        taken_up = past if state.resumes or past.epochs else None
        directory.write_provenance(
            provenance(
                place.command,
                run.profile.seed,
                threads=threads,
                data_identity=identity,
                environment=here,
                **device_provenance(place.device),
                resumed_from=dict(past.provenance) if taken_up else None,
            )
        )
        self._post(RunStarted(run, directory.name))
        same = not past.provenance or past.provenance.get("environment") == here
        execution = Execution(
            run=run,
            splits=splits,
            device=place.device,
            programs=self._programs,
            environment=here,
            exact=repeats_exactly(place.device, compute) and same,
            checkpoint_seconds=place.checkpoint_seconds,
            past=taken_up,
            room=room,
            post=post,
            stop=wish,
        )
        result = execute(execution, directory, _trunk(parent))
        remove_checkpoints(directory.path)
        self._ended(directory, RunFinished(run, result))

    def _lost_device(self, directory: RunDirectory, error: torch.AcceleratorError) -> None:
        """The device cannot be used any more: DeviceError. Of several runs on it none can be told to be the
        cause, and all can be taken up; alone the run has failed."""
        several = len(self._names) > 1 or self._halt.is_set()
        self._halt.set()
        directory.log(f"{'interrupted' if several else 'failed'}: {error}")
        if not several:
            directory.fail(first_line(error))
        raise DeviceError(f"{self._workplace.device} cannot be used any more: {first_line(error)}") from error

    def _at_work(self, name: str, *, begins: bool) -> None:
        with self._changing:
            others = tuple(each for each in self._names if each != name)
            self._names = (*others, name) if begins else others

    def _ended(self, directory: RunDirectory, event: Event) -> None:
        self._at_work(directory.name, begins=False)
        self._post(event)

    def _paused(self, directory: RunDirectory, run: PlannedRun, reason: str) -> None:
        free_reserve(self._workplace.runs_dir)
        with suppress(DiskFullError):  # not even the reserve was enough: the event still tells
            directory.pause(reason)
        self._post(RunPaused(run, reason))

    def _going_on(self, directory: RunDirectory, run: PlannedRun) -> None:
        directory.go_on()
        keep_reserve(self._workplace.runs_dir)
        self._post(RunContinued(run))

    def _wait(self, wish: StopWish) -> None:
        """One wait for room; StoppedError when a stop is asked for meanwhile."""
        if self._stop.wait(LOOK_SECONDS) or wish():
            raise StoppedError("stopped while it waited for room")

    def _record(self, path: Path) -> None:
        """Brings the index up to date with a run. Where the disk is too full for that the next change does
        it: the run's own files tell."""

        def record() -> None:
            if not path.exists():
                return  # deleted just now
            with change(self._workplace.runs_dir, self._notice) as opened:
                opened.record(path)

        with suppress(DiskFullError):
            with_reserve(self._workplace.runs_dir, record)


def _trunk(parent: Path | None) -> dict[str, Tensor] | None:
    """The weights of the pre-training in directory `parent`; RunFailedError where they are damaged."""
    if parent is None:
        return None
    weights = parent / MODEL
    try:
        if not weights_are_whole(parent, read_state(parent).weights_sha256):
            raise StoreError(f"{printable(weights)} is damaged: its sha256 is not that of the run's state")
        return load_weights(weights)
    except StoreError as error:
        raise RunFailedError(f"{error} (queue it again, and its pre-training is trained again)") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text, printable; its kind where it has none."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])
