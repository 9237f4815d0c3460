"""The installed console in a real terminal: what becomes of a run when the terminal, or the user, goes."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from open_console import ONE_STAGE, PATIENCE, Home, OpenConsole, study

HASTE_SECONDS = 1.1
"""A little more than the time in which the key that leaves is taken for one held down."""
EPOCHS = 120
ENDURING = 500
"""Epochs of a run that outlasts the seconds in which a worker that takes over is watched."""


@pytest.fixture
def console(tmp_path: Path) -> Iterator[OpenConsole]:
    """The console with a run that has trained at least one epoch."""
    assert Home(tmp_path).rotui(*study(EPOCHS)).returncode == 0
    opened = OpenConsole(tmp_path)
    opened.wait_for_epochs()
    yield opened
    opened.end()


def test_a_closed_terminal_leaves_the_run_going_and_it_is_found_finished(
    console: OpenConsole,
) -> None:
    console.hang_up()
    assert console.wait() == 0
    assert (console.state()["status"], console.epochs()) == ("finished", EPOCHS)


def test_a_terminal_that_tells_twice_that_it_is_gone_leaves_the_run_going(console: OpenConsole) -> None:
    """A shell passes the signal on, and the system sends it again when the shell ends."""
    console.send(signal.SIGHUP)
    wait_until_dropped(console)
    console.send(signal.SIGHUP)
    assert console.wait() == 0
    assert (console.state()["status"], console.epochs()) == ("finished", EPOCHS)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_console_without_its_terminal_still_stops_with_a_checkpoint_when_asked_to(
    console: OpenConsole, number: signal.Signals, code: int
) -> None:
    console.hang_up()
    wait_until_dropped(console)
    console.send(number)
    assert console.wait() == code
    assert console.state()["status"] == "stopped"
    assert console.checkpoints()


def wait_until_dropped(console: OpenConsole) -> None:
    """Waits until the console's own screen has ended and only its worker goes on, some epochs later."""
    epochs = console.epochs()
    output = Path(f"/proc/{console.child.pid}/fd/1")
    if output.parent.is_dir():
        console.wait_until(lambda: str(output.readlink()) == os.devnull)
    console.wait_for_epochs(epochs + 20)


def test_sigterm_keeps_a_checkpoint_and_ends_with_143(console: OpenConsole) -> None:
    console.send(signal.SIGTERM)
    assert console.wait() == 143
    assert console.state()["status"] == "stopped"
    assert console.checkpoints()


def test_a_second_signal_ends_at_once_and_the_run_can_be_taken_up(console: OpenConsole) -> None:
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        console.send(number)
    assert console.wait() in (130, 143)
    assert console.told()[0]["status"] == "interrupted"


def test_a_console_without_its_terminal_trains_all_that_is_queued(console: OpenConsole) -> None:
    assert console.rotui(*study(3, "--set", "seed=7")).returncode == 0
    console.hang_up()
    assert console.wait() == 0
    assert [console.state(number)["status"] for number in (1, 2)] == ["finished", "finished"]


def test_leaving_asks_and_stops_at_a_checkpoint(console: OpenConsole) -> None:
    console.press("qs")
    assert console.wait() == 0
    assert console.state()["status"] == "stopped"
    after = console.drawn[console.drawn.rindex(b"\x1b[?1049l") :]
    assert b"leak" not in after  # as libraries of PyTorch say where Python ends with what was frozen


def test_a_console_whose_stop_takes_long_is_left_at_once_by_asking_twice_more(tmp_path: Path) -> None:
    """The step of a large network takes seconds, and a stop waits for its end."""
    large = {"network.architecture": "resnet50", "network.width": 96, "optimizer.batch_size": 400}
    settings = [f"--set={key}={value}" for key, value in {**large, "compute.threads": 1}.items()]
    queued = Home(tmp_path).rotui("queue", "add", "quick", "--limit", "400", *ONE_STAGE, *settings)
    assert queued.returncode == 0
    console = OpenConsole(tmp_path)
    try:
        console.wait_for_epochs()
        console.press("qs")
        console.wait_for("stopping at the end of this step")
        console.press("qqqq")  # a key that is held down asks for nothing more
        time.sleep(HASTE_SECONDS)
        assert "once more ends at once" not in console.text
        console.press("qqqq")
        console.wait_for("once more ends at once")
        time.sleep(HASTE_SECONDS)
        console.press("q")
        assert console.wait() == 130
        assert modes_left_on(console.drawn) == set()
        assert console.told()[0]["status"] == "interrupted"
    finally:
        console.end()


@pytest.mark.parametrize("keys", ["qqq", "\x03\x03\x03", "q\x03q"])
def test_a_console_that_trains_nothing_is_left_as_by_one_key_however_many_come(
    tmp_path: Path, keys: str
) -> None:
    console = OpenConsole(tmp_path)
    try:
        console.wait_for("nothing is queued")
        console.press(keys)
        assert console.wait() == 0
        assert modes_left_on(console.drawn) == set()
        assert (console.folder / "state" / "rotui" / "console.json").is_file()
    finally:
        console.end()


def modes_left_on(drawn: bytes) -> set[int]:
    """The terminal's modes that were set and not taken back; 7, wrapping, is on in every terminal."""
    on: set[int] = set()
    for mode, set_or_not in re.findall(rb"\x1b\[\?(\d+)([hl])", drawn):
        on = on | {int(mode)} if set_or_not == b"h" else on - {int(mode)}
    return on - {7, 25}


def test_a_run_that_is_left_running_goes_on_in_a_worker_of_its_own(tmp_path: Path) -> None:
    assert Home(tmp_path).rotui(*study(ENDURING)).returncode == 0
    console = OpenConsole(tmp_path)
    try:
        console.wait_for_epochs()
        console.press("ql")
        console.wait_until((console.runs / "worker.log").exists)
        time.sleep(HASTE_SECONDS)
        console.press("q")  # breaks nothing off: the worker that takes over is watched for some seconds
        console.wait_for("a worker takes over")
        assert console.wait() == 0
        assert re.search(
            r"process \d+ goes on .*worker\.log.*`kill \d+` stops it at a checkpoint", console.text
        )
        end = time.monotonic() + PATIENCE
        while console.state()["status"] != "finished":
            assert time.monotonic() < end, (console.runs / "worker.log").read_text()
            time.sleep(0.1)
        assert (console.state()["verdict"], console.state()["resumes"]) == ("exact", 1)
    finally:
        console.end()


def test_two_runs_that_are_trained_at_once_both_go_on_in_a_worker_that_trains_as_many(tmp_path: Path) -> None:
    assert Home(tmp_path).rotui(*study(ENDURING, "--set", "seed=1,2")).returncode == 0
    console = OpenConsole(tmp_path, "--jobs", "2")
    try:
        for number in (1, 2):
            console.wait_for_epochs(number=number)
        assert [console.state(number)["status"] for number in (1, 2)] == ["running", "running"]
        console.press("ql")
        assert console.wait() == 0
        end = time.monotonic() + PATIENCE
        while [console.state(number)["status"] for number in (1, 2)] != ["finished"] * 2:
            assert time.monotonic() < end, (console.runs / "worker.log").read_text()
            time.sleep(0.1)
        assert [
            (console.state(number)["verdict"], console.state(number)["resumes"]) for number in (1, 2)
        ] == [("exact", 1)] * 2
        provenance = json.loads(next(console.runs.glob("0001-*/provenance.json")).read_text())
        assert "--jobs 2" in " ".join(provenance["command"])
    finally:
        console.end()
