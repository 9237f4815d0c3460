"""What queueing a profile would do, in a few lines, and doing it. Called off the event loop."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from rotui.formats import images_trained
from rotui.profile.loading import Experiment
from rotui.store.bench_figures import kept_figures
from rotui.store.listing import ListedRun
from rotui.store.measured import MeasuredRuns
from rotui.store.session import look
from rotui.study.cost import plan_cost
from rotui.study.estimate import Estimator, estimate_text
from rotui.study.machine import Machine
from rotui.study.planning import Plan, plan

if TYPE_CHECKING:
    from rotui.tui.workplace import Workplace

_one_at_a_time = Lock()
_REUSED = "reuses"
_UNKNOWN_TIME = "time unknown: nothing like it was trained on this machine yet"


RUNS_SHOWN = 40
"""Runs of a plan that are told one by one."""


@dataclass(frozen=True)
class PlannedLine:
    """A run of a plan: what it would be, and what of it is there already."""

    title: str
    standing: str


@dataclass(frozen=True)
class PlanOutlook:
    """What queueing an experiment would mean: the facts, each in a line, and the first of its runs."""

    facts: tuple[str, ...]
    runs: tuple[PlannedLine, ...]
    more: int


class Outlooks:
    """Looks ahead for one runs directory and one machine; called by one thread at a time."""

    def __init__(self, runs_dir: Path, machine: Machine) -> None:
        self._runs_dir = runs_dir
        self._machine = machine
        self._measured = MeasuredRuns(runs_dir)

    def of(self, experiment: Experiment, *, fresh: bool) -> PlanOutlook:
        """Runs, images, time and what is reused, were the experiment queued now. Raises RotuiError."""
        planned = plan(experiment.points)
        found, _ = look(self._runs_dir)
        known = {} if fresh else {run.key: run for run in found}
        standing = {run.key: _standing(known.get(run.key)) for run in planned.runs}
        left = [run for run in planned.runs if not standing[run.key].startswith(_REUSED)]
        kept = kept_figures()
        estimator = Estimator(self._measured.of(found), self._machine, kept.figures)
        estimates = [told for run in left if (told := estimator.of_run(run)) is not None]
        facts = ["fresh: what is finished is trained again"] if fresh else []
        facts += [
            f"{_counted(len(planned.runs), 'run')} of {_counted(len(experiment.points), 'setting')}",
            f"{images_trained(plan_cost(Plan(tuple(left), ())))} images to train on",
        ]
        if left:
            facts.append(estimate_text(estimates, len(left)) or _UNKNOWN_TIME)
            facts += [kept.fault] if kept.fault else []
        reused = len(planned.runs) - len(left)
        waiting = sum(bool(told) for told in standing.values()) - reused
        facts += [f"{reused} finished before, reused"] if reused else []
        facts += [f"{waiting} there already, not queued twice"] if waiting else []
        lines = [
            PlannedLine(f"{run.stage.title}, seed {run.profile.seed}", standing[run.key])
            for run in planned.runs[:RUNS_SHOWN]
        ]
        return PlanOutlook(tuple(facts), tuple(lines), len(planned.runs) - len(lines))


def _standing(run: ListedRun | None) -> str:
    """What there is of a planned run already, empty where there is nothing."""
    if run is None:
        return ""
    return f"{_REUSED} {run.number}" if run.status == "finished" else f"{run.status} {run.number}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def queue_experiment(
    experiment: Experiment,
    workplace: "Workplace",
    notice: Callable[[str], None],
    *,
    stop: Callable[[], bool],
    fresh: bool,
) -> str:
    """Queues the experiment, all of it or nothing, and says what became of it. Raises RotuiError, and
    StoppedError where `stop` says so while images are decoded."""
    from rotui.data.loading import Datasets
    from rotui.queueing import queue_plan
    from rotui.store.adding import Wishes

    planned = plan(experiment.points)
    with _one_at_a_time:
        datasets = Datasets(workplace.data_dir, progress=_silent, stop=stop)
        wishes = Wishes(study=experiment.profile.name, fresh=fresh, command=workplace.command)
        queued = queue_plan(planned, workplace.runs_dir, datasets, wishes, notice)
    new = len(planned.runs) - len(queued.finished) - len(queued.joined)
    return (
        f"queued {_counted(new, 'run')}; {len(queued.finished)} finished before, "
        f"{len(queued.joined)} in the queue already"
    )


def _silent(done: int, total: int) -> None:
    del done, total
