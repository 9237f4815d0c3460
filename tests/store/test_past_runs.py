import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from begun_runs import begin_run

from rotui.errors import StoreError
from rotui.store.past_runs import finished_runs, read_run, read_runs
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord, RunResult

SUPPORT = str(Path(__file__).parents[1] / "support")
HOLD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from begun_runs import begin_run
from rotui.profile.schema import Profile
from rotui.study.planning import Point, plan
run = plan([Point(Profile(name="held", stages=("supervised-random",)))]).runs[0]
directory = begin_run(Path(sys.argv[1]), run, study="held")
print(directory.path, flush=True)
sys.stdin.read()
"""


def statuses(runs_dir: Path) -> list[str]:
    runs, unreadable = read_runs(runs_dir)
    assert unreadable == []
    return [run.status for run in runs]


def test_a_run_whose_process_is_killed_is_interrupted(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), SUPPORT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    assert statuses(tmp_path) == ["running"]
    assert statuses(tmp_path) == ["running"]
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert holder.returncode == -signal.SIGKILL
    assert statuses(tmp_path) == ["interrupted"]


def test_a_copy_of_a_running_run_is_not_running(tmp_path: Path, planned: PlannedRun) -> None:
    directory = begin_run(tmp_path / "here", planned, study="small")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert statuses(tmp_path / "here") == ["running"]
    assert statuses(tmp_path / "there") == ["interrupted"]
    directory.close()
    assert statuses(tmp_path / "here") == ["interrupted"]


def test_a_run_that_died_after_its_result_was_written_is_finished(finished: RunDirectory) -> None:
    state = finished.path / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"status": "running"}))
    assert read_run(finished.path).status == "finished"
    (finished.path / "result.json").unlink()
    assert read_run(finished.path).status == "interrupted"


@pytest.mark.parametrize("torn", ["3,1.5,30.0", "3,1.5,30.0,0.3,99.0,,,0.01,2.0,100", "\x00\x00\x00", "\xff"])
def test_a_torn_last_row_is_left_out(finished: RunDirectory, torn: str) -> None:
    with (finished.path / "metrics.csv").open("ab") as file:
        file.write(torn.encode("latin-1"))
    assert [record.epoch for record in read_run(finished.path).epochs] == [1, 2]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("state.json", b"", "state.json: damaged"),
        ("state.json", b'{"key": 1}', "state.json: damaged: number: Field required"),
        ("state.json", b"\xff\x00", "state.json: damaged"),
        ("state.json", None, "state.json: cannot be read: No such file"),
        ("result.json", b"[]", "result.json: damaged"),
        ("result.json", b'{"epochs": "\x1b[31m"}', "result.json: damaged"),
        ("result.json", None, "result.json: cannot be read: No such file"),
        ("profile.toml", b"seed = -1", "profile.toml: damaged: seed: Input should be greater"),
        ("profile.toml", b"seed = ", "profile.toml: damaged: Invalid value"),
        ("profile.toml", b"\xff", "profile.toml: damaged: 'utf-8' codec"),
        ("profile.toml", None, "profile.toml: cannot be read: No such file"),
        ("metrics.csv", b"", "metrics.csv: damaged: line 1: no column epoch"),
        ("metrics.csv", None, "metrics.csv: cannot be read: No such file"),
        ("provenance.json", b"[1]", "provenance.json: damaged: not a JSON object"),
        ("provenance.json", b"{", "provenance.json: damaged: "),
    ],
)
def test_a_damaged_run_is_one_message_and_hides_no_other(
    finished: RunDirectory, planned: PlannedRun, file: str, content: bytes | None, message: str
) -> None:
    runs_dir = finished.path.parent
    begin_run(runs_dir, planned, study="small").stop("asked")
    damaged = finished.path / file
    if content is None:
        damaged.unlink()
    else:
        damaged.write_bytes(content)
    runs, unreadable = read_runs(runs_dir)
    assert [run.number for run in runs] == [2]
    assert len(unreadable) == 1
    assert message in unreadable[0]
    assert "\x1b" not in unreadable[0]
    assert planned.key not in finished_runs(runs_dir)


def test_a_damaged_row_is_told_with_its_line(finished: RunDirectory) -> None:
    with (finished.path / "metrics.csv").open("a") as file:
        file.write("3,what\n")
    with pytest.raises(StoreError, match=r"metrics\.csv: damaged: line 4"):
        read_run(finished.path)


@pytest.mark.parametrize("parent_run", ["../elsewhere", "/etc", "..", "a\\b"])
def test_a_state_cannot_point_outside_the_runs_directory(finished: RunDirectory, parent_run: str) -> None:
    state = finished.path / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"parent_run": parent_run}))
    with pytest.raises(StoreError, match="damaged: parent_run"):
        read_run(finished.path)


def test_only_run_directories_are_listed_by_number(finished: RunDirectory, planned: PlannedRun) -> None:
    runs_dir = finished.path.parent
    (runs_dir / "notes").mkdir()
    (runs_dir / "0009-file").write_text("")
    (runs_dir / ".trash").mkdir()
    renamed = begin_run(runs_dir, planned, study="small")
    renamed.stop("")
    renamed.path.rename(runs_dir / "best")
    runs, unreadable = read_runs(runs_dir)
    assert unreadable == []
    assert [(run.number, run.name) for run in runs] == [(1, finished.name), (10, "best")]


def test_no_directory_is_no_runs_and_a_file_is_an_error(tmp_path: Path) -> None:
    assert read_runs(tmp_path / "none") == ([], [])
    (tmp_path / "plain").write_text("")
    with pytest.raises(StoreError, match=r"plain: the runs cannot be listed: Not a directory"):
        read_runs(tmp_path / "plain")


def test_a_loss_that_is_not_finite_is_kept(tmp_path: Path, planned: PlannedRun, result: RunResult) -> None:
    directory = begin_run(tmp_path, planned, study="small")
    record = EpochRecord(1, 1.0, 10.0, float("inf"), 10.0, None, None, 0.01, 1.0, 1.0)
    directory.append_epoch(record)
    directory.finish(RunResult.of((record,), result.classification), "")
    past = read_run(directory.path)
    assert past.epochs == (record,)
    assert past.result is not None
    assert past.result.lowest_loss == float("inf")
