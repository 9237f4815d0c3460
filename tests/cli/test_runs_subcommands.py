"""`rotui runs` on single runs: filtered, shown in full, compared, deleted and brought back."""

import io
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from begun_runs import begin_run
from commands import Ended, Run, objects

from rotui.profile.schema import Profile
from rotui.store.checkpoints import save_checkpoint
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import Point, plan
from rotui.study.records import Classification, EpochRecord, FeatureProbe, RunResult

EVIL = "[red]\x1b[31m‮" + "x" * 300
PROVENANCE = {
    "rotui": "0.1.0",
    "command": ["rotui", "run", EVIL],
    "host": platform.node(),
    "cpu": "a processor",
    "device": "cuda:0",
    "device_name": "NVIDIA H200",
    "threads": 2,
    "packages": {"torch": "2.15.0"},
    "git": {"commit": "0123456789abcdef", "dirty": False},
}
FINISHED, STOPPED, HELD = (
    "0001-counts-pretrain-seed42",
    "0002-few-supervised-random-seed7",
    "0003-few-finetune-pretrained-seed42",
)


def epoch(number: int, accuracy: float, loss: float = 1.5) -> EpochRecord:
    return EpochRecord(number, 1.25, 10.0, loss, accuracy, 20.0, accuracy, 0.01, 4.0, 1000.0)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """1 a finished pre-training of 9 epochs with R = 6, 2 stopped with a checkpoint, 3 held, for 1."""
    runs_dir = tmp_path / "runs"

    def create(stage: str, parent_run: str = "", **settings: object) -> RunDirectory:
        run = plan([Point(Profile.model_validate({"stages": [stage], **settings}))]).runs[-1]
        return begin_run(runs_dir, run, study=str(settings["name"]), parent_run=parent_run)

    first = create("pretrain", name="counts", rotation={"count": 6})
    first.write_provenance(PROVENANCE)
    epochs = tuple(epoch(number, 60.0 + number) for number in range(1, 10))
    for record in epochs:
        first.append_epoch(record)
    told = Classification(("0°", EVIL), ((30, 10), (0, 0)), (75.0, None))
    probes = {"pretrained": FeatureProbe(61.5, 71.5), "random": FeatureProbe(21.5, 31.5)}
    (first.path / "model.safetensors").write_bytes(b"weights")
    first.finish(RunResult.of(epochs, told, probes), "")
    second = create("supervised-random", name="few", labels={"per_class": 20}, seed=7)
    second.write_provenance({**PROVENANCE, "threads": 8})
    second.append_epoch(epoch(1, 30.0))
    save_checkpoint(second.path, b"state", key=second.state.key, epoch=1, step=0, environment={})
    second.judge_resume("approximate", 1)
    second.stop("asked to")
    create("finetune-pretrained", first.name, name="few").close()
    queue = Queue(runs_dir, lambda _: None)
    queue.hold([HELD])
    queue.note([STOPPED], EVIL)
    queue.tag([STOPPED], ["paper"], [])
    return runs_dir


@pytest.fixture
def runs(rotui: Run, runs_dir: Path) -> Callable[..., Ended]:
    """`rotui runs` with the runs directory named before the subcommand."""
    return lambda *arguments: rotui("runs", "--runs-dir", runs_dir, *arguments)


def names(done: Ended) -> list[object]:
    assert done.code == 0, done.err
    return [each["name"] for each in objects(done.out)]


def is_safe(done: Ended) -> bool:
    return not any(raw in done.out + done.err for raw in ("\x1b", "‮", "\r"))


def test_where_keeps_the_runs_that_fit_beside_the_other_filters(runs: Callable[..., Ended]) -> None:
    assert names(runs("--json", "--where", "stage=pretrain acc>60")) == [FINISHED]
    assert names(runs("--json", "--where", "-status=finished")) == [STOPPED, HELD]
    assert names(runs("--json", "--where", "tag=paper")) == [STOPPED]
    assert names(runs("--json", "--where", "study=few", "--status", "held")) == [HELD]
    done = runs("--where", "seed=8")
    assert (done.code, done.out) == (0, "")
    assert "no run fits the filters" in done.err


