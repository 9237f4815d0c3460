"""What the experiments cost in images."""

import pytest

from rotui.profile.loading import load_experiment
from rotui.study.cost import Cost, plan_cost
from rotui.study.planning import plan


def cost(name: str, *settings: str, limit: int = 0, epochs: int = 0) -> Cost:
    return plan_cost(plan(load_experiment(name, settings, limit=limit, epochs=epochs).points))


@pytest.mark.parametrize(
    ("name", "trained", "evaluated"),
    [
        ("pretraining", 50_000 * (45 + 4 * 50), 10_000 * (45 + 4 * 50)),
        ("course-baseline", 50_000 * (45 + 4 * 20), 10_000 * (45 + 4 * 20)),
        ("label-smoothing", 3 * 50_000 * 245, 3 * 10_000 * 245),
        ("rotation-count", 50_000 * 50 * 11, 10_000 * 50 * 11),
        (
            "few-labels",
            50_000 * 45 + 2 * 80 * 10 * (20 + 50 + 100 + 250 + 400 + 700 + 1000),
            10_000 * (45 + 14 * 80),
        ),
        ("architecture", 50_000 * 80 * 15, 10_000 * 80 * 15),
        ("imagenette", 9_469 * 50 * 15, 3_925 * 50 * 15),
    ],
)
def test_cost_of_the_published_experiments(name, trained, evaluated):
    assert cost(name) == Cost(trained, evaluated)


def test_limit_and_epochs_scale_the_cost():
    assert cost("pretraining", limit=200, epochs=3) == Cost(200 * 3 * 5, 200 * 3 * 5)


def test_all_rotations_in_a_step_cost_as_many_images_in_pre_training_alone():
    plain = cost("pretraining", 'stages=["pretrain"]')
    every = cost("pretraining", 'stages=["pretrain"]', "rotation.per_step=all", "rotation.validation=all")
    assert (every.trained, every.evaluated) == (4 * plain.trained, 4 * plain.evaluated)
    only = 'stages=["supervised-random"]'
    assert cost("pretraining", only, "rotation.per_step=all") == cost("pretraining", only)


def test_few_labels_in_a_budget_of_steps_cost_the_whole_split():
    only = 'stages=["supervised-random"]'
    steps = cost("pretraining", only, "labels.per_class=20", "labels.budget=steps")
    assert steps == cost("pretraining", only)


def test_a_folder_s_cost_is_unknown():
    assert not cost("pretraining", "data.name=folder", "data.path=pictures").known
