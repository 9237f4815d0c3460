"""Runs whose processes die again and again, and runs that were copied from another runs directory."""

import json
import shutil
from pathlib import Path

import pytest
from studies import ADD, KILLED, SMALL, STUDY, WORK, Commands, digest, statuses

from rotui.store.session import look

OTHER = ["queue", "add", *SMALL, "--set", 'stages=["supervised-random"]', "--set", "seed=7"]


def test_a_run_whose_process_dies_three_times_without_a_checkpoint_fails_and_the_queue_goes_on(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path
) -> None:
    assert rotui(*ADD, runs=tmp_path) == 0
    assert rotui(*OTHER, runs=tmp_path) == 0
    for _ in range(3):
        assert rotui(*WORK, runs=tmp_path, failpoint="step:1") == KILLED
        assert statuses(tmp_path) == {1: "interrupted", 2: "queued", 3: "queued"}
    assert rotui(*WORK, runs=tmp_path) == 1
    assert "its process died 3 times without a new checkpoint" in rotui.log.read_text()
    assert statuses(tmp_path) == {1: "failed", 2: "skipped", 3: "finished"}
    reasons = [run.reason for run in look(tmp_path)[0]]
    assert "died 3 times" in reasons[0]
    assert "queue retry" in reasons[0]
    assert reasons[1] == "run 1, which it starts from, failed"
    assert "died 3 times" in log_of(tmp_path, 1)

    assert rotui(*WORK, runs=tmp_path) == 0
    assert statuses(tmp_path)[1] == "failed", "it was tried again unasked"
    assert rotui("queue", "retry", "2", runs=tmp_path) == 0
    assert rotui(*WORK, runs=tmp_path) == 0, rotui.log.read_text()
    told = digest(tmp_path)
    assert {stage: told[stage] for stage in unbroken} == unbroken


def test_a_run_that_was_retried_may_die_three_times_more(rotui: Commands, tmp_path: Path) -> None:
    assert rotui(*ADD, runs=tmp_path) == 0
    for _ in range(2):
        for _ in range(3):
            assert rotui(*WORK, runs=tmp_path, failpoint="step:1") == KILLED
        assert rotui(*WORK, runs=tmp_path) == 1
        assert statuses(tmp_path)[1] == "failed"
        assert rotui("queue", "retry", "1", runs=tmp_path) == 0
    assert rotui(*STUDY, runs=tmp_path) == 0
    assert set(statuses(tmp_path).values()) == {"finished"}


def test_the_same_command_tries_a_run_again_that_died_three_times(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(3):
        assert rotui(*STUDY, runs=tmp_path, failpoint="step:1") == KILLED
    assert rotui(*STUDY, runs=tmp_path) == 1
    assert statuses(tmp_path) == {1: "failed", 2: "skipped"}
    assert rotui(*STUDY, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path) == unbroken


def test_deaths_with_a_new_checkpoint_each_are_not_counted_together(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path
) -> None:
    """Two deaths without a checkpoint, one with a new one, one without, then several with one each."""
    assert rotui(*ADD, runs=tmp_path) == 0
    for failpoint in ("step:1", "step:1", "step:2", "step:1", "step:2", "step:2", "step:2"):
        assert rotui(*WORK, runs=tmp_path, failpoint=failpoint) == KILLED
    assert rotui(*WORK, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path) == unbroken


def test_deaths_in_one_run_are_not_laid_at_another_s_door(rotui: Commands, tmp_path: Path) -> None:
    """The pre-training dies twice, the fine-tuning twice."""
    assert rotui(*ADD, runs=tmp_path) == 0
    for failpoint in ("step:1", "step:1", "step:7", "step:1"):
        assert rotui(*WORK, runs=tmp_path, failpoint=failpoint) == KILLED
    assert statuses(tmp_path) == {1: "finished", 2: "interrupted"}
    assert rotui(*WORK, runs=tmp_path) == 0, rotui.log.read_text()
    assert statuses(tmp_path) == {1: "finished", 2: "finished"}


@pytest.fixture(scope="module")
def elsewhere(rotui: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another runs directory: a pre-training that was interrupted, and a run that waits for it."""
    runs = tmp_path_factory.mktemp("elsewhere")
    assert rotui(*ADD, runs=runs) == 0
    assert rotui(*WORK, runs=runs, failpoint="step:5") == KILLED
    return runs


@pytest.mark.parametrize("into", ["a runs directory in use", "an empty runs directory"])
def test_runs_that_were_copied_from_elsewhere_are_listed_and_never_trained_unasked(
    rotui: Commands, elsewhere: Path, tmp_path: Path, into: str
) -> None:
    if into == "a runs directory in use":
        assert rotui(*OTHER, runs=tmp_path) == 0
    copied = copied_runs(elsewhere, tmp_path)
    before = {path: contents(path) for path in copied}
    for command in (WORK, [*WORK, "--json"]):
        assert rotui(*command, runs=tmp_path) == 0
    assert {path: contents(path) for path in copied} == before
    assert rotui("runs", "--json", runs=tmp_path) == 0
    listed = {
        values["name"]: values["status"]
        for values in (json.loads(line) for line in rotui.log.read_text().splitlines())
    }
    assert [listed[path.name] for path in copied] == ["interrupted", "queued"]
    assert [run.own for run in look(tmp_path)[0] if run.name in {path.name for path in copied}] == [False] * 2
    if into == "a runs directory in use":
        assert [run.status for run in look(tmp_path)[0] if run.number == 1] == ["finished"]


def test_runs_that_were_copied_from_elsewhere_are_trained_when_asked_for(
    rotui: Commands, unbroken: dict[str, str], elsewhere: Path, tmp_path: Path
) -> None:
    assert rotui(*OTHER, "--hold", runs=tmp_path) == 0
    first, second = copied_runs(elsewhere, tmp_path)
    assert rotui("queue", "retry", first.name, second.name, runs=tmp_path) == 0, rotui.log.read_text()
    assert rotui(*WORK, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path) == unbroken
    assert "taken up after epoch 1" in (first / "run.log").read_text()


def test_a_copied_run_never_starts_from_a_namesake_of_its_pre_training(
    rotui: Commands, tmp_path: Path
) -> None:
    """The pre-training of that name here had other settings."""
    here, there = tmp_path / "here", tmp_path / "there"
    other = ["optimizer.learning_rate=0.01" if "learning_rate" in word else word for word in ADD]
    assert rotui(*other, runs=here) == 0
    assert rotui(*ADD, runs=there) == 0
    assert rotui(*WORK, runs=here) == 0
    run = next(there.glob("0002-*"))
    copy = here / run.name.replace("0002", "0003")
    shutil.copytree(run, copy)
    rotui("queue", "retry", copy.name, runs=here)
    rotui(*WORK, runs=here)
    told = next(run for run in look(here)[0] if run.name == copy.name)
    assert told.status != "finished", "it was trained from weights that are not its pre-training's"
    assert told.reason


def copied_runs(source: Path, to: Path) -> list[Path]:
    """The runs of `source`, copied among those of `to` under numbers that are free there."""
    copies = []
    for run in sorted(source.glob("[0-9]*")):
        copy = to / f"1{run.name[1:]}"
        shutil.copytree(run, copy)
        state = json.loads((copy / "state.json").read_text())
        if state["parent_run"]:
            state["parent_run"] = f"1{state['parent_run'][1:]}"
            (copy / "state.json").write_text(json.dumps(state))
        copies.append(copy)
    return copies


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def log_of(runs: Path, number: int) -> str:
    return next(runs.glob(f"{number:04d}-*/run.log")).read_text()
