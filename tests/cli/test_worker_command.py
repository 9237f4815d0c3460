"""`rotui worker` and `rotui runs rebuild`: what is queued is trained, what is known is found again."""

import re
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import torch
from commands import TINY, Command, Process, Run, objects, states

SINGLE = ["--set", 'stages=["supervised-random"]']
PAIR = ["--set", 'stages=["pretrain", "finetune-pretrained"]']
ADD = ["queue", "add", "quick", *TINY, "--epochs", "1"]
LONG = ["queue", "add", "quick", *TINY, "--epochs", "5000", *SINGLE]
FAILS = ["--set", "data.std=[1e-42, 1e-42, 1e-42]"]


def ended(working: Process, seconds: float = 60.0) -> tuple[int, str]:
    """Exit code and the rest of stderr; a process that does not end is killed, and the test fails."""
    try:
        _, err = working.process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        working.process.kill()
        _, err = working.process.communicate()
        pytest.fail(f"still going on after {seconds} seconds: {err}")
    return working.process.returncode, err


def test_without_a_runs_directory_there_is_nothing_to_train(rotui: Run) -> None:
    done = rotui("worker")
    assert done.code == 0, done.err
    assert done.err == "the queue is empty\n"
    assert done.out == ""


def test_an_empty_queue_is_said_and_nothing_is_begun(rotui: Run, tmp_path: Path) -> None:
    assert rotui("queue", "pause").code == 0
    assert rotui("queue", "resume").code == 0
    done = rotui("worker")
    assert (done.code, done.out, done.err) == (0, "", "the queue is empty\n")
    assert not list((tmp_path / "runs").glob("0*"))


def test_what_is_queued_is_trained_and_told_a_line_an_epoch(rotui: Run, tmp_path: Path) -> None:
    assert rotui(*ADD, *PAIR).code == 0
    done = rotui("worker")
    assert (done.code, done.out) == (0, "")
    told = [re.sub(r"  train loss.*|, best.*", "", line) for line in done.err.splitlines()]
    assert told == [
        "[1] rotation pre-training: 0001-quick-pretrain-seed42",
        "[1] rotation pre-training: epoch 1/1",
        "[1] rotation pre-training: probing the frozen features",
        "[1] rotation pre-training: finished",
        "[2] fine-tuned, pre-trained: 0002-quick-finetune-pretrained-seed42",
        "[2] fine-tuned, pre-trained: epoch 1/1",
        "[2] fine-tuned, pre-trained: finished",
        "the queue is empty",
    ]
    assert states(tmp_path / "runs") == ["finished", "finished"]


def test_json_tells_every_event_with_its_run(rotui: Run) -> None:
    assert rotui(*ADD, *SINGLE, "--set", "seed=4").code == 0
    done = rotui("worker", "--json")
    assert done.code == 0
    told = objects(done.out)
    assert [each["event"] for each in told] == ["run-started", "epoch-ended", "run-finished"]
    assert {(each["run"], each["stage"], each["seed"]) for each in told} == {(1, "supervised-random", 4)}
    assert told[0]["directory"] == "0001-quick-supervised-random-seed4"
    [listed] = objects(rotui("runs", "--json").out)
    assert {each["key"] for each in told} == {listed["key"]}


def test_a_run_that_fails_is_told_and_the_others_go_on(rotui: Run, tmp_path: Path) -> None:
    assert rotui(*ADD, *PAIR, *FAILS).code == 0
    assert rotui(*ADD, *SINGLE).code == 0
    done = rotui("worker")
    assert done.code == 1
    assert "[1] rotation pre-training: failed: the training loss is nan in epoch 1" in done.err
    assert "[3] supervised, random init: finished" in done.err
    assert "1 runs failed (rotui runs --status failed)" in done.err
    assert states(tmp_path / "runs") == ["failed", "queued", "finished"]
    again = rotui("worker")
    assert again.code == 0, "what failed before is not this worker's failure"
    assert states(tmp_path / "runs") == ["failed", "queued", "finished"]


