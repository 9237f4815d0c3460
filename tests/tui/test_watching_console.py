"""Several processes over one runs directory: a console shows what another trains, and takes over from it."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from open_console import PATIENCE, Home, OpenConsole, study

Opens = Callable[..., OpenConsole]
OTHER = ("--set", "seed=7")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opens]:
    """Opens consoles; what a test has left is killed."""
    consoles: list[OpenConsole] = []

    def begin(*arguments: str) -> OpenConsole:
        consoles.append(OpenConsole(tmp_path, *arguments, size=(200, 50)))
        return consoles[-1]

    yield begin
    for console in consoles:
        console.end()


@pytest.fixture
def headless(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Starts commands without a terminal."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> "subprocess.Popen[bytes]":
        started.append(Home(tmp_path).start(*arguments))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def shares(console: OpenConsole) -> set[int]:
    """The percentages that bars of progress have shown."""
    return {int(share) for share in re.findall(r"[━╌]  {0,2}(\d+)%", console.text)}


def wait_until_begun(home: Home, number: int) -> None:
    """Until a process trains this run, which may not be queued yet."""
    end = time.monotonic() + PATIENCE
    while not any('"running"' in state.read_text() for state in home.runs.glob(f"{number:04d}-*/state.json")):
        assert time.monotonic() < end
        time.sleep(0.05)


def leave_when_idle(console: OpenConsole, told: str) -> None:
    """Leaves once it was told that the last run ended."""
    console.wait_for(told)
    console.wait_until(lambda: re.findall(r"\d training|idle", console.text)[-1] == "idle")
    console.press("q")
    assert console.wait() == 0


def test_a_console_shows_what_another_process_trains_and_takes_the_next_run_when_that_one_ends(
    tmp_path: Path, opened: Opens, headless: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    home = Home(tmp_path)
    process = headless(*study(400, command=("run",)))
    console = opened()
    console.wait_for("1 training elsewhere", "▶ running")
    console.wait_until(lambda: len(shares(console) - {0, 100}) >= 3)
    assert home.rotui(*study(30, *OTHER)).returncode == 0
    console.wait_for("· 1 waiting", "the device is in use by", str(process.pid))
    assert home.state(1)["status"] == "running"
    assert home.epochs(2) == 0
    before = len(console.text)
    assert process.wait(PATIENCE) == 0
    console.wait_until(lambda: home.epochs(2) > 0)
    console.wait_for("1 training", after=before)
    assert "2 training" not in console.text
    leave_when_idle(console, "2 supervised-random: finished")
    assert [(run["status"], run["resumes"]) for run in home.told()] == [("finished", 0)] * 2


def test_a_console_that_has_just_opened_beside_a_worker_is_left_without_a_question(
    tmp_path: Path, opened: Opens, headless: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    assert Home(tmp_path).rotui(*study(400, *OTHER)).returncode == 0
    process = headless(*study(400, command=("run",)))
    wait_until_begun(Home(tmp_path), 2)
    console = opened()
    console.wait_for("1 training elsewhere", "1 waiting")
    console.press("q")
    assert console.wait() == 0
    assert "Something is being trained" not in console.text
    assert process.poll() is None


def test_a_run_whose_process_was_killed_is_shown_interrupted_and_taken_up(
    opened: Opens, tmp_path: Path, headless: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    home = Home(tmp_path)
    process = headless(*study(60, "--checkpoint-seconds", "0", command=("run",)))
    watcher, console = opened("--watch-only"), opened()
    for each in (watcher, console):
        each.wait_for("1 training elsewhere")
        each.wait_for_epochs(5)
    process.kill()
    process.wait()
    watcher.wait_for("↻ interrupted")
    for each in (watcher, console):
        leave_when_idle(each, "1 supervised-random: finished")
    told = home.told()[0]
    assert (told["status"], told["resumes"], told["verdict"]) == ("finished", 1, "exact")


def test_of_two_consoles_one_trains_and_both_show_and_one_that_only_watches_never_trains(
    opened: Opens, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    watcher = opened("--watch-only")
    watcher.wait_for("quick")
    assert home.rotui(*study(200)).returncode == 0
    watcher.wait_for("1 waiting", "· queued")
    before = len(watcher.text)
    watcher.resize(201, 50)
    watcher.wait_for("1 waiting", after=before)
    assert home.epochs() == 0
    first, second = opened(), opened()
    for each in (first, second, watcher):
        each.wait_for("1 training", "▶ running")
        each.wait_until(lambda each=each: len(shares(each) - {0, 100}) >= 2)
    assert "training elsewhere" in watcher.text
    assert "1 training elsewhere" in first.text + second.text
    for each in (first, second, watcher):
        leave_when_idle(each, "1 supervised-random: finished")
    assert (home.epochs(), home.told()[0]["resumes"]) == (200, 0)
    assert (home.runs / "0001-quick-supervised-random-seed42" / "run.log").read_text().count("epoch 1:") == 1
