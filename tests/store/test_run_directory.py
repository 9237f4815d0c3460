import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from begun_runs import begin_run

from rotui.errors import StoreError
from rotui.profile.schema import Profile
from rotui.store.past_runs import finished_runs, read_run, read_runs
from rotui.store.provenance import provenance
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import PlannedRun, Point, plan
from rotui.study.records import METRIC_COLUMNS, EpochRecord, RunResult

CREATE_MANY = """
import sys
from pathlib import Path
from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.study.planning import Point, plan
planned = plan([Point(Profile(name=sys.argv[2], stages=("supervised-random",)))])
sys.stdin.readline()
for _ in range(10):
    add_plan(Path(sys.argv[1]), planned, Wishes(fresh=True), {}, print)
"""


def test_what_is_written_is_read_back_to_the_bit(finished: RunDirectory, result: RunResult) -> None:
    past = read_run(finished.path)
    assert (past.name, past.number, past.status) == ("0001-small-supervised-random-seed42", 1, "finished")
    assert past.result == result
    assert [record.validation_accuracy for record in past.epochs] == [40.0, 30.0]
    assert past.epochs[0].validation_loss == 0.1 + 0.2
    assert past.epochs[0].holdout_loss is None
    assert past.profile.data.name == "digits"
    assert past.study == "small"


def test_metrics_have_a_header_and_full_precision(
    tmp_path: Path, planned: PlannedRun, epoch: Callable[..., EpochRecord]
) -> None:
    directory = begin_run(tmp_path, planned, study="small")
    assert (directory.path / "metrics.csv").read_text() == ",".join(METRIC_COLUMNS) + "\n"
    directory.append_epoch(epoch(1, 100 / 3, holdout=12.5))
    assert (directory.path / "metrics.csv").read_text().splitlines()[1] == (
        "1,1.5,30.0,0.30000000000000004,33.333333333333336,12.5,12.5,0.01,2.0,1000.0"
    )
    directory.close()


def test_the_log_is_stamped_and_cannot_colour_a_terminal(tmp_path: Path, planned: PlannedRun) -> None:
    directory = begin_run(tmp_path, planned, study="small")
    directory.log("class \x1b[31mred\nsecond")
    directory.stop("asked")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(
        rf"{stamp} queued\n{stamp} class \\x1b\[31mred\\nsecond\n{stamp} stopped: asked\n",
        (directory.path / "run.log").read_text(),
    )


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_how_a_run_ended_and_why_is_kept(tmp_path: Path, planned: PlannedRun, status: str) -> None:
    directory = begin_run(tmp_path, planned, study="small")
    directory.fail("loss is nan") if status == "failed" else directory.stop("loss is nan")
    past = read_run(directory.path)
    assert (past.status, past.reason, past.result) == (status, "loss is nan", None)


def test_a_run_ends_once(finished: RunDirectory) -> None:
    with pytest.raises(StoreError, match="has ended already"):
        finished.fail("later")
    assert read_run(finished.path).status == "finished"


def test_an_ending_that_could_not_be_written_can_be_tried_again(
    tmp_path: Path, planned: PlannedRun, result: RunResult
) -> None:
    directory = begin_run(tmp_path / "runs", planned, study="small")
    directory.path.rename(tmp_path / "away")
    with pytest.raises(StoreError, match="cannot be written"):
        directory.finish(result, "")
    (tmp_path / "away").rename(directory.path)
    assert read_run(directory.path).status == "running"
    directory.fail("disk went away")
    assert read_run(directory.path).status == "failed"


@pytest.mark.parametrize("name", ["../../x", "a b", "[red]", "\x1b[31m", ".hidden", "a/b"])
def test_no_name_leaves_the_runs_directory(tmp_path: Path, planned: PlannedRun, name: str) -> None:
    hostile = PlannedRun(planned.key, planned.stage_name, planned.profile.model_copy(update={"name": name}))
    directory = begin_run(tmp_path / "runs", hostile, study=name)
    directory.stop("")
    assert directory.path.parent == tmp_path / "runs"
    assert re.fullmatch(r"0001-[a-z0-9._-]+-supervised-random-seed42", directory.name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs"]


def test_processes_that_create_at_once_get_different_numbers(tmp_path: Path) -> None:
    creators = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE_MANY, str(tmp_path / "runs"), name],
            stdin=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b", "c", "d")
    ]
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.write("go\n")
        creator.stdin.flush()
    assert [creator.wait(60) for creator in creators] == [0, 0, 0, 0]
    runs, unreadable = read_runs(tmp_path / "runs")
    assert unreadable == []
    assert [run.number for run in runs] == list(range(1, 41))


def test_a_run_names_the_pre_training_it_starts_from(tmp_path: Path) -> None:
    pretrain, finetune = plan([Point(Profile(stages=("finetune-pretrained",)))]).runs
    first = begin_run(tmp_path, pretrain, study="s")
    first.close()
    child = begin_run(tmp_path, finetune, study="s", parent_run=first.name)
    child.close()
    assert read_run(child.path).parent_run == first.name
    assert read_run(child.path).parent == pretrain.key
    assert read_run(first.path).parent_run == ""


def test_only_a_finished_run_with_weights_is_found_by_its_key(
    finished: RunDirectory, planned: PlannedRun
) -> None:
    runs_dir = finished.path.parent
    begin_run(runs_dir, planned, study="small").fail("no")
    found = finished_runs(runs_dir).get(planned.key)
    assert found is not None
    assert found.name == finished.name
    assert finished_runs(runs_dir).get("0" * 64) is None
    (finished.path / "model.safetensors").unlink()
    assert finished_runs(runs_dir).get(planned.key) is None


def test_provenance_is_plain_and_names_code_machine_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planned: PlannedRun
) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True
        )

    package = tmp_path / "package.py"
    package.write_text("one")
    monkeypatch.setattr("rotui.store.provenance.__file__", str(package))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance(["rotui"], 1)["git"] is None
    git("init", "-q")
    assert provenance(["rotui"], 1)["git"] is None
    git("add", "package.py")
    git("commit", "-q", "-m", "one")
    values = provenance(["rotui", "run", "quick"], 7, device="cpu")
    assert re.fullmatch("[0-9a-f]{40}", values["git"]["commit"])
    assert values["git"]["dirty"] is False
    package.write_text("two")
    assert provenance(["rotui"], 1)["git"]["dirty"] is True
    assert (values["command"], values["seed"], values["device"]) == (["rotui", "run", "quick"], 7, "cpu")
    assert values["packages"]["numpy"]
    monkeypatch.setenv("PATH", "")
    assert provenance(["rotui"], 1)["git"] is None

    directory = begin_run(tmp_path / "runs", planned, study="small")
    directory.write_provenance(values | {"data_identity": "f00d"})
    directory.close()
    assert json.loads((directory.path / "provenance.json").read_text())["seed"] == 7
    assert read_run(directory.path).data_identity == "f00d"
