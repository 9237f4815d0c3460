"""Runs that the worker really trained, in seconds: small networks, few of the bundled digits, one epoch."""

from pathlib import Path
from threading import Event as Flag

import torch

from rotui.data.loading import Datasets
from rotui.profile.schema import Profile
from rotui.queueing import queue_plan
from rotui.store.adding import Wishes
from rotui.study.planning import Point, plan
from rotui.worker.worker import Worker
from rotui.worker.workplace import Workplace

SMALL = {
    "name": "small",
    "data": {"name": "digits"},
    "network": {"architecture": "resnet10", "width": 8},
    "compute": {"threads": 1},
    "optimizer": {"learning_rate": 0.001, "batch_size": 30},
    "scale": {"limit": 60, "epochs": 1},
}


def silent(*_: object) -> None:
    """A listener to what nobody needs to know."""


def train_runs(runs_dir: Path, *stages: str, **settings: object) -> dict[str, str]:
    """Trains these stages; the names of the runs' directories by stage."""
    planned = plan([Point(Profile.model_validate({**SMALL, "stages": stages, **settings}))])
    datasets = Datasets(runs_dir.parent / "data", progress=silent, stop=lambda: False)
    queued = queue_plan(planned, runs_dir, datasets, Wishes(study="small"), print)
    place = Workplace(runs_dir, torch.device("cpu"))
    Worker(place, datasets, listener=silent, notice=print, stop=Flag()).work()
    return {run.stage_name: queued.names[run.key] for run in planned.runs}
