"""`rotui run` where no terminal watches: one plain line an epoch, or one JSON object an event."""

from types import TracebackType
from typing import Self

from rotui.cli.terminal import print_json, say
from rotui.formats import duration
from rotui.store.layout import run_number
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
from rotui.study.floor import rotation_floor
from rotui.study.planning import Plan, PlannedRun


class _Reporter:
    """A listener that needs no screen set up or torn down. Runs are numbered by their place in `plan`, or,
    where there is none, as their directories are."""

    def __init__(self, plan: Plan | None) -> None:
        self._plan = plan
        self._numbers: dict[str, int] = {}

    def _number(self, event: Event) -> int:
        if self._plan is not None:
            return self._plan.number(event.run.key)
        if isinstance(event, RunStarted):
            self._numbers[event.run.key] = run_number(event.directory)
        return self._numbers.get(event.run.key, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class PlainReporter(_Reporter):
    """Talk on stderr: a line when a run starts and ends and one for each epoch."""

    def __call__(self, event: Event) -> None:
        """Writes the event's line, if it has one."""
        number = self._number(event)
        place = f"[{number}/{len(self._plan.runs)}]" if self._plan is not None else f"[{number}]"
        run = f"{place} {event.run.stage.title}"
        match event:
            case RunReused():
                say(f"{run}: finished before, {event.directory}")
            case RunStarted():
                say(f"{run}: {event.directory}")
            case RunResumed():
                for message in event.damaged:
                    say(f"{run}: passed over: {message}", "yellow")
                say(f"{run}: goes on after {event.epoch} epochs and {event.step} steps")
            case EpochEnded(restored=True):
                pass
            case EpochEnded(record=record):
                say(
                    f"{run}: epoch {record.epoch}/{event.run.profile.epochs(event.run.stage_name)}"
                    f"  train loss {record.train_loss:.4f} accuracy {record.train_accuracy:.2f} %"
                    f"  validation loss {record.validation_loss:.4f}"
                    f" accuracy {record.validation_accuracy:.2f} %"
                    f"  {record.images_per_second:.0f} images/s  {duration(record.seconds)}"
                )
            case ProbesStarted():
                say(f"{run}: probing the frozen features")
            case RunFinished(result=result):
                say(
                    f"{run}: finished, best {result.best_accuracy:.2f} %, last {result.last_accuracy:.2f} %"
                    f"{_floor(event.run)}"
                )
            case RunFailed(reason=reason):
                say(f"{run}: failed: {reason}", "red")
            case RunPaused(reason=reason):
                say(f"{run}: {reason}", "yellow")
            case RunContinued():
                say(f"{run}: goes on")
            case RunSkipped(reason=reason):
                say(f"{run}: skipped: {reason}", "yellow")
            case RunStopped(reason=reason):
                say(f"{run}: {reason}", "yellow")
            case StepEnded():
                pass


class JsonReporter(_Reporter):
    """Data on stdout: one object for each event but the steps."""

    def __call__(self, event: Event) -> None:
        """Writes the event's object."""
        number = self._number(event)
        if isinstance(event, StepEnded) or (isinstance(event, EpochEnded) and event.restored):
            return
        values: dict[str, object] = {
            "event": _event_name(event),
            "run": number,
            "key": event.run.key,
            "stage": event.run.stage_name,
            "seed": event.run.profile.seed,
        }
        match event:
            case RunReused(directory=directory) | RunStarted(directory=directory):
                values["directory"] = directory
            case RunResumed():
                values |= {"directory": event.directory, "epoch": event.epoch, "step": event.step}
                values["damaged_checkpoints"] = list(event.damaged)
            case EpochEnded(record=record):
                values |= {name: getattr(record, name) for name in record.__dataclass_fields__}
            case RunFinished(result=result):
                values["result"] = result.to_json()
                if event.run.stage.predicts_rotation:
                    values["floor"] = rotation_floor(event.run.profile.rotation).outline_percent
            case (
                RunFailed(reason=reason)
                | RunPaused(reason=reason)
                | RunSkipped(reason=reason)
                | RunStopped(reason=reason)
            ):
                values["reason"] = reason
        print_json(values)


def _floor(run: PlannedRun) -> str:
    """What the outline of the corners gives away of a rotation score."""
    if not run.stage.predicts_rotation:
        return ""
    return f", floor {rotation_floor(run.profile.rotation).outline_percent:.0f} %"


def _event_name(event: Event) -> str:
    """`EpochEnded` as `epoch-ended`."""
    name = type(event).__name__
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
