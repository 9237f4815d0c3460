"""Runs that another process trains, told as events: what its own worker would have posted, a little later."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rotui.store.listing import ListedRun
from rotui.store.live_progress import SECONDS, LiveProgress, read_progress
from rotui.store.past_runs import read_run
from rotui.store.status import Status
from rotui.study.events import (
    EpochEnded,
    Event,
    RunContinued,
    RunFailed,
    RunFinished,
    RunPaused,
    RunSkipped,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import PlannedRun


@dataclass
class _Watched:
    """What has been told of one run."""

    status: Status = "queued"
    epochs: int = 0
    progress: LiveProgress | None = None


class Watcher:
    """Tells what changes between two looks at the runs, those called `only` where that is given. Runs in
    `own` are left out: this process trains them and tells of them itself."""

    def __init__(self, runs_dir: Path, only: Collection[str] | None, post: Callable[[Event], None]) -> None:
        self.own: set[str] = set()
        self._runs_dir = runs_dir
        self._only = only
        self._post = post
        self._watched: dict[str, _Watched] = {}

    def look(self, runs: Sequence[ListedRun]) -> None:
        """Posts what is new. StoreError where a run that is going on cannot be read."""
        for run in runs:
            if self._only is not None:
                asked = run.name in self._only
            else:
                asked = run.name in self._watched or run.status in ("running", "paused")
            if asked and run.name not in self.own:
                self._tell(run, self._watched.setdefault(run.name, _Watched()))

    def _tell(self, run: ListedRun, told: _Watched) -> None:
        goes_on = run.status in ("running", "paused")
        if run.status == told.status and not goes_on:
            return
        past = read_run(self._runs_dir / run.name)
        planned = PlannedRun(past.key, past.stage, past.profile, past.parent)
        was, told.status = told.status, run.status
        if goes_on and was not in ("running", "paused"):
            self._post(RunStarted(planned, run.name))
        elif was == "paused" and run.status == "running":
            self._post(RunContinued(planned))
        for record in past.epochs[told.epochs :]:
            restored = told.epochs == 0 and record is not past.epochs[-1]
            self._post(EpochEnded(planned, record, restored=restored))
        told.epochs = len(past.epochs)
        progress = read_progress(past.path) if goes_on else None
        if progress is not None and progress != told.progress:
            images = round(progress.images_per_second * SECONDS)
            self._post(StepEnded(planned, progress.epoch, progress.step, progress.steps, images))
            told.progress = progress
        match run.status:
            case "paused" if was != "paused":
                self._post(RunPaused(planned, run.reason))
            case "finished" if past.result is not None:
                self._post(RunFinished(planned, past.result))
            case "failed":
                self._post(RunFailed(planned, run.reason))
            case "stopped" | "interrupted" if was in ("running", "paused"):
                self._post(RunStopped(planned, run.reason or run.status))
            case "skipped" | "cancelled" | "held":
                self._post(RunSkipped(planned, run.reason if run.status == "skipped" else run.status))
