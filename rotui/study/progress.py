"""Where a plan stands: built from events, read by whatever shows it. Pure but for the clock it is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rotui.study.cost import run_cost
from rotui.study.events import (
    EpochEnded,
    Event,
    ProbesStarted,
    RunContinued,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunReused,
    RunSkipped,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import Plan, PlannedRun
from rotui.study.records import EpochRecord

RunStatus = Literal[
    "waiting", "running", "probing", "paused", "finished", "reused", "failed", "skipped", "stopped"
]

FORWARD_SHARE = 0.25
"""Time to evaluate an image as a share of the time to train on it."""
FINE_TUNING_SHARE = 0.6
"""Time of a step that trains `layer4` and `fc` alone as a share of one that trains everything."""


def work_of(run: PlannedRun) -> float:
    """The run's cost in images trained in full; 1 per epoch where the dataset's size is not known."""
    cost = run_cost(run)
    if not cost.known:
        return float(run.profile.epochs(run.stage_name))
    share = 1.0 if run.stage.trains_all else FINE_TUNING_SHARE
    return share * cost.trained + FORWARD_SHARE * cost.evaluated


@dataclass
class RunProgress:
    """One run of the plan as it stands."""

    run: PlannedRun
    status: RunStatus = "waiting"
    epochs: list[EpochRecord] = field(default_factory=list)
    step: int = 0
    steps: int = 0
    started: float = 0.0
    ended: float = 0.0
    note: str = ""
    rate: float = 0.0
    before_pause: RunStatus = "running"
    _step_time: float = 0.0

    @property
    def total_epochs(self) -> int:
        """Epochs this run trains."""
        return self.run.profile.epochs(self.run.stage_name)

    @property
    def share_done(self) -> float:
        """Share of the training that is done, 0 to 1; the steps of an epoch under way count."""
        if self.status in ("finished", "reused", "probing"):
            return 1.0
        under_way = self.step / self.steps if self.steps else 0.0
        return min(1.0, (len(self.epochs) + under_way) / self.total_epochs)


class StudyProgress:
    """The state of every run of a plan, and estimates of the time that is left."""

    def __init__(self, plan: Plan, clock: Callable[[], float]) -> None:
        self.runs = {run.key: RunProgress(run) for run in plan.runs}
        self._clock = clock
        self._newest: RunProgress | None = None
        self._at_once = 1

    @property
    def in_progress(self) -> list[RunProgress]:
        """The runs that are being trained now, in the order in which they began."""
        going_on = [each for each in self.runs.values() if each.status in ("running", "probing", "paused")]
        return sorted(going_on, key=lambda each: each.started)

    @property
    def current(self) -> RunProgress | None:
        """The newest run that is being trained now; where there is none the one that began last."""
        going_on = self.in_progress
        return going_on[-1] if going_on else self._newest

    def take(self, event: Event) -> None:
        """Brings the state up to date with one event."""
        progress = self.runs[event.run.key]
        now = self._clock()
        match event:
            case RunReused(directory=directory):
                progress.status, progress.note = "reused", directory
            case RunStarted(directory=directory) | RunResumed(directory=directory):
                progress.status, progress.note, progress.started = "running", directory, now
                progress._step_time = now
                self._newest, self._at_once = progress, len(self.in_progress)
            case StepEnded():
                progress.step, progress.steps = event.step, event.steps
                elapsed, progress._step_time = now - progress._step_time, now
                if elapsed > 0:
                    rate = event.images / elapsed
                    progress.rate = 0.9 * progress.rate + 0.1 * rate if progress.rate else rate
            case EpochEnded(record=record):
                progress.epochs.append(record)
                progress.step, progress._step_time = 0, now
            case ProbesStarted():
                progress.status = "probing"
            case RunFinished():
                progress.status, progress.ended = "finished", now
            case RunFailed(reason=reason):
                progress.status, progress.ended, progress.note = "failed", now, reason
            case RunPaused(reason=reason):
                progress.before_pause, progress.status, progress.note = progress.status, "paused", reason
            case RunContinued():
                progress.status, progress.note = progress.before_pause, ""
            case RunSkipped(reason=reason):
                progress.status, progress.note = "skipped", reason
            case RunStopped(reason=reason):
                progress.status, progress.ended, progress.note = "stopped", now, reason

    def run_seconds_left(self, progress: RunProgress | None = None) -> float | None:
        """Estimated seconds until a run, by default the current one, has trained its epochs; None before
        anything is known."""
        run = progress or self.current
        if run is None or run.status != "running" or run.share_done <= 0:
            return None
        elapsed = self._clock() - run.started
        return elapsed * (1 - run.share_done) / run.share_done

    def seconds_left(self) -> float | None:
        """Estimated seconds until the plan is done, from what has been trained so far in this session, by as
        many runs at once as when the last one began."""
        done = seconds = left = 0.0
        now = self._clock()
        for progress in self.runs.values():
            work = work_of(progress.run)
            if progress.status in ("running", "probing", "finished"):
                done += work * progress.share_done
                seconds += (progress.ended or now) - progress.started
            if progress.status in ("waiting", "running"):
                left += work * (1 - progress.share_done)
        open_runs = sum(
            run.status in ("waiting", "running", "probing", "paused") for run in self.runs.values()
        )
        at_once = max(1, min(self._at_once, open_runs))
        return left * seconds / done / at_once if done > 0 else None
