"""A worker that a test watches, and plans of trainings that take it a fraction of a second."""

from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from threading import Event as Flag

import torch

from rotui.data.loading import Datasets
from rotui.data.splits import Splits
from rotui.profile.schema import Profile
from rotui.queueing import queue_plan
from rotui.store.adding import Queued, Wishes
from rotui.store.session import look
from rotui.study.events import Event, StepEnded
from rotui.study.planning import Plan, PlannedRun, Point, plan
from rotui.worker.worker import Worker
from rotui.worker.workplace import Workplace

PATIENCE = 60.0
"""Seconds that a run waits for one that is to be trained at the same time."""

TINY = {
    "network": {"architecture": "resnet10", "width": 8},
    "compute": {"threads": 1},
    "optimizer": {"learning_rate": 0.001, "batch_size": 30},
    "scale": {"limit": 60, "epochs": 1},
}


def planned(*stages: str, **settings: object) -> Plan:
    values = {"name": "tiny", "data": {"name": "digits"}, **TINY, **settings}
    if stages:
        values["stages"] = stages
    return plan([Point(Profile.model_validate(values))])


class Watched:
    """A worker whose events are kept, and which stops at the event that the test chooses. While `meeting` is
    set, runs wait for one another before their images are split: they are then trained at the same time."""

    def __init__(
        self,
        folder: Path,
        stop_at: type | None = None,
        on: Callable[[Event], None] | None = None,
        *,
        jobs: int | None = None,
        checkpoint_seconds: float = 60.0,
    ):
        self.events: list[Event] = []
        self.notices: list[str] = []
        self.decoded: list[tuple[int, int]] = []
        self.stop = Flag()
        self.meeting: Barrier | None = None
        self._stop_at, self._on, self._runs = stop_at, on, folder / "runs"
        place = Workplace(
            folder / "runs", torch.device("cpu"), ("rotui", "run"), checkpoint_seconds, jobs=jobs
        )
        self._datasets = _Meeting(
            self,
            folder / "data",
            progress=lambda done, total: self.decoded.append((done, total)),
            stop=self.stop.is_set,
        )
        self.worker = Worker(
            place, self._datasets, listener=self._take, notice=self.notices.append, stop=self.stop
        )

    def _met(self) -> None:
        self.meeting = None

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if self._stop_at is not None and isinstance(event, self._stop_at):
            self.stop.set()
        if self._on is not None:
            self._on(event)

    def queue(self, made: Plan, *, fresh: bool = False) -> Queued:
        wishes = Wishes(study="tiny", fresh=fresh, command=("rotui", "queue", "add"))
        return queue_plan(made, self._runs, self._datasets, wishes, self.notices.append)

    def work(self, made: Plan, *, fresh: bool = False, at_once: int = 0) -> dict[str, str]:
        """Queues the plan and trains it, its first runs so many `at_once`; the status of each of its runs, by
        stage."""
        queued = self.queue(made, fresh=fresh)
        if at_once:
            self.meeting = Barrier(at_once, action=self._met)
        self.worker.work({queued.names[run.key] for run in made.runs if run.key not in queued.finished})
        found = {run.name: run for run in look(self._runs)[0]}
        return {run.stage_name: found[queued.names[run.key]].status for run in made.runs}

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events if not isinstance(event, StepEnded)]


class _Meeting(Datasets):
    """Datasets whose splits are given to several runs at once or to none."""

    def __init__(
        self,
        watched: Watched,
        data_dir: Path,
        *,
        progress: Callable[[int, int], None],
        stop: Callable[[], bool],
    ):
        super().__init__(data_dir, progress=progress, stop=stop)
        self._watched = watched

    def splits(self, run: PlannedRun) -> Splits:
        meeting = self._watched.meeting
        if meeting is not None:
            meeting.wait(PATIENCE)
        return super().splits(run)
