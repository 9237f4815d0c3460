"""From a plan to queued runs: the data is there and fits before anything is queued; what is done is kept."""

from pathlib import Path

from rotui.data.loading import Datasets
from rotui.data.splits import data_identity
from rotui.errors import DataError
from rotui.store.adding import Queued, Wishes, add_plan
from rotui.store.repair import Notice
from rotui.store.session import look
from rotui.study.planning import Plan


def queue_plan(plan: Plan, runs_dir: Path, datasets: Datasets, wishes: Wishes, notice: Notice) -> Queued:
    """Queues what of the plan is not finished or queued already, all of it or nothing.

    The data of every run is loaded and split first, so that what is missing is said before hours are spent;
    where that of a finished run is not there to be compared with, the run is taken at its word. Raises
    DataError, StoppedError while images are decoded, and StoreError.
    """
    finished = set()
    if not wishes.fresh:
        finished = {run.key for run in look(runs_dir)[0] if run.status == "finished"}
    identities: dict[str, str] = {}
    for run in plan.runs:
        try:
            identities[run.key] = data_identity(datasets.splits(run))
        except DataError:
            if run.key not in finished:
                raise
    return add_plan(runs_dir, plan, wishes, identities, notice)
