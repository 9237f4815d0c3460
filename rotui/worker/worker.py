"""The worker: one long-lived thread that takes runs from the queue and has each trained, one after another or
several at once.

It knows no screen: it posts events to a listener, which must return at once, and asks before every step
whether to stop.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from threading import Event as Flag
from threading import Lock, Thread
from typing import TypeVar

from rotui.data.loading import Datasets
from rotui.engine.device import device_identity, environment
from rotui.engine.memory import free_memory
from rotui.engine.programs import Programs
from rotui.engine.training import never
from rotui.errors import DiskFullError
from rotui.store.atomic import store_errors
from rotui.store.checkpoints import newest_environment
from rotui.store.claiming import Claim, claim
from rotui.store.device_lock import DeviceLock
from rotui.store.listing import ListedRun
from rotui.store.past_runs import PastRun
from rotui.store.queue_stamp import Stamp, queue_stamp
from rotui.store.reserve import with_reserve
from rotui.store.session import look
from rotui.store.watching import Watcher
from rotui.study.events import Event
from rotui.study.planning import PlannedRun
from rotui.worker.lane_count import FixedCount, Kind, LaneCount, MeasuredCount, kind_of
from rotui.worker.lanes import Lanes, device_memory
from rotui.worker.run_training import RunTrainer
from rotui.worker.workplace import Workplace

IDLE_SECONDS = 0.5
"""Time between two looks at the queue."""

T = TypeVar("T")


class Worker:
    """Works through the queue of one runs directory on one device.

    `notice` is told, in a line, of what concerns no single run: who has the device, what was repaired. It and
    `listener` are called from the threads of all runs, one at a time. `waits_for` says which process has the
    device, and is empty where this one may take it; `left` has the runs that were left waiting at the last
    look, with the reasons.
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
        self.waits_for = ""
        self.left: Mapping[str, str] = {}
        self._workplace = workplace
        self._post = one_at_a_time(listener)
        self._notice = one_at_a_time(notice)
        self._stop = stop
        self._halt = Flag()
        self._kind: Kind | None = None
        self._told: set[str] = set()
        self._asked: Stamp | None = None
        self._device_lock = DeviceLock(device_identity(workplace.device), workplace.runs_dir)
        self._count = _lane_count(workplace)
        self._programs = Programs(workplace.device)
        self._lanes = Lanes(workplace.device, self._count, self._halt, self._free)
        self._trainer = RunTrainer(
            workplace,
            datasets,
            self._programs,
            post=self._post,
            notice=self._notice,
            trained=self._count.trained,
            stop=stop,
            halt=self._halt,
        )

    @property
    def current(self) -> tuple[str, ...]:
        """The directories of the runs that it trains now, in the order in which they began."""
        return self._trainer.names

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
        DeviceError where the device is lost, once all runs have stopped; those under way can be taken up.
        """
        with store_errors(self._workplace.runs_dir, "cannot be made"):
            self._workplace.runs_dir.mkdir(parents=True, exist_ok=True)
        self._halt.clear()
        self._asked = self._lanes.error = None
        try:
            self._work(only, stay)
        except BaseException:
            self._halt.set()
            raise
        finally:
            self._lanes.join()
            self._leave_device()
        if self._lanes.error is not None:
            raise self._lanes.error

    def _work(self, only: Collection[str] | None, stay: Callable[[], bool]) -> None:
        watcher = Watcher(self._workplace.runs_dir, only, self._post)
        while not (self._stop.is_set() or self._halt.is_set()):
            if self._lanes.are_empty:
                self.left = {}
            if self._has_device() and self._may_claim():
                claimed = self._claim(only)
                self.left = claimed.left
                if claimed.paused:
                    self._tell("the queue is paused: nothing begins before `rotui queue resume`")
                for name, reason in self.left.items():
                    self._tell(f"{name} is left waiting: {reason}")
                if claimed.directory is not None and claimed.past is not None:
                    watcher.own.add(claimed.directory.name)
                    self._asked = None
                    self._begin(claimed)
                    continue
                self._asked = queue_stamp(self._workplace.runs_dir)
            if not self._lanes.are_empty:
                if self._lanes.wait(IDLE_SECONDS):
                    self._asked = None
                continue
            runs = look(self._workplace.runs_dir)[0]
            watcher.look(runs)
            if not stay() and not _to_wait_for(runs, only, self.left):
                return
            self._leave_device()
            self._stop.wait(IDLE_SECONDS)

    def _may_claim(self) -> bool:
        """Whether to ask for a run: always where none is trained, beside others where one more may begin and
        the queue is not as it was when there was none."""
        if self._lanes.are_empty:
            return True
        return self._count.has_room() and queue_stamp(self._workplace.runs_dir) != self._asked

    def _claim(self, only: Collection[str] | None) -> Claim:
        """The next run; none where the disk is too full to begin one, even with the reserve given up."""
        runs_dir = self._workplace.runs_dir
        try:
            return with_reserve(
                runs_dir,
                lambda: claim(runs_dir, only, self._refusal, self._notice, fits=self._fits),
            )
        except DiskFullError as error:
            self._tell(f"waits for room: {error}")
            return Claim()

    def _fits(self, past: PastRun) -> bool:
        return self._lanes.fits(_run(past))

    def _begin(self, claimed: Claim) -> None:
        """Trains a claimed run: here where there is never more than one, otherwise in a lane."""
        assert claimed.directory is not None
        assert claimed.past is not None
        train = partial(self._trainer.train, claimed.directory, claimed.past, claimed.parent)
        run = _run(claimed.past)
        if self._count.is_one:
            if self._kind not in (None, kind_of(run)):
                self._free()
            self._kind = kind_of(run)
            train()
        else:
            self._lanes.begin(claimed.directory.name, run, train)

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
            self._free()
            self._device_lock.release()

    def _free(self) -> None:
        """Gives back the memory that is kept for the next run."""
        self._programs.clear()
        free_memory(self._workplace.device)

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


def one_at_a_time(function: Callable[[T], None]) -> Callable[[T], None]:
    """The function, which one thread at a time may be in."""
    lock = Lock()

    def called(value: T) -> None:
        with lock:
            function(value)

    return called


def _run(past: PastRun) -> PlannedRun:
    return PlannedRun(past.key, past.stage, past.profile, past.parent)


def _lane_count(workplace: Workplace) -> LaneCount:
    if workplace.jobs is None and workplace.device.type == "cuda":
        return MeasuredCount(time.monotonic, partial(device_memory, workplace.device))
    return FixedCount(workplace.jobs or 1)


def _to_wait_for(runs: Sequence[ListedRun], only: Collection[str] | None, left: Collection[str]) -> bool:
    """Whether any of the runs may yet be trained, here or elsewhere."""
    known = {run.name: run for run in runs}

    def may_be(run: ListedRun) -> bool:
        waits = run.status in ("queued", "stopped", "interrupted", "running", "paused")
        parent = known.get(run.parent_run)
        is_open = parent is None or parent.status == "finished" or may_be(parent)
        return waits and run.own and run.name not in left and is_open

    return any(may_be(run) for run in runs if only is None or run.name in only)
