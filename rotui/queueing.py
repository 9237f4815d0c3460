"""From a plan to queued runs: the data is there and fits before anything is queued; what is done is kept."""

from pathlib import Path

from rotui.data.loading import Datasets, require_source
from rotui.data.splits import data_identity
from rotui.errors import DataError
from rotui.store.adding import Queued, Wishes, add_plan
from rotui.store.repair import Notice
from rotui.store.session import look
from rotui.study.planning import Plan


def require_places(plan: Plan, runs_dir: Path, data_dir: Path, *, fresh: bool) -> None:
    """StoreError where the runs cannot be listed and DataError where images that are wanted are not there:
    what can be told at once, before anything that takes long is begun."""
    finished = _finished(runs_dir, fresh=fresh)
    wanted = [run.profile.data for run in plan.runs if run.key not in finished]
    for settings in {(each.name, each.path, each.variant): each for each in wanted}.values():
        require_source(settings, data_dir)


def queue_plan(plan: Plan, runs_dir: Path, datasets: Datasets, wishes: Wishes, notice: Notice) -> Queued:
    """Queues what of the plan is not finished or queued already, all of it or nothing.

    The data of every run is loaded and split first, so that what is missing is said before hours are spent;
    where that of a finished run is not there to be compared with, the run is taken at its word. Raises
    DataError, StoppedError while images are decoded, and StoreError.
    """
    finished = _finished(runs_dir, fresh=wishes.fresh)
    identities: dict[str, str] = {}
    for run in plan.runs:
        try:
            identities[run.key] = data_identity(datasets.splits(run))
        except DataError:
            if run.key not in finished:
                raise
    return add_plan(runs_dir, plan, wishes, identities, notice)


def _finished(runs_dir: Path, *, fresh: bool) -> set[str]:
    """Content keys of the runs that need not be trained."""
    runs = look(runs_dir)[0]
    return set() if fresh else {run.key for run in runs if run.status == "finished"}
