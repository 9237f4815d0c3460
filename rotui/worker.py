"""The worker: one long-lived thread that takes runs from the queue, trains them and records how each ended.

It knows no screen: it posts events to a listener, which must return at once, and asks before every step
whether to stop.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import torch
from torch import Tensor

from rotui.data.loading import Datasets
from rotui.data.splits import data_identity
from rotui.engine.device import (
    apply_compute_settings,
    device_identity,
    device_provenance,
    environment,
    repeats_exactly,
)
from rotui.engine.memory import free_memory
from rotui.engine.programs import Programs
from rotui.engine.training import never
from rotui.engine.weights import load_weights
from rotui.errors import DeviceError, DiskFullError, RotuiError, RunFailedError, StoppedError, StoreError
from rotui.run_execution import Execution, execute
from rotui.store.atomic import store_errors
from rotui.store.checkpoints import newest_environment, remove_checkpoints
from rotui.store.claiming import Claim, claim
from rotui.store.device_lock import DeviceLock
from rotui.store.layout import MODEL
from rotui.store.listing import ListedRun
from rotui.store.live_progress import ProgressWriter
from rotui.store.past_runs import PastRun, read_state
from rotui.store.provenance import provenance
from rotui.store.queue_entry import whole_entry
from rotui.store.reserve import free_reserve, keep_reserve, with_reserve
from rotui.store.room import Room
from rotui.store.run_directory import RunDirectory
from rotui.store.session import change, look
from rotui.store.watching import Watcher
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

CHECKPOINT_SECONDS = 60.0
"""Least time between two checkpoints: one of ResNet18 takes about a second."""
IDLE_SECONDS = 0.5
"""Time between two looks at the queue, and between two looks at whether a run was cancelled."""
MOST_DEATHS = 3
"""Processes that may die in a run, each without a new checkpoint, before it counts as failed."""


@dataclass(frozen=True)
class Workplace:
    """Where a worker reads and writes and what it trains on. `command` is recorded with every run;
    `allow_inexact` has it go on with runs that were begun in another environment."""

    runs_dir: Path
    device: torch.device
    command: Sequence[str] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    allow_inexact: bool = False


class Worker:
    """Works through the queue of one runs directory on one device.

    `notice` is told, in a line, of what concerns no single run: who has the device, what was repaired.
    `current` is the directory of the run that it trains now. `waits_for` says which process has the device,
    and is empty where this one may take it; `left` has the runs that were left waiting at the last look, with
    the reasons.
    """

    def __init__(
        self,
        workplace: Workplace,
        datasets: Datasets,
        *,
        listener: Callable[[Event], None],
        notice: Callable[[str], None],
        stop: Flag,
    ) -> None:
        self.error: BaseException | None = None
        self.current = ""
        self.waits_for = ""
        self.left: Mapping[str, str] = {}
        self._workplace = workplace
        self._datasets = datasets
        self._post = listener
        self._notice = notice
        self._stop = stop
        self._told: set[str] = set()
        self._programs = Programs(workplace.device)
        self._device_lock = DeviceLock(device_identity(workplace.device), workplace.runs_dir)

    def start(self, only: Collection[str] | None = None, *, stay: Callable[[], bool] = never) -> Thread:
        """Begins to work in a thread of its own, which is returned; what ends it early is in `error`."""

        def work() -> None:
            try:
                self.work(only, stay=stay)
            except BaseException as error:  # noqa: BLE001  # handed to the thread that waits for this one
                self.error = error

        thread = Thread(target=work, name="rotui worker", daemon=True)
        thread.start()
        return thread

    def work(self, only: Collection[str] | None = None, *, stay: Callable[[], bool] = never) -> None:
        """Trains runs until a stop is asked for or none is left that may be trained: of those called `only`
        where that is given. While `stay` says so it waits for more.

        While another process has the device, its runs are watched. A run that fails is recorded with its
        cause and the queue goes on. Raises StoreError where the runs directory cannot be written and
        DeviceError where the device is lost; the run under way can be taken up.
        """
        with store_errors(self._workplace.runs_dir, "cannot be made"):
            self._workplace.runs_dir.mkdir(parents=True, exist_ok=True)
        watcher = Watcher(self._workplace.runs_dir, only, self._post)
        try:
            while not self._stop.is_set():
                self.left = {}
                if self._has_device():
                    claimed = self._claim(only)
                    self.left = claimed.left
                    if claimed.paused:
                        self._tell("the queue is paused: nothing begins before `rotui queue resume`")
                    for name, reason in self.left.items():
                        self._tell(f"{name} is left waiting: {reason}")
                    if claimed.directory is not None and claimed.past is not None:
                        watcher.own.add(claimed.directory.name)
                        self._execute(claimed.directory, claimed.past, claimed)
                        continue
                runs = look(self._workplace.runs_dir)[0]
                watcher.look(runs)
                if not stay() and not _to_wait_for(runs, only, self.left):
                    return
                self._leave_device()
                self._stop.wait(IDLE_SECONDS)
        finally:
            self._leave_device()

    def _claim(self, only: Collection[str] | None) -> Claim:
        """The next run; none where the disk is too full to begin one, even with the reserve given up."""
        runs_dir = self._workplace.runs_dir
        try:
            return with_reserve(runs_dir, lambda: claim(runs_dir, only, self._refusal, self._notice))
        except DiskFullError as error:
            self._tell(f"waits for room: {error}")
            return Claim()

    def refusals(self, runs: Collection[PastRun]) -> list[str]:
        """Why this worker would leave unfinished `runs` waiting, one line each."""
        return [f"{run.name} {reason}" for run in runs if (reason := self._refusal(run))]

    def _has_device(self) -> bool:
        place = self._workplace
        if self._device_lock.acquire(place.command, place.runs_dir):
            self.waits_for = ""
            return True
        self.waits_for = self._device_lock.holder()
        self._tell(
            f"{place.device} is in use by {self.waits_for}; what it trains of these runs is "
            "shown here, and this process goes on when that one ends"
        )
        return False

    def _leave_device(self) -> None:
        """Lets others have the device, and its memory, while nothing is trained here."""
        if self._device_lock.is_held:
            self._programs.clear()
            free_memory(self._workplace.device)
            self._device_lock.release()

    def _tell(self, text: str) -> None:
        """Gives notice once."""
        if text not in self._told:
            self._told.add(text)
            self._notice(text)

    def _refusal(self, past: PastRun) -> str:
        """Why the run cannot go on here to the same bits, or nothing."""
        there = newest_environment(past.path)
        if self._workplace.allow_inexact or there is None:
            return ""
        here = environment(self._workplace.device, past.profile.compute)
        differences = ", ".join(
            f"{name} {there.get(name, 'none')} (here {here.get(name, 'none')})"
            for name in sorted(here.keys() | there.keys())
            if here.get(name) != there.get(name)
        )
        return f"was begun with {differences}" if differences else ""

    def _execute(self, directory: RunDirectory, past: PastRun, claimed: Claim) -> None:
        """Trains one run and records how it ended."""
        self.current = directory.name
        run = PlannedRun(past.key, past.stage, past.profile, past.parent)
        progress = ProgressWriter(directory.path)
        wish = _Wish(directory.path, self._stop)
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
            self._post(event)

        try:
            self._train(run, directory, past, claimed.parent, room, post, wish)
        except StoppedError as error:
            reason = wish.text or str(error)
            with suppress(StoppedError):  # the disk is so full that even this finds no room: interrupted
                directory.stop(reason)
            self._ended(RunStopped(run, reason))
        except RunFailedError as error:
            directory.fail(str(error))
            self._ended(RunFailed(run, str(error)))
        except RotuiError as error:
            if isinstance(error, StoreError | DeviceError):
                raise
            directory.fail(str(error))
            self._ended(RunFailed(run, str(error)))
        except (RuntimeError, ValueError, MemoryError) as error:
            directory.log(f"failed: {error}")
            directory.fail(first_line(error))
            if isinstance(error, torch.AcceleratorError):
                raise DeviceError(
                    f"{self._workplace.device} cannot be used any more: {first_line(error)}"
                ) from error
            self._ended(RunFailed(run, first_line(error)))
        finally:
            self.current = ""
            progress.remove()
            directory.close()
            self._record(directory.path)

    def _train(
        self,
        run: PlannedRun,
        directory: RunDirectory,
        past: PastRun,
        parent: Path | None,
        room: Room,
        post: Callable[[Event], None],
        wish: "_Wish",
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
        splits, threads = self._datasets.splits(run), apply_compute_settings(compute)
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
        self._ended(RunFinished(run, result))

    def _ended(self, event: Event) -> None:
        self.current = ""
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

    def _wait(self, wish: "_Wish") -> None:
        """One wait for room; StoppedError when a stop is asked for meanwhile."""
        if self._stop.wait(IDLE_SECONDS) or wish():
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


class _Wish:
    """Whether a run is to stop: the worker was asked to, or the run was cancelled or held meanwhile, which
    is looked up twice a second."""

    def __init__(self, path: Path, stop: Flag) -> None:
        self.text = ""
        self._path = path
        self._stop = stop
        self._looked = 0.0

    def __call__(self) -> bool:
        if self._stop.is_set() or self.text:
            return True
        if time.monotonic() - self._looked < IDLE_SECONDS:
            return False
        self._looked = time.monotonic()
        entry = whole_entry(self._path)
        if entry is not None and (entry.cancelled or entry.held):
            self.text = "cancelled" if entry.cancelled else "put on hold"
        return bool(self.text)


def _to_wait_for(runs: Sequence[ListedRun], only: Collection[str] | None, left: Collection[str]) -> bool:
    """Whether any of the runs may yet be trained, here or elsewhere."""
    known = {run.name: run for run in runs}

    def may_be(run: ListedRun) -> bool:
        waits = run.status in ("queued", "stopped", "interrupted", "running", "paused")
        parent = known.get(run.parent_run)
        is_open = parent is None or parent.status == "finished" or may_be(parent)
        return waits and run.own and run.name not in left and is_open

    return any(may_be(run) for run in runs if only is None or run.name in only)


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
