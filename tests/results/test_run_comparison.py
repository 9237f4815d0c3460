"""Runs side by side: where settings and environments differ, and the numbers they ended with."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from begun_runs import begin_run

from rotui.errors import InputError
from rotui.profile.schema import Profile
from rotui.results.run_comparison import compare_runs, environment_values, finite, from_default
from rotui.store.past_runs import PastRun, read_run
from rotui.study.planning import Point, plan
from rotui.study.records import EpochRecord, RunResult

ENVIRONMENT = {
    "device": "cuda:0",
    "device_name": "NVIDIA H200",
    "threads": 8,
    "cpu": "Xeon",
    "host": "box",
    "rotui": "0.1.0",
    "packages": {"torch": "2.15.0"},
    "git": {"commit": "abc", "dirty": False},
}


def epoch(number: int, accuracy: float, loss: float, holdout: float | None = None) -> EpochRecord:
    return EpochRecord(number, 1.0, 10.0, loss, accuracy, holdout, holdout, 0.01, 2.5, 100.0 * number)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., PastRun]:
    """A stopped run of these epochs, read back from its directory."""

    def make(*epochs: EpochRecord, stage: str = "supervised-random", **settings: Any) -> PastRun:
        profile = Profile.model_validate({"name": "nets", "stages": [stage], **settings})
        directory = begin_run(tmp_path / "runs", plan([Point(profile)]).runs[-1])
        for record in epochs:
            directory.append_epoch(record)
        directory.write_provenance(ENVIRONMENT)
        directory.stop("asked to")
        return read_run(directory.path)

    return make


def test_only_the_settings_in_which_runs_differ_are_told_by_dotted_keys(make: Callable[..., PastRun]) -> None:
    runs = [
        make(network={"architecture": "resnet34"}),
        make(seed=7, loss={"label_smoothing": 0.2}),
        make(stage="finetune-random", seed=7, data={"mean": [0.5, 0.5, 0.5]}),
    ]
    told = {each.key: each.values for each in compare_runs(runs).settings}
    assert told == {
        "stage": ("supervised-random", "supervised-random", "finetune-random"),
        "seed": (42, 7, 7),
        "data.mean": ([], [], [0.5, 0.5, 0.5]),
        "network.architecture": ("resnet34", "resnet18", "resnet18"),
        "loss.label_smoothing": (0.1, 0.2, 0.1),
    }


def test_equal_runs_differ_in_nothing_whatever_their_profiles_are_called(
    make: Callable[..., PastRun],
) -> None:
    runs = [make(), make(name="other", title="Another", description="x", published="pretraining")]
    comparison = compare_runs(runs)
    assert (comparison.settings, comparison.environment) == ((), ())


def test_final_numbers_are_those_of_the_result(make: Callable[..., PastRun], result: Any) -> None:
    ended: RunResult = result(61.25, last=60.0, loss=1.5, holdout=59.5)
    run = replace(
        make(*(epoch(n, 1.0, 9.0) for n in (1, 2))), status="finished", result=ended, verdict="exact"
    )
    numbers = compare_runs([run, make()]).numbers[0]
    assert (numbers.best, numbers.last, numbers.holdout, numbers.lowest_loss) == (61.25, 60.0, 59.5, 1.5)
    assert (numbers.epochs, numbers.epochs_planned) == (2, 50)
    assert (numbers.seconds, numbers.images_per_second) == (5.0, 200.0)
    assert (numbers.number, numbers.status, numbers.verdict) == (1, "finished", "exact")
    assert (numbers.stage, numbers.name) == ("supervised-random", run.name)


def test_a_run_without_a_result_is_told_by_the_epochs_it_has(make: Callable[..., PastRun]) -> None:
    epochs = [epoch(1, 30.0, 2.0, 10.0), epoch(2, 50.0, 3.0, 30.0), epoch(3, 40.0, 1.0, 20.0)]
    numbers, none = compare_runs([make(*epochs), make()]).numbers
    assert (numbers.best, numbers.last, numbers.holdout, numbers.lowest_loss) == (50.0, 40.0, 50.0, 1.0)
    assert numbers.status == "stopped"
    assert (none.best, none.last, none.holdout, none.lowest_loss, none.images_per_second) == (None,) * 5
    assert (none.epochs, none.seconds) == (0, 0.0)


def test_only_what_differs_of_the_environment_is_told(make: Callable[..., PastRun]) -> None:
    here = make()
    there = replace(
        here, name="0002-x", provenance={**ENVIRONMENT, "threads": 1, "packages": {"torch": "2.14.0"}}
    )
    older = replace(here, name="0003-x", provenance={"device": "cpu"})
    told = {each.key: each.values for each in compare_runs([here, there]).environment}
    assert told == {"torch": ("2.15.0", "2.14.0"), "threads": (8, 1)}
    told = {each.key: each.values for each in compare_runs([here, older]).environment}
    assert told["device"] == ("NVIDIA H200", "cpu")
    assert told["host"] == ("box", None)
    assert list(told) == ["device", "torch", "threads", "cpu", "host", "rotui", "commit"]


@pytest.mark.parametrize(
    "provenance", [{}, {"packages": None, "git": None}, {"packages": [1], "environment": "x", "git": "y"}]
)
def test_a_provenance_of_another_shape_tells_nothing(provenance: dict[str, Any]) -> None:
    assert set(environment_values(provenance).values()) == {None}


def test_what_the_worker_records_of_torch_and_threads_is_read() -> None:
    values = environment_values({"environment": {"torch": "2.13.0", "threads": 3}, "device": "cpu"})
    assert (values["torch"], values["threads"], values["device"]) == ("2.13.0", 3, "cpu")


@pytest.mark.parametrize("count", [0, 1])
def test_one_run_alone_is_not_compared(make: Callable[..., PastRun], count: int) -> None:
    run = make()
    with pytest.raises(InputError, match="two or more runs"):
        compare_runs([run] * count)
    with pytest.raises(InputError, match="two or more runs"):
        compare_runs([run, run])


def test_as_json_numbers_that_are_not_finite_are_none(make: Callable[..., PastRun]) -> None:
    runs = [make(epoch(1, 30.0, float("inf"))), make(epoch(1, 20.0, 2.0), seed=1)]
    values = compare_runs(runs).to_json()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert [run["lowest_loss"] for run in values["runs"]] == [None, 2.0]
    assert values["settings"] == {"seed": [42, 1]}
    assert values["environment"] == {}
    assert finite({"a": [1, (float("nan"), "x")]}) == {"a": [1, [None, "x"]]}


def test_what_departs_from_the_default_is_told_beside_it() -> None:
    profile = Profile.model_validate(
        {"name": "x", "seed": 3, "stages": ["pretrain"], "schedule": {"pretrain": {"epochs": 9}}}
    )
    assert [(each.key, each.values) for each in from_default(profile)] == [
        ("seed", (3, 42)),
        ("schedule.pretrain.epochs", (9, 45)),
        ("schedule.pretrain.decay_every", (10, 15)),
    ]
    assert from_default(Profile(title="only a title")) == ()
