"""What queueing a profile would do, in a few lines, and doing it. Called off the event loop."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from rotui.formats import images_trained
from rotui.profile.loading import Experiment
from rotui.store.session import look
from rotui.study.cost import plan_cost
from rotui.study.planning import Plan, plan

if TYPE_CHECKING:
    from rotui.tui.workplace import Workplace

_one_at_a_time = Lock()


@dataclass(frozen=True)
class PlanOutlook:
    """What a plan would cost, in lines of text."""

    lines: tuple[str, ...]


def outlook(experiment: Experiment, runs_dir: Path, *, fresh: bool) -> PlanOutlook:
    """Runs, images, time and what is reused, were the experiment queued now."""
    planned = plan(experiment.points)
    known = {} if fresh else {run.key: run for run in look(runs_dir)[0]}
    finished = [run for run in planned.runs if run.key in known and known[run.key].status == "finished"]
    waiting = [run for run in planned.runs if run.key in known and known[run.key].status != "finished"]
    left = Plan(tuple(run for run in planned.runs if run not in finished), ())
    lines = [
        f"{len(planned.runs)} runs, {len(experiment.points)} settings",
        f"{images_trained(plan_cost(left))} images to train on",
    ]
    if finished:
        lines.append(f"{len(finished)} finished before, reused")
    if waiting:
        lines.append(f"{len(waiting)} in the queue already")
    if fresh:
        lines.append("fresh: finished runs are trained again")
    for run in planned.runs[:12]:
        sign = "=" if run in finished else "·"
        lines.append(f"{sign} {run.stage.title}, seed {run.profile.seed}")
    if len(planned.runs) > 12:
        lines.append(f"  and {len(planned.runs) - 12} more")
    return PlanOutlook(tuple(lines))


def queue_experiment(
    experiment: Experiment, workplace: "Workplace", notice: Callable[[str], None], *, fresh: bool
) -> str:
    """Queues the experiment, all of it or nothing, and says what became of it. Raises RotuiError."""
    from rotui.data.loading import Datasets
    from rotui.queueing import queue_plan
    from rotui.store.adding import Wishes

    planned = plan(experiment.points)
    with _one_at_a_time:
        datasets = Datasets(workplace.data_dir, progress=_silent, stop=lambda: False)
        wishes = Wishes(study=experiment.profile.name, fresh=fresh, command=workplace.command)
        queued = queue_plan(planned, workplace.runs_dir, datasets, wishes, notice)
    new = len(planned.runs) - len(queued.finished) - len(queued.joined)
    return (
        f"queued {new} runs; {len(queued.finished)} finished before, "
        f"{len(queued.joined)} in the queue already"
    )


def _silent(done: int, total: int) -> None:
    del done, total
