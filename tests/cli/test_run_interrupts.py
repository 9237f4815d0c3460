"""`rotui run` stopped by signals, at any moment, and going on."""

import json
import os
import signal
import subprocess

import pytest
from commands import ENDLESS, ONE, SMALL, TINY, Command, Run, make_pictures, objects, states
from PIL import Image


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
    assert "stopped: 1 of 2 runs are finished and kept, the others stay queued. Go on with:" in err
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
    assert (run["status"], run["epochs"]) == ("interrupted", 1)


def test_sigterm_ends_with_143_and_the_comparison_is_still_the_last_object(command: Command) -> None:
    going = command.start(*ENDLESS, "--json")
    going.wait_for("1 run on cpu")
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
    """`-v` makes Python name each import on stderr, so that the signal arrives in the midst of them.

    A process that was started with SIGINT ignored, as shells do in the background, keeps ignoring it until it
    trains; the tests themselves may have been started so.
    """
    words = command.words(*ONE)
    process = subprocess.Popen(
        [words[0], "-v", *words[1:]],
        cwd=command.folder,
        env=dict(command.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
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


def test_two_processes_that_are_asked_for_the_same_train_it_once(command: Command) -> None:
    both = [command.start(*ONE, "--epochs", "40") for _ in range(2)]
    ends = [going.end() for going in both]
    assert [code for code, _, _ in ends] == [0, 0]
    assert ends[0][1] == ends[1][1]
    assert states(command.runs) == ["finished"]
    assert sum("cpu is in use by process" in err for _, _, err in ends) == 1
    assert all("epoch 40/40" in err for _, _, err in ends)
