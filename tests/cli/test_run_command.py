"""`rotui run` as a user meets it: plans, displays, exit codes, interrupts, hostile names."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from rotui.study.records import METRIC_COLUMNS
from tests.cli.conftest import SMALL, TINY, Command, Ended

QUICK = ["run", "quick", *TINY, "--epochs", "1"]
ONE = [*QUICK, "--set", 'stages=["supervised-random"]']
ENDLESS = ["run", "quick", *TINY, "--epochs", "5000", "--set", 'stages=["pretrain"]']
STAGES = ["pretrain", "finetune-pretrained", "finetune-random", "supervised-pretrained", "supervised-random"]
Run = Callable[..., Ended]


def objects(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def states(runs: Path) -> list[str]:
    return [json.loads(path.read_text())["status"] for path in sorted(runs.glob("0*/state.json"))]


def make_pictures(root: Path, classes: list[str], train: int, validation: int = 4, size: int = 12) -> Path:
    draw = np.random.default_rng(0)
    for split, count in (("train", train), ("val", validation)):
        for name in classes:
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def study(make_command: Callable[[], Command]) -> tuple[Command, "subprocess.CompletedProcess[str]"]:
    """The five stages, trained by the real command with its output on pipes."""
    command = make_command()
    return command, command.run(*QUICK)


@pytest.fixture
def kept(study: tuple[Command, object], tmp_path: Path) -> Path:
    """A copy of the trained study's runs, as if brought here from another machine."""
    return Path(shutil.copytree(study[0].runs, tmp_path / "brought" / "runs"))


# Plans


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


# Five stages on pipes


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


