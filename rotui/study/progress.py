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
        self.current: RunProgress | None = None
        self._clock = clock

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
                self.current = progress
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

    def run_seconds_left(self) -> float | None:
        """Estimated seconds until the current run has trained its epochs; None before anything is known."""
        current = self.current
        if current is None or current.status != "running" or current.share_done <= 0:
            return None
        elapsed = self._clock() - current.started
        return elapsed * (1 - current.share_done) / current.share_done

    def seconds_left(self) -> float | None:
        """Estimated seconds until the plan is done, from what has been trained so far in this session."""
        done = seconds = left = 0.0
        now = self._clock()
        for progress in self.runs.values():
            work = work_of(progress.run)
            if progress.status in ("running", "probing", "finished"):
                done += work * progress.share_done
                seconds += (progress.ended or now) - progress.started
            if progress.status in ("waiting", "running"):
                left += work * (1 - progress.share_done)
        return left * seconds / done if done > 0 else None
