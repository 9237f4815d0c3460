"""What happens while a plan is worked through, as frozen messages named for what happened."""

from dataclasses import dataclass

from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord, RunResult


@dataclass(frozen=True)
class RunReused:
    """A finished run with the same content key was found; nothing is trained."""

    run: PlannedRun
    directory: str


@dataclass(frozen=True)
class RunStarted:
    """A run's directory exists and its training begins."""

    run: PlannedRun
    directory: str


@dataclass(frozen=True)
class RunResumed:
    """An unfinished run goes on after `epoch` whole epochs and `step` steps; `damaged` says which newer
    checkpoints were passed over."""

    run: PlannedRun
    directory: str
    epoch: int
    step: int
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepEnded:
    """One training step ended; `epoch` and `step` count from 1."""

    run: PlannedRun
    epoch: int
    step: int
    steps: int
    images: int


@dataclass(frozen=True)
class EpochEnded:
    """One epoch was trained and judged and is on disk; `restored` if that was before the run was taken up."""

    run: PlannedRun
    record: EpochRecord
    restored: bool = False


@dataclass(frozen=True)
class ProbesStarted:
    """The epochs are over; the frozen features are being probed."""

    run: PlannedRun


@dataclass(frozen=True)
class RunFinished:
    """A run's result and weights are on disk."""

    run: PlannedRun
    result: RunResult


@dataclass(frozen=True)
class RunFailed:
    """A run ended without a result; the others go on."""

    run: PlannedRun
    reason: str


@dataclass(frozen=True)
class RunPaused:
    """A run waits, with all it holds, for what `reason` names: room on the disk."""

    run: PlannedRun
    reason: str


@dataclass(frozen=True)
class RunContinued:
    """A run that waited goes on."""

    run: PlannedRun


@dataclass(frozen=True)
class RunSkipped:
    """A run is not begun: what it starts from did not finish, or it was held or cancelled."""

    run: PlannedRun
    reason: str


@dataclass(frozen=True)
class RunStopped:
    """A run was asked to stop and did, with a checkpoint."""

    run: PlannedRun
    reason: str


Event = (
    RunReused
    | RunStarted
    | RunResumed
    | StepEnded
    | EpochEnded
    | ProbesStarted
    | RunFinished
    | RunFailed
    | RunPaused
    | RunContinued
    | RunSkipped
    | RunStopped
)