# Exit codes


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
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failed_run_ends_with_1_after_the_others_are_finished(
    rotui: Run, kept: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text('extends = "quick"\ndata.std = [1e-42, 1e-42, 1e-42]\n')
    shutil.rmtree(kept / "0005-quick-supervised-random-seed42")
    done = rotui("run", "bad.toml", "quick", *TINY, "--epochs", "1", "--runs-dir", kept)
    assert done.code == 1
    assert "[1/10] rotation pre-training: failed: the training loss is nan in epoch 1" in done.err
    assert done.err.count("skipped: run 1, which it starts from, did not finish") == 2
    assert "[10/10] supervised, random init: finished, best" in done.err
    assert "3 of 10 runs failed, 2 were skipped" in done.err
    assert "Traceback" not in done.err
    listed = objects(rotui("runs", "--json", "--runs-dir", kept).out)
    assert [run["status"] for run in listed] == ["finished"] * 4 + ["failed"] * 3 + ["finished"]
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


# Interrupts


def test_ctrl_c_stops_at_a_step_and_the_pasted_command_goes_on(command: Command) -> None:
    name, runs = "./it's [red]\x1b[31m one.toml", command.folder / "my \x1b[31mruns"
    (command.folder / name).write_text('extends = "quick"\nstages = ["supervised-random"]\n')
    arguments = [*TINY, "--epochs", "12", "--set", "seed=range(0,2)", "--runs-dir", runs.name]
    going = command.start("run", name, *arguments)
    going.wait_for("[1/2] supervised, random init: finished")
    going.wait_for("epoch 1/12")
    going.send(signal.SIGINT)
    code, out, err = going.end()
    assert code == 130
    assert "stopping at the end of this step" in err
    assert "stopped: 1 of 2 runs are finished and kept. Go on with:" in err
    assert "\x1b" not in err
    assert "Traceback" not in err
    assert "scaled" in out
    listed = objects(command.run("runs", "--json", "--runs-dir", runs).stdout)
    assert [run["status"] for run in listed] == ["finished", "stopped"]
    assert listed[1]["reason"].startswith("stopped")
    sent = command.shell_on_terminal(["bash", "-c", err.splitlines()[-1]], TERM="dumb")
    assert b"[1/2] supervised, random init: finished before" in sent
    assert b"epoch 12/12" in sent
    assert b"\x1b" not in sent
    assert states(runs) == ["finished", "finished"]


def test_a_second_signal_ends_at_once_and_records_stay_readable(command: Command) -> None:
    going = command.start("run", "quick", *SMALL, "--epochs", "1", "--set", 'stages=["pretrain"]')
    going.wait_for("probing the frozen features")
    going.send(signal.SIGINT, signal.SIGTERM)
    code, _, err = going.end()
    assert code == 130
    assert "ended at once. Go on with:" in err
    assert "Traceback" not in err
    [run] = objects(command.run("runs", "--json").stdout)
    assert (run["status"], run["epochs"]) == ("stopped", 1)
    assert "at once" in run["reason"]


def test_sigterm_ends_with_143_and_the_comparison_is_still_the_last_object(command: Command) -> None:
    going = command.start(*ENDLESS, "--json")
    going.wait_for("runs on cpu")
    assert going.process.stdout is not None
    lines = [going.process.stdout.readline() for _ in range(2)]
    going.send(signal.SIGTERM)
    code, out, err = going.end()
    assert code == 143
    told = objects("".join(lines) + out)
    assert [told[0]["event"], told[1]["event"]] == ["run-started", "epoch-ended"]
    assert [each["event"] for each in told[-2:]] == ["run-stopped", "comparison"]
    assert "Traceback" not in err


def test_a_killed_run_is_interrupted_and_going_on_works(command: Command, rotui: Run) -> None:
    going = command.start(*ENDLESS)
    going.wait_for("epoch 2/5000")
    going.send(signal.SIGKILL)
    assert going.end()[0] == -signal.SIGKILL
    [run] = objects(command.run("runs", "--json").stdout)
    assert run["status"] == "interrupted"
    assert run["epochs"] >= 2
    again = rotui(*ENDLESS, "--epochs", "1", "--runs-dir", command.runs)
    assert again.code == 0
    assert states(command.runs) == ["running", "finished"]


@pytest.mark.parametrize("sign", ["import 'typer", "import 'torch._C"])
def test_ctrl_c_while_the_program_is_loaded_shows_no_traceback(command: Command, sign: str) -> None:
    """`-v` makes Python name each import on stderr, so that the signal arrives in the midst of them."""
    words = command.words(*ONE)
    process = subprocess.Popen(
        [words[0], "-v", *words[1:]],
        cwd=command.folder,
        env=dict(command.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stderr is not None
    heard = []
    begun = False
    for line in process.stderr:
        begun = begun or "rotui/__main__" in line
        if begun and sign in line:
            process.send_signal(signal.SIGINT)
            break
    for line in process.stderr:
        heard.append(line)
    assert process.wait() == 130
    assert not [line for line in heard if line.startswith(("Traceback", "KeyboardInterrupt", "Exception"))]
    assert not list(command.runs.glob("0*")) if command.runs.exists() else True


def test_ctrl_c_while_images_are_decoded_leaves_nothing_half_built(command: Command) -> None:
    make_pictures(command.folder / "pictures", ["cat", "dog"], 4, 1)
    first = command.folder / "pictures" / "train" / "cat" / "0.png"
    Image.effect_noise((200, 200), 50).convert("RGB").save(first)
    for number in range(3000):
        os.link(first, first.with_name(f"big{number}.png"))
    (command.folder / "p.toml").write_text('data = {name = "folder", path = "pictures"}\n')
    going = command.start("run", "p.toml", *SMALL, "--epochs", "1")
    going.wait_for("runs on cpu")
    while not list((command.folder / "data").glob("rotui/cache/.*building*/train-pixels.npy")):
        assert going.process.poll() is None
    going.send(signal.SIGINT)
    code, out, err = going.end()
    assert code == 130
    assert "stopped while images were decoded. Go on with:" in err
    assert "Traceback" not in err
    assert out == ""
    assert not command.runs.exists()
    assert not list((command.folder / "data").glob("rotui/cache/*folder*v1*"))
    assert not list((command.folder / "data").glob("rotui/cache/.*building*"))


def test_a_reader_that_leaves_early_gets_no_traceback(command: Command) -> None:
    words = " ".join(f"'{word}'" for word in command.words(*ONE, "--json"))
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -1"],
        cwd=command.folder,
        env=dict(command.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)["event"] == "run-started"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert "Broken" not in done.stderr


def test_two_processes_share_a_runs_directory(command: Command) -> None:
    both = [command.start(*ONE) for _ in range(2)]
    ends = [going.end() for going in both]
    assert [code for code, _, _ in ends] == [0, 0]
    assert ends[0][1] == ends[1][1]
    numbers = [int(path.name[:4]) for path in command.runs.glob("0*")]
    assert len(numbers) == len(set(numbers)) <= 2
    assert set(states(command.runs)) == {"finished"}


# Terminals and names


def test_the_terminal_shows_plan_epochs_rate_and_time_left_and_no_colour_where_none_is_wanted(
    command: Command,
) -> None:
    stages = ["--set", 'stages=["finetune-random"]', "--set", "seed=range(0,12)"]
    sent = command.on_terminal(*QUICK, *stages, rows=24, columns=80, NO_COLOR="1")
    for part in ("▶", "fine-tuned, random init", "seed=2", "train loss", "images/s", "this run", "study"):
        assert part.encode() in sent
    assert b"runs 1 to 10 of 12" in sent
    assert b"scaled (60 images, 1 epoch)" in sent
    assert {final for _, final in re.findall(rb"\x1b\[([0-9;?]*)([A-Za-z])", sent)} <= {
        b"m",
        b"A",
        b"K",
        b"l",
        b"h",
    }
    styles = {code for codes in re.findall(rb"\x1b\[([0-9;]*)m", sent) for code in codes.split(b";") if code}
    assert [code for code in styles if int(code) >= 30] == []


HOSTILE = ["[red]x", "\x1b[5;31mred", "\x1b]0;title\x07", "y" * 250, "a b", "..x"]


def test_hostile_names_neither_colour_the_terminal_nor_leave_the_runs_directory(command: Command) -> None:
    make_pictures(command.folder / "\x1b[5;35mpictures", HOSTILE, 3, 2)
    name = "[red]\x1b[5;36m a b.toml"
    (command.folder / name).write_text(
        'title = "[bold]\\u001b[5;33mtitle"\ndescription = "\\u001b[5;33m"\n'
        'data = {name = "folder", path = "\\u001b[5;35mpictures", image_size = 12, crop_padding = 0}\n'
        'stages = ["pretrain", "finetune-pretrained"]\n'
    )
    runs = command.folder / "\x1b[5;34mruns"
    arguments = ["run", f"./{name}", *SMALL, "--epochs", "1", "--runs-dir", runs]
    before = set(command.folder.rglob("*"))
    sent = command.on_terminal(*arguments)
    sent += command.on_terminal("runs", "--runs-dir", runs, columns=200)
    sent += command.on_terminal(
        "results", f"./{name}", "--epochs", "1", "--detail", *SMALL, "--runs-dir", runs
    )
    sent += command.on_terminal(*arguments, "--dry-run")
    for raw in (b"\x1b[5;", b"\x1b]", b"\x07"):
        assert raw not in sent
    assert b"\\x1b[5;34mruns" in sent
    new = set(command.folder.rglob("*")) - before
    allowed = (runs, command.folder / "data", command.folder / "cache")
    assert [path for path in new if not any(path == a or a in path.parents for a in allowed)] == []
    assert states(runs) == ["finished", "finished"]


@pytest.mark.parametrize("name", ["../x", "a b", "[red]", "\\u001b[31mred", "y" * 300])
def test_a_hostile_name_in_a_profile_is_refused_in_plain_text(rotui: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "p.toml").write_text(f'extends = "quick"\nname = "{name}"\n')
    done = rotui("run", "p.toml", *TINY)
    assert done.code == 2
    assert "p.toml:2: name: " in done.err
    assert "\x1b" not in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "argument", ["../x", "a b", "[red]", "\x1b[31mred", "\x1b[31m.toml", "y" * 300, "a\0b"]
)
def test_a_hostile_profile_argument_is_refused_in_plain_text(rotui: Run, argument: str) -> None:
    done = rotui("run", argument)
    assert done.code == 2
    assert "\x1b" not in done.err
    assert "Traceback" not in done.err
