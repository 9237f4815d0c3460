"""`rotui run` as a user meets it on pipes: plans, the five stages, exit codes."""

import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import ONE, QUICK, STAGES, TINY, Command, Run, objects, states
from safetensors.torch import load_file

from rotui.study.records import METRIC_COLUMNS


def test_the_plan_names_each_run_and_what_it_starts_from_and_writes_nothing(
    rotui: Run, tmp_path: Path
) -> None:
    done = rotui(*QUICK, "--dry-run")
    assert done.code == 0
    rows = [line for line in done.out.splitlines() if re.match(r" *\d+  ", line)]
    assert [re.search(r"random weights|run \d+", row)[0] for row in rows] == [
        "random weights",
        "run 1",
        "random weights",
        "run 1",
        "random weights",
    ]
    assert "5 runs, 0 finished before" in done.out
    assert list(tmp_path.iterdir()) == []


def test_the_plan_as_json_has_one_object_a_run(rotui: Run) -> None:
    done = rotui(*QUICK, "--set", "seed=range(0,2)", "--dry-run", "--json")
    plan = objects(done.out)
    assert [each["stage"] for each in plan] == STAGES * 2
    assert [each["starts_from"] for each in plan] == [None, 1, None, 1, None, None, 6, None, 6, None]
    assert [each["run"] for each in plan] == list(range(1, 11))
    assert plan[5]["at"] == [{"seed": 1}]
    assert {each["finished"] for each in plan} == {None}
    assert len({each["key"] for each in plan}) == 10


