"""The plan of the built-in experiments: order, what is shared, and what each run starts from."""

import pytest

from rotui.profile.loading import load_experiment
from rotui.profile.stages import STAGES
from rotui.study.content_key import content_key
from rotui.study.planning import Plan, plan

RUNS = {
    "pretraining": 5,
    "course-baseline": 5,
    "label-smoothing": 15,
    "rotation-count": 3 * 3 + 2,
    "few-labels": 1 + 7 * 2,
    "architecture": 15,
    "imagenette": 15,
    "quick": 5,
}


def planned(name: str, *settings: str) -> Plan:
    return plan(load_experiment(name, settings).points)


def keys(made: Plan, stage: str) -> list[str]:
    return list(dict.fromkeys(run.key for run in made.runs if run.stage_name == stage))


@pytest.mark.parametrize("name", RUNS)
def test_number_of_runs_and_cells(name):
    made = planned(name)
    experiment = load_experiment(name)
    assert len(made.runs) == RUNS[name]
    assert len(made.cells) == len(experiment.points) * len(experiment.profile.stages)


@pytest.mark.parametrize("name", RUNS)
def test_every_run_comes_after_the_pre_training_it_starts_from(name):
    made = planned(name)
    seen: set[str] = set()
    for run in made.runs:
        assert bool(run.parent) is STAGES[run.stage_name].starts_pretrained
        if run.parent:
            assert run.parent in seen
            assert {each.key: each for each in made.runs}[run.parent].stage_name == "pretrain"
        seen.add(run.key)
    assert len(seen) == len(made.runs)
    assert {cell.key for cell in made.cells} <= seen


def test_the_five_stages_come_in_the_study_s_order():
    assert [run.stage_name for run in planned("pretraining").runs] == list(STAGES)


def test_one_pre_training_serves_pretraining_few_labels_course_baseline_and_smoothing_at_0_1():
    shared = keys(planned("pretraining"), "pretrain")
    assert len(shared) == 1
    assert keys(planned("few-labels"), "pretrain") == shared
    assert keys(planned("course-baseline"), "pretrain") == shared
    smoothing = planned("label-smoothing")
    at = {
        dict(cell.point.at)["loss.label_smoothing"]: cell.key
        for cell in smoothing.cells
        if cell.stage_name == "pretrain"
    }
    assert at[0.1] == shared[0]
    assert len(set(at.values())) == 3


def test_smoothing_at_0_1_is_the_whole_of_pretraining():
    runs = {run.key for run in planned("pretraining").runs}
    cells = planned("label-smoothing").cells
    assert {cell.key for cell in cells if dict(cell.point.at)["loss.label_smoothing"] == 0.1} == runs


@pytest.mark.parametrize("stage", ["finetune-random", "supervised-random"])
def test_runs_from_random_weights_do_not_depend_on_the_number_of_rotations(stage):
    assert keys(planned("rotation-count"), stage) == keys(planned("pretraining"), stage)


def test_pre_training_does_not_depend_on_labels_but_what_follows_does():
    few, many = planned("pretraining", "labels.per_class=20"), planned("pretraining")
    assert keys(few, "pretrain") == keys(many, "pretrain")
    for stage in list(STAGES)[1:]:
        assert keys(few, stage) != keys(many, stage)


def test_a_pre_training_that_is_not_listed_is_planned_without_a_cell():
    made = planned("pretraining", 'stages=["supervised-pretrained"]')
    assert [run.stage_name for run in made.runs] == ["pretrain", "supervised-pretrained"]
    assert [cell.stage_name for cell in made.cells] == ["supervised-pretrained"]
    assert made.number(made.cells[0].key) == 2


def test_names_and_titles_do_not_change_a_key_but_seed_and_scale_do():
    profile = load_experiment("quick").profile
    renamed = load_experiment("quick", ["name=other", "title=x", 'published=""']).profile
    assert content_key(profile, "pretrain") == content_key(renamed, "pretrain")
    others = [
        load_experiment("quick", ["seed=1"]),
        load_experiment("quick", limit=50),
        load_experiment("quick", epochs=1),
    ]
    made = {content_key(profile, "pretrain"), *(content_key(other.profile, "pretrain") for other in others)}
    assert len(made) == 4


def test_writing_the_dataset_s_own_normalisation_changes_no_key():
    written = load_experiment(
        "pretraining", ["data.mean=[0.4914, 0.4822, 0.4465]", "data.std=[0.2023, 0.1994, 0.2010]"]
    )
    assert plan(written.points).runs[0].key == planned("pretraining").runs[0].key