def test_a_filter_that_cannot_be_used_is_refused_with_its_place(runs: Callable[..., Ended]) -> None:
    done = runs("--where", "acc>1 statsu=held")
    assert (done.code, done.out) == (2, "")
    assert "character 7: statsu=held: there is no key statsu, did you mean status" in done.err


@pytest.mark.parametrize("width", [50, 80, 120])
def test_a_run_is_shown_within_the_terminal_s_width(
    runs: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for run in (1, 2, 3):
        done = runs("show", run)
        assert done.code == 0, done.err
        assert max(map(len, done.out.splitlines())) <= width
        assert is_safe(done)


def test_a_finished_run_is_shown_with_its_result_classes_and_last_epochs(runs: Callable[..., Ended]) -> None:
    done = runs("show", "1")
    words = " ".join(done.out.split())
    for part in (
        FINISHED,
        "status finished",
        "starts from random weights",
        "epochs 9 of 45, took 36 s, 1000 images/s",
        "best 69.00 (epoch 9), last 69.00, hold-out 69.00 (epoch 9), floor 50 %",
        "lowest 1.5000 (epoch 1)",
        "pretrained trunk 20 nearest neighbours 61.50, linear 71.50",
        "settings rotation.count = 6 (default 4)",
        "made by rotui 0.1.0, torch 2.15.0, commit 0123456789ab",
        "NVIDIA H200, a processor",
        "2 threads",
        "0° 75.00 40",
        "resumes never stopped",
    ):
        assert part in words
    assert "last 6 of 9 epochs" in done.out
    rows = [line.split() for line in done.out.splitlines()[-6:]]
    assert [row[0] for row in rows] == ["4", "5", "6", "7", "8", "9"]
    assert "64.00" in rows[0]
    assert "\\x1b[31m" in done.out


def test_a_stopped_run_is_shown_with_its_verdict_checkpoint_note_and_tags(runs: Callable[..., Ended]) -> None:
    words = " ".join(runs("show", STOPPED).out.split())
    for part in (
        "status stopped: asked to",
        "best so far 30.00, last 30.00",
        "tags paper",
        "note [red]\\x1b[31m",
        "epoch-000001-step-00000000, 0.0 MB",
        "seed = 7 (default 42) labels.per_class = 20 (default 0)",
    ):
        assert part in words


def test_the_verdict_on_resumes_is_shown(runs: Callable[..., Ended], runs_dir: Path) -> None:
    taken = RunDirectory.begin(runs_dir / STOPPED)
    taken.judge_resume("approximate", 1)
    taken.stop("again")
    words = " ".join(runs("show", 2).out.split())
    assert "resumes 1, approximate, 1 epochs trained again and compared" in words
    [values] = objects(runs("show", 2, "--json").out)
    assert (values["verdict"], values["resumes"], values["compared"]) == ("approximate", 1, 1)


def test_as_json_a_run_is_shown_whole(runs: Callable[..., Ended], runs_dir: Path) -> None:
    [values] = objects(runs("show", 1, "--json").out)
    assert values["path"] == str(runs_dir / FINISHED)
    assert values["differences"] == {"rotation.count": {"value": 6, "default": 4}}
    assert values["profile"]["rotation"]["count"] == 6
    assert values["provenance"]["command"][2] == EVIL
    assert values["environment"]["device"] == "NVIDIA H200"
    assert values["result"]["classification"]["per_class"] == [75.0, None]
    assert [row["epoch"] for row in values["metrics"]] == list(range(1, 10))
    assert values["checkpoints"] == []
    [values] = objects(runs("show", 2, "--json").out)
    [checkpoint] = values["checkpoints"]
    assert checkpoint["name"] == "epoch-000001-step-00000000"
    assert checkpoint["bytes"] > 5
    assert values["result"] is None


def test_a_loss_that_is_not_finite_is_no_trouble(runs: Callable[..., Ended], runs_dir: Path) -> None:
    taken = RunDirectory.begin(runs_dir / STOPPED)
    taken.append_epoch(epoch(2, 10.0, float("inf")))
    taken.rewrite_epochs([epoch(1, 10.0, float("inf"))])
    taken.stop("")
    assert "inf" in runs("show", 2).out
    [values] = objects(runs("show", 2, "--json").out)
    assert (values["metrics"][0]["validation_loss"], values["lowest_loss"]) == (None, None)
    assert objects(runs("compare", 1, 2, "--json").out)[0]["runs"][1]["lowest_loss"] is None


def test_a_run_that_cannot_be_read_says_why(runs: Callable[..., Ended], runs_dir: Path) -> None:
    (runs_dir / FINISHED / "state.json").write_text("{")
    done = runs("show", FINISHED)
    assert (done.code, done.out) == (5, "")
    assert "state.json: damaged" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "9"], "9: no such run (there are runs 1 to 3"),
        (["show", "1-3"], "one run is shown at a time"),
        (["compare", "1"], "two or more runs"),
        (["compare", "1", "x"], "x: no such run"),
        (["delete", "9"], "no such run"),
        (["delete", "1"], "run 3 starts from it"),
        (["restore", "1"], "the trash is empty"),
        (["restore"], "the trash is empty"),
        (["restore", "--list", "1"], "--list: lists all of the trash"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said(runs: Callable[..., Ended], arguments: list[str], told: str) -> None:
    done = runs(*arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


@pytest.mark.parametrize("width", [50, 80, 120])
def test_runs_are_compared_side_by_side_within_the_terminal_s_width(
    runs: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = runs("compare", "1-3")
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines())) <= width
    assert is_safe(done)
    lines = [line.split() for line in done.out.splitlines()]
    numbers = [line for line in lines[: lines.index([])] if line[:1] in (["1"], ["2"], ["3"])]
    assert [line[0] for line in numbers] == ["1", "2", "3"]
    assert "69.00" in numbers[0]
    assert "30.00" in numbers[1]
    counts = [line[1:] for line in lines if line[:1] == ["rotation.count"]]
    assert [value for part in counts for value in part] == ["6", "4", "4"]
    threads = [line[1:] for line in lines if line[:1] == ["threads"]]
    assert [value for part in threads for value in part] == ["2", "8", "none"]


def test_a_comparison_as_json_has_each_run_s_values_in_their_order(runs: Callable[..., Ended]) -> None:
    [values] = objects(runs("compare", "2", "1", "--json").out)
    assert [run["number"] for run in values["runs"]] == [2, 1]
    assert [run["best"] for run in values["runs"]] == [30.0, 69.0]
    assert values["settings"]["seed"] == [7, 42]
    assert values["environment"] == {"threads": [8, 2]}


def test_runs_that_differ_in_no_setting_say_so(runs: Callable[..., Ended], runs_dir: Path) -> None:
    run = plan([Point(Profile(name="again", stages=("finetune-pretrained",)))]).runs[-1]
    begin_run(runs_dir, run).close()
    assert "no setting differs" in runs("compare", 3, 4).out


def test_runs_are_deleted_listed_and_restored_by_number_and_name(
    runs: Callable[..., Ended], runs_dir: Path
) -> None:
    done = runs("delete", "2", HELD)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"{STOPPED}: in the trash", f"{HELD}: in the trash"]
    assert f"rotui runs restore {STOPPED} {HELD}" in done.err
    assert names(runs("--json")) == [FINISHED]
    assert runs("restore", "--list").out.splitlines() == [STOPPED, HELD]
    done = runs("restore", "7")
    assert done.code == 2
    assert "7: no such run (there are runs 2 to 3" in done.err
    assert runs("restore").code == 2
    assert runs("restore", "3", STOPPED).code == 0
    assert names(runs("--json")) == [FINISHED, STOPPED, HELD]
    assert (runs("restore", "--list").out, runs("restore", "--list").code) == ("", 0)
    assert {each["status"] for each in objects(runs("--json").out)} == {"finished", "stopped", "held"}
    assert (runs_dir / ".trash").is_dir()