def test_the_plan_names_finished_runs_unless_all_are_to_be_fresh(rotui: Run, kept: Path) -> None:
    done = rotui(*QUICK, "--dry-run", "--json", "--runs-dir", kept)
    assert [each["finished"] for each in objects(done.out)] == sorted(p.name for p in kept.glob("0*"))
    assert "5 runs, 5 finished before" in rotui(*QUICK, "--dry-run", "--runs-dir", kept).out
    fresh = rotui(*QUICK, "--dry-run", "--fresh", "--json", "--runs-dir", kept)
    assert {each["finished"] for each in objects(fresh.out)} == {None}


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_plan_fits_the_terminal(rotui: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = rotui("run", "label-smoothing", "--set", "seed=range(0,2)", "--dry-run")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= width
    assert done.out.count("rotation pre-training") == 6
    if width >= 80:
        assert done.out.count("label_smoothing=0.2 seed=1") == 5
        assert len(done.out.splitlines()) == 33


def test_one_plain_line_an_epoch_is_said_and_the_table_is_data(study) -> None:
    command, done = study
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert len([line for line in lines if re.search(r"epoch 1/1 .*accuracy .*images/s", line)]) == 5
    assert "\x1b" not in done.stderr + done.stdout
    assert "\r" not in done.stderr
    assert "epoch 1/1" not in done.stdout
    for stage in (
        "rotation",
        "fine-tuned, pre",
        "fine-tuned, random",
        "supervised, pre",
        "supervised, random",
    ):
        assert stage in done.stdout
    assert done.stdout.count("scaled (60 images, 1 epoch)") >= 6
    assert [path.name for path in command.folder.iterdir() if path.name not in ("cache", "data")] == ["runs"]


def test_every_run_s_directory_holds_what_it_should(study) -> None:
    command, _ = study
    folders = sorted(command.runs.glob("0*"))
    assert [folder.name for folder in folders] == [
        f"000{n}-quick-{s}-seed42" for n, s in enumerate(STAGES, 1)
    ]
    for folder, stage in zip(folders, STAGES, strict=True):
        header, row = (folder / "metrics.csv").read_text().splitlines()
        assert header == ",".join(METRIC_COLUMNS)
        assert len(row.split(",")) == len(METRIC_COLUMNS)
        assert json.loads((folder / "state.json").read_text())["status"] == "finished"
        result = json.loads((folder / "result.json").read_text())
        assert result["epochs"] == 1
        assert bool(result["probes"]) == (stage == "pretrain")
        assert sum(map(sum, result["classification"]["confusion"])) == 60
        provenance = json.loads((folder / "provenance.json").read_text())
        assert provenance["command"][1:] == ["-m", "rotui", *QUICK]
        assert provenance["threads"] == 1
        assert provenance["device"] == "cpu"
        assert "limit = 60" in (folder / "profile.toml").read_text()
        assert "epoch 1" in (folder / "run.log").read_text()
        assert load_file(folder / "model.safetensors")["fc.bias"].shape == (4 if stage == "pretrain" else 10,)


def test_weights_load_into_torchvision_under_its_names(rotui: Run, tmp_path: Path) -> None:
    from torchvision.models import resnet18

    arguments = ["--limit", "20", "--epochs", "1", "--set", "compute.threads=1"]
    arguments += ["--set", "network.architecture=resnet18", "--set", 'stages=["supervised-random"]']
    assert rotui("run", "quick", *arguments).code == 0
    network = resnet18(num_classes=10)
    state = load_file(next((tmp_path / "runs").glob("0*/model.safetensors")))
    assert network.load_state_dict(state, strict=True).missing_keys == []
    network.eval()
    assert torch.isfinite(network(torch.zeros(2, 3, 32, 32))).all()


def test_a_second_call_reuses_what_is_finished_and_prints_the_same_table(
    study, rotui: Run, kept: Path
) -> None:
    done = rotui(*QUICK, "--runs-dir", kept)
    assert done.code == 0
    assert done.err.count("finished before, 000") == 5
    assert "epoch" not in done.err
    assert done.out == study[1].stdout
    assert len(list(kept.glob("0*"))) == 5


def test_as_json_every_line_of_stdout_is_an_object_and_the_last_the_comparison(
    rotui: Run, kept: Path
) -> None:
    done = rotui(*QUICK, "--json", "--runs-dir", kept)
    assert [each["event"] for each in objects(done.out)] == ["run-reused"] * 5 + ["comparison"]
    fresh = objects(rotui(*QUICK, "--json", "--fresh", "--runs-dir", kept).out)
    kinds = [each["event"] for each in fresh]
    trained = ["run-started", "epoch-ended", "run-finished"]
    assert kinds == [*trained[:2], "probes-started", *trained[2:], *trained * 4, "comparison"]
    assert [each["stage"] for each in fresh if each["event"] == "run-finished"] == STAGES
    epoch = next(each for each in fresh if each["event"] == "epoch-ended")
    assert set(METRIC_COLUMNS) <= set(epoch)
    assert fresh[-1]["scaled"] is True
    assert len(list(kept.glob("0*"))) == 10


def test_runs_brought_from_elsewhere_are_past_runs_here(rotui: Run, kept: Path) -> None:
    listed = objects(rotui("runs", "--json", "--runs-dir", kept).out)
    assert [(run["stage"], run["status"], run["scaled"]) for run in listed] == [
        (stage, "finished", True) for stage in STAGES
    ]


def test_a_scaled_run_never_stands_beside_published_numbers(rotui: Run, tmp_path: Path) -> None:
    (tmp_path / "try.toml").write_text('published = "pretraining"\nstages = ["supervised-random"]\n')
    settings = ["--set", "data.name=digits", *TINY, "--epochs", "1"]
    done = rotui("run", "try.toml", *settings, "--json")
    assert done.code == 0
    comparison = objects(done.out)[-1]
    assert comparison["scaled"] is True
    assert [row["published_accuracy"] for row in comparison["rows"]] == [None]
    assert [row["difference"] for row in comparison["rows"]] == [None]
    assert "83.42" not in rotui("run", "try.toml", *settings).out


def test_a_run_that_two_profiles_share_is_trained_once(rotui: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        text = 'extends = "quick"\nstages = ["finetune-random", "supervised-random"]\n'
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "two.toml").write_text(
        'extends = "quick"\nstages = ["supervised-random"]\nloss.label_smoothing = 0.1\n'
    )
    done = rotui("run", "one.toml", "two.toml", *TINY, "--epochs", "1", "--json")
    assert done.code == 0
    told = objects(done.out)
    assert [each["event"] for each in told].count("run-started") == 2
    assert [each["experiment"] for each in told if each["event"] == "comparison"] == ["one", "two"]
    assert [row["missing"] for row in told[-1]["rows"]] == [0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "Missing argument"),
        (["run", "quick", "--no-such-option"], "--no-such-option"),
        (["run", "no-such-profile"], "no-such-profile"),
        (["run", "quick", "--limit", "-1"], "--limit"),
        (["run", "quick", "--set", "loss.label_smothing=1"], "label_smoothing"),
        (["run", "quick", "--device", "tpu\x1b[31m"], "auto, cpu, cuda"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_bad_input_ends_with_2_and_runs_nothing(rotui: Run, tmp_path: Path, arguments, told) -> None:
    done = rotui(*arguments)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    assert done.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_option_points_to_the_help(rotui: Run) -> None:
    assert re.search("rotui run -h' for help", rotui("run", "quick", "--no-such-option").err)
    assert "130 interrupted" in rotui("--help").out


def test_missing_data_ends_with_3(rotui: Run, tmp_path: Path) -> None:
    done = rotui("run", "pretraining", "--data-dir", tmp_path / "nowhere")
    assert done.code == 3
    assert "CIFAR-10 was not found" in done.err
    assert "rotui data fetch cifar10" in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("pretraining", "--data-dir", "nowhere"), 3), (("quick", "--runs-dir", "file"), 5)],
    ids=["data", "runs directory"],
)
def test_what_is_not_there_is_told_before_torch_is_loaded(
    command: Command, arguments: tuple[str, ...], code: int
) -> None:
    (command.folder / "file").write_text("mine")
    program = (
        f"import sys; sys.argv = ['rotui', 'run', *{arguments}]; from rotui.cli.main import main\n"
        "try:\n main()\nfinally:\n print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=command.folder,
        env=dict(command.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "False\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_ends_with_4_and_the_reason(rotui: Run, tmp_path: Path) -> None:
    done = rotui(*QUICK, "--device", "cuda")
    assert done.code == 4
    assert "--device cuda: " in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_runs_directory_that_cannot_be_ends_with_5(rotui: Run, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    done = rotui(*ONE, "--runs-dir", place)
    assert done.code == 5
    assert "Not a directory" in done.err
    assert "Traceback" not in done.err
    assert "Go on with" not in done.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failed_run_ends_with_1_after_the_others_are_finished(
    rotui: Run, kept: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text('extends = "quick"\ndata.std = [1e-42, 1e-42, 1e-42]\n')
    shutil.rmtree(kept / "0005-quick-supervised-random-seed42")
    done = rotui("run", "bad.toml", "quick", *TINY, "--epochs", "1", "--runs-dir", kept)
    assert done.code == 1
    assert "[1/10] rotation pre-training: failed: the training loss is nan in epoch 1" in done.err
    assert done.err.count("skipped: run 6, which it starts from, failed") == 2
    assert "[10/10] supervised, random init: finished, best" in done.err
    assert "5 of 10 runs are finished, 3 failed, 2 skipped" in done.err
    assert "Traceback" not in done.err
    listed = objects(rotui("runs", "--json", "--runs-dir", kept).out)
    assert [(run["number"], run["status"]) for run in listed[4:]] == [
        (6, "failed"),
        (7, "skipped"),
        (8, "failed"),
        (9, "skipped"),
        (10, "failed"),
        (11, "finished"),
    ]
    assert "training loss is nan" in listed[4]["reason"]


def test_a_disk_that_is_full_ends_with_a_message_and_the_run_goes_on_when_there_is_room(
    rotui: Run, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the full disk: the weights do not fit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        done = rotui(*ONE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.code == 5
    assert "File too large" in done.err
    assert "Traceback" not in done.err
    assert [run["status"] for run in objects(rotui("runs", "--json").out)] == ["interrupted"]
    assert not list((tmp_path / "runs").glob("*/*model*"))
    assert rotui(*ONE).code == 0
    assert states(tmp_path / "runs") == ["finished"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["profiles"], ["profiles", "show", "quick"], ["--version"]])
def test_output_that_cannot_be_written_is_told_in_one_line(command: Command, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command.words(*words),
            cwd=command.folder,
            env=dict(command.environment),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 5
    assert done.stderr.splitlines() == ["rotui: cannot go on: [Errno 28] No space left on device"]


def test_one_training_image_fails_each_run_with_a_reason(rotui: Run, tmp_path: Path) -> None:
    done = rotui(*QUICK, "--limit", "1", "--runs-dir", tmp_path / "one")
    assert done.code == 1
    assert "batch norm cannot be trained on one image" in done.err
    assert "Traceback" not in done.err
    listed = objects(rotui("runs", "--json", "--runs-dir", tmp_path / "one").out)
    assert [run["status"] for run in listed] == ["failed", "skipped", "failed", "skipped", "failed"]
    log = next((tmp_path / "one").glob("0001-*/run.log")).read_text()
    assert "failed: batch norm" in log
