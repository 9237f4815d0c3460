"""Settings that runs of an experiment have of their own: what is told of them makes the same runs again."""

import pytest

from rotui.profile.loading import load_experiment
from rotui.results.variants import settings_apart
from rotui.study.planning import plan


def told(name: str, *settings: str) -> tuple[str, ...]:
    """What sets the runs of a profile with these settings apart from those of the profile itself."""
    profiles = [point.profile for point in load_experiment(name, settings).points]
    return settings_apart(profiles, load_experiment(name))


def test_nothing_sets_an_experiments_own_runs_apart() -> None:
    for name in ("quick", "label-smoothing", "few-labels"):
        assert told(name) == ()


def test_seeds_and_stages_set_nothing_apart() -> None:
    assert told("quick", "seed=range(0,3)", 'stages=["pretrain"]') == ()


def test_a_part_of_what_is_swept_sets_nothing_apart_and_another_value_does() -> None:
    assert told("label-smoothing", "loss.label_smoothing=0.1") == ()
    assert told("label-smoothing", "loss.label_smoothing=0.1,0.3") == ("loss.label_smoothing=0.1,0.3",)


@pytest.mark.parametrize(
    "settings",
    [
        ("scale.limit=60", "scale.epochs=2"),
        ("network.stem=cifar,imagenet", "loss.label_smoothing=0,0.25"),
        ("data.mean=[0.5, 0.25, 0.125]", "data.horizontal_flip=true"),
        (
            "data.name=folder",
            'data.path="a b, \u00e9/true"',
            "data.mean=[0.5, 0.5, 0.5]",
            "data.std=[1, 0.5, 0.25]",
        ),
        ("compute.threads=1", "optimizer.learning_rate=0.00012345678901"),
    ],
)
def test_what_is_told_plans_the_same_runs_again(settings: tuple[str, ...]) -> None:
    wanted = {run.key for run in plan(load_experiment("quick", settings).points).runs}
    again = plan(load_experiment("quick", told("quick", *settings)).points).runs
    assert {run.key for run in again} == wanted


def test_settings_that_fit_only_some_of_what_is_swept_name_that_part_too() -> None:
    settings = ("rotation.count=4", "rotation.jitter=40")
    assert told("rotation-count", *settings) == settings
    wanted = {run.key for run in plan(load_experiment("rotation-count", settings).points).runs}
    again = plan(load_experiment("rotation-count", told("rotation-count", *settings)).points).runs
    assert {run.key for run in again} == wanted