def test_a_run_that_cannot_be_read_is_deleted_by_its_name(runs: Callable[..., Ended], runs_dir: Path) -> None:
    (runs_dir / STOPPED / "result.json").write_text("")
    (runs_dir / STOPPED / "metrics.csv").write_text("no columns")
    (runs_dir / STOPPED / "lock").unlink()
    state = runs_dir / STOPPED / "state.json"
    state.write_text(state.read_text().replace('"stopped"', '"failed"'))
    assert runs("delete", "2").code == 2
    assert runs("delete", STOPPED).code == 0
    done = runs("--json")
    assert names(done) == [FINISHED, HELD]
    assert done.err == ""
    assert runs("restore", STOPPED).code == 0
    assert "metrics.csv: damaged" in runs("--json").err


def test_a_run_that_is_being_trained_is_not_deleted(runs: Callable[..., Ended], runs_dir: Path) -> None:
    taken = RunDirectory.begin(runs_dir / STOPPED)
    done = runs("delete", 2)
    assert (done.code, done.out) == (2, "")
    assert f"{STOPPED}: is being trained" in done.err
    taken.stop("")


@pytest.mark.parametrize(("answer", "is_emptied"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_the_trash_is_emptied_after_a_question(
    runs: Callable[..., Ended],
    runs_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    is_emptied: bool,
) -> None:
    runs("delete", 2, 3)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    done = runs("empty-trash")
    assert done.code == 0
    assert "remove 2 runs for good?" in done.err
    assert STOPPED in done.err
    assert (done.out == "removed 2 runs\n") == is_emptied
    left = [] if is_emptied else [STOPPED, HELD]
    assert runs("restore", "--list").out.splitlines() == left
    assert sorted(path.name for path in (runs_dir / ".trash").iterdir()) == left


def test_the_trash_is_emptied_unasked_only_if_told_so(
    runs: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("delete", 2)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    done = runs("empty-trash")
    assert (done.code, done.out) == (2, "")
    assert "--yes removes without asking" in done.err
    assert runs("restore", "--list").out.splitlines() == [STOPPED]
    assert runs("empty-trash", "--yes").out == "removed 1 run\n"
    done = runs("empty-trash")
    assert (done.code, done.out) == (0, "removed 0 runs\n")


def test_the_runs_directory_may_be_named_before_or_after_the_subcommand_and_goes_before_the_environment_s(
    rotui: Run, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROTUI_RUNS", str(tmp_path / "none"))
    for command in (["show", "1"], ["compare", "1", "2"], ["restore", "--list"], ["rebuild"]):
        before = rotui("runs", "--runs-dir", runs_dir, *command)
        after = rotui("runs", *command, "--runs-dir", runs_dir)
        assert (before.code, before.out) == (after.code, after.out) == (0, before.out), before.err
    monkeypatch.setenv("ROTUI_RUNS", str(runs_dir))
    assert rotui("runs", "show", "1").code == 0


def test_a_dry_run_tells_the_time_from_runs_of_this_machine(
    rotui: Run, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = 'stages=["pretrain","supervised-random"]'
    plain = ["run", "pretraining", "--set", only, "--dry-run", "--runs-dir", runs_dir]
    done = rotui(*plain)
    assert "1 of 2 runs: about 3 min on this machine (from run 1)" in done.out
    estimates = [(each["seconds"], each["seconds_from"]) for each in objects(rotui(*plain, "--json").out)]
    assert estimates == [(180.0, [1]), (None, [])]
    counted = rotui(*plain, "--set", "rotation.count=6", "--json")
    assert [(each["finished"], each["seconds"]) for each in objects(counted.out)] == [
        (FINISHED, 0.0),
        (None, None),
    ]
    monkeypatch.setattr(platform, "node", lambda: "another")
    assert "this machine" not in rotui(*plain).out


def test_the_subcommands_load_nothing_heavy(runs_dir: Path) -> None:
    code = """
import sys
from rotui.cli.main import app
for command in ("show 1", "compare 1 2", "delete 2", "restore 2", "--where acc>1"):
    app(["runs", "--runs-dir", sys.argv[1], *command.split()], standalone_mode=False)
print(sorted({"torch", "pandas", "numpy", "PIL", "sklearn", "textual"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(runs_dir)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert "69.00" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1].replace("'", '"')) == []