def test_jobs_trains_as_many_at_once_and_tells_of_each(rotui: Run, tmp_path: Path) -> None:
    seeds = ["--set", "seed=1,2", "--epochs", "20"]
    assert rotui(*ADD[:-2], *SINGLE, *seeds).code == 0
    done = rotui("worker", "--jobs", "2", "--json")
    assert done.code == 0
    told = [each for each in objects(done.out) if each["event"] != "epoch-ended"]
    assert [each["event"] for each in told] == ["run-started"] * 2 + ["run-finished"] * 2
    assert {each["run"] for each in told[:2]} == {each["run"] for each in told[2:]} == {1, 2}
    assert states(tmp_path / "runs") == ["finished", "finished"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--device", "tpu"], 2, "tpu"),
        (["--checkpoint-seconds", "-1"], 2, "checkpoint-seconds"),
        (["--checkpoint-seconds", "often"], 2, "checkpoint-seconds"),
        (["--jobs", "0"], 2, "jobs"),
        (["--jobs", "65"], 2, "jobs"),
        (["--jobs", "many"], 2, "jobs"),
        (["--runs-dir", "plain"], 5, "plain"),
        (["extra"], 2, "extra"),
        pytest.param(
            ["--device", "cuda"],
            4,
            "cuda",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here"),
        ),
    ],
)
def test_what_cannot_be_worked_with_is_refused_and_nothing_begins(
    rotui: Run, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    assert rotui(*ADD, *SINGLE).code == 0
    (tmp_path / "plain").write_text("mine")
    done = rotui("worker", *arguments)
    assert done.code == code
    lines = [line for line in done.err.splitlines() if line and not line.startswith(("Usage: ", "Try '"))]
    assert len(lines) == 1, done.err
    assert told.casefold() in lines[0].casefold()
    assert states(tmp_path / "runs") == ["queued"]
    assert (tmp_path / "plain").read_text() == "mine"


def test_a_worker_ends_when_all_that_is_left_waits_for_what_is_held(command: Command, rotui: Run) -> None:
    runs = ["--runs-dir", command.runs]
    assert rotui(*ADD, *PAIR, *runs).code == 0
    assert rotui("queue", "hold", "1", *runs).code == 0
    code, err = ended(command.start("worker"))
    assert code == 0
    assert "the queue is empty but for 2 that wait (rotui queue)" in err
    assert states(command.runs) == ["queued", "queued"]


def test_a_worker_that_stays_trains_what_is_queued_later(command: Command, rotui: Run) -> None:
    runs = ["--runs-dir", command.runs]
    assert rotui(*ADD, *SINGLE, *runs).code == 0
    working = command.start("worker", "--watch")
    working.wait_for("[1] supervised, random init: finished")
    assert rotui(*ADD, *SINGLE, "--set", "seed=1", *runs).code == 0
    working.wait_for("[2] supervised, random init: finished")
    assert rotui(*LONG, *runs).code == 0
    working.wait_for("[3] supervised, random init: epoch 1/5000")
    working.send(signal.SIGTERM)
    code, err = ended(working)
    assert code == 143
    assert "[3] supervised, random init: stopped" in err
    assert "stopped; what is queued stays queued (rotui queue)" in err
    assert states(command.runs) == ["finished", "finished", "stopped"]


def test_a_second_worker_watches_the_first_and_takes_its_run_up_when_it_dies(
    command: Command, rotui: Run
) -> None:
    assert rotui(*LONG, "--runs-dir", command.runs).code == 0
    first = command.start("worker", "--checkpoint-seconds", "0")
    first.wait_for("epoch 1/5000")
    second = command.start("worker")
    told = second.wait_for("cpu is in use by process")
    assert f"process {first.process.pid} " in told
    assert str(command.runs) in told
    second.wait_for("[1] supervised, random init: epoch ")
    [run] = objects(rotui("queue", "list", "--json", "--runs-dir", command.runs).out)
    assert run["status"] == "running"
    first.send(signal.SIGKILL)
    first.end()
    goes_on = second.wait_for("[1] supervised, random init: goes on after ")
    assert int(re.findall(r"after (\d+) epochs", goes_on)[0]) >= 1
    second.send(signal.SIGTERM)
    assert ended(second)[0] == 143
    [run] = objects(rotui("runs", "--json", "--runs-dir", command.runs).out)
    assert (run["status"], run["resumes"]) == ("stopped", 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made") / "runs"


@pytest.fixture
def past(rotui: Run, made: Path, tmp_path: Path) -> Path:
    """1 finished, 2 and 3 queued and noted."""
    if not made.exists():
        assert rotui(*ADD, *SINGLE).code == 0
        assert rotui("worker").code == 0
        assert rotui(*ADD, *PAIR, "--note", "the odd one", "--tag", "paper", "--priority", "3").code == 0
        shutil.move(tmp_path / "runs", made)
    return Path(shutil.copytree(made, tmp_path / "runs"))


@pytest.mark.parametrize("damage", ["none", "gone", "garbage", "truncated"])
def test_the_index_is_made_again_from_the_runs_directories(rotui: Run, past: Path, damage: str) -> None:
    before = rotui("runs", "--json").out, rotui("queue", "list", "--json").out
    database = past / "queue.sqlite3"
    raw = database.read_bytes()
    if damage == "gone":
        database.unlink()
    elif damage != "none":
        database.write_bytes(b"this is no database" * 99 if damage == "garbage" else raw[: len(raw) // 2])
    damaged = database.read_bytes() if database.exists() else None
    done = rotui("runs", "rebuild")
    assert (done.code, done.out) == (0, "3 runs are indexed in runs\n")
    assert (rotui("runs", "--json").out, rotui("queue", "list", "--json").out) == before
    aside = [
        path.read_bytes() for path in past.glob("queue.sqlite3.*") if path.suffix not in ("-shm", "-wal")
    ]
    assert damaged is None or damaged in aside
    assert rotui("queue", "note", "2", "--text", "still changes").code == 0


def test_an_index_of_a_newer_rotui_is_not_made_again(rotui: Run, past: Path) -> None:
    database = past / "queue.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    raw = database.read_bytes()
    done = rotui("runs", "rebuild")
    assert (done.code, done.out) == (5, "")
    assert "written by a newer rotui (schema 99" in " ".join(done.err.split())
    assert database.read_bytes() == raw
    assert not [*past.glob("queue.sqlite3.*")]


@pytest.mark.parametrize(
    "words", [["runs", "rebuild", "--runs-dir", "runs"], ["runs", "--runs-dir", "runs", "rebuild"]]
)
def test_rebuild_takes_the_runs_directory_before_or_after_its_name(
    rotui: Run, past: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("ROTUI_RUNS", "nowhere")
    assert rotui(*words).out == "3 runs are indexed in runs\n"
    assert past.exists()


def test_rebuild_leaves_out_what_cannot_be_read_and_refuses_what_is_no_directory(
    rotui: Run, past: Path, tmp_path: Path
) -> None:
    next(past.glob("0001-*/state.json")).write_text("{")
    (past / "queue.sqlite3").unlink()
    done = rotui("runs", "rebuild")
    assert done.code == 0
    assert done.out == "2 runs are indexed in runs\n"
    assert next(past.glob("0001-*/state.json")).read_text() == "{"
    (tmp_path / "plain").write_text("mine")
    for name in ("plain", "nowhere"):
        refused = rotui("runs", "rebuild", "--runs-dir", name)
        assert refused.code == 2
        assert refused.err == f"rotui: {name}: there is no such directory\n"
    assert not (tmp_path / "nowhere").exists()
