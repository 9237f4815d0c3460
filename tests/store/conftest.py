"""Real runs of small profiles, made through the plan and the run directory as the worker makes them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from begun_runs import begin_run

from rotui.profile.schema import Profile
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import PlannedRun, Point, plan
from rotui.study.records import Classification, EpochRecord, FeatureProbe, RunResult


@pytest.fixture
def planned() -> PlannedRun:
    return plan([Point(Profile(name="small", stages=("supervised-random",), data={"name": "digits"}))]).runs[
        0
    ]


@pytest.fixture
def epoch() -> Callable[..., EpochRecord]:
    def make(number: int = 1, accuracy: float = 100 / 3, holdout: float | None = None) -> EpochRecord:
        return EpochRecord(number, 1.5, 30.0, 0.1 + 0.2, accuracy, holdout, holdout, 0.01, 2.0, 1000.0)

    return make


@pytest.fixture
def result(epoch: Callable[..., EpochRecord]) -> RunResult:
    told = Classification(("a", "b", "[red]"), ((1, 1, 0), (0, 2, 0), (0, 0, 0)), (50.0, 100.0, None))
    probes = {"pretrained": FeatureProbe(60.0, 70.0), "random": FeatureProbe(20.0, 30.0)}
    return RunResult.of((epoch(1, 40.0), epoch(2, 30.0)), told, probes)


@pytest.fixture
def finished(
    tmp_path: Path, planned: PlannedRun, epoch: Callable[..., EpochRecord], result: RunResult
) -> RunDirectory:
    directory = begin_run(tmp_path / "runs", planned, study="small")
    directory.append_epoch(epoch(1, 40.0))
    directory.append_epoch(epoch(2, 30.0))
    (directory.path / "model.safetensors").write_bytes(b"weights")
    directory.finish(result, "")
    return directory
