"""What the console survives, and what it keeps where it cannot: signals, defects, directories that vanish."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from open_console import Home, OpenConsole, study

Opens = Callable[..., OpenConsole]
LONG = 400


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opens]:
    """Opens consoles with a long run in the queue; what a test has left is killed."""
    consoles: list[OpenConsole] = []

    def begin(*arguments: str, epochs: int = 1, **options: object) -> OpenConsole:
        assert Home(tmp_path).rotui(*study(LONG)).returncode == 0
        console = OpenConsole(tmp_path, *arguments, **options)  # type: ignore[arg-type]
        consoles.append(console)
        console.wait_for_epochs(epochs)
        return console

    yield begin
    for console in consoles:
        console.end()


def test_sigterm_in_the_midst_of_training_ends_soon(opened: Opens) -> None:
    console = opened()
    sent = time.monotonic()
    console.send(signal.SIGTERM)
    assert console.wait() == 143
    print(f"ended {time.monotonic() - sent:.1f} s after SIGTERM")
    assert console.state()["status"] == "stopped"
    assert console.checkpoints()
    assert "Traceback" not in console.text


IMPORTING = """
import sys, time, builtins, pathlib
whole = builtins.__import__
def slow(name, *rest, **more):
    if name == "torch" and "torch" not in sys.modules:
        pathlib.Path("importing").touch()
    return whole(name, *rest, **more)
builtins.__import__ = slow
from rotui.__main__ import main
main()
"""


def test_sigterm_in_the_midst_of_importing_torch_loses_nothing(opened: Opens, tmp_path: Path) -> None:
    console = opened(program=[sys.executable, "-c", IMPORTING], epochs=0)
    console.wait_until((tmp_path / "importing").exists)
    sent = time.monotonic()
    console.send(signal.SIGTERM)
    assert console.wait() == 143
    print(f"ended {time.monotonic() - sent:.1f} s after SIGTERM")
    assert console.state()["status"] == "queued"
    assert console.epochs() == 0
    assert "Traceback" not in console.text


BREAKING = """
from rotui.tui.screens.console import ConsoleScreen
def broken(self):
    raise LookupError("a defect in a screen")
ConsoleScreen.action_toggle_profiles = broken
from rotui.__main__ import main
main()
"""


def test_a_defect_in_a_screen_stops_at_a_checkpoint_and_is_told_once(opened: Opens) -> None:
    console = opened(program=[sys.executable, "-c", BREAKING])
    console.press("b")
    assert console.wait() != 0
    assert console.state()["status"] == "stopped"
    assert console.checkpoints()
    assert console.text.count("LookupError: a defect in a screen") == 1
    assert console.text.count("Traceback") == 1
    restored = console.drawn.rindex(b"\x1b[?1049l")
    assert console.drawn.index(b"Traceback", restored) > restored
    assert console.drawn.rindex(b"\x1b[?25h") > console.drawn.rindex(b"\x1b[?25l")


def test_ctrl_c_asks_and_a_second_one_changes_nothing(opened: Opens) -> None:
    console = opened()
    console.press("\x03")
    console.wait_for("Something is being trained")
    console.press("\x03")
    epochs = console.epochs()
    console.wait_for_epochs(epochs + 10)
    console.press("s")
    assert console.wait() == 0
    assert console.state()["status"] == "stopped"


def test_who_thinks_better_of_leaving_stays(opened: Opens) -> None:
    console = opened()
    for stays in ("\x1b", "q"):
        before = len(console.text)
        console.press("q")
        console.wait_for("Something is being trained", after=before)
        console.press(stays)
        console.wait_for_epochs(console.epochs() + 10)
        assert console.state()["status"] == "running"
    console.press("qs")
    assert console.wait() == 0
    assert console.state()["resumes"] == 0


def test_a_runs_directory_that_is_gone_is_told_and_the_console_stays(opened: Opens, tmp_path: Path) -> None:
    console = opened()
    console.runs.rename(tmp_path / "elsewhere")
    console.wait_for("training has ended:", "cannot be written: No such")
    shutil.rmtree(console.runs, ignore_errors=True)
    (tmp_path / "elsewhere").rename(console.runs)
    console.wait_for("↻ interrupted")
    console.press("q")
    assert console.wait() == 5


def test_a_file_in_the_place_of_the_runs_directory_is_told_and_the_console_stays(
    opened: Opens, tmp_path: Path
) -> None:
    console = opened()
    console.runs.rename(tmp_path / "elsewhere")
    for _ in range(50):
        try:
            console.runs.touch(exist_ok=True)
            break
        except OSError:
            shutil.rmtree(console.runs, ignore_errors=True)
    console.wait_for("training has ended:", "cannot be written: Not a")
    console.press("q")
    assert console.wait() == 5


def test_a_run_that_cannot_be_handed_over_is_told_and_the_console_goes_on(opened: Opens) -> None:
    console = opened()
    (console.runs / "worker.log").mkdir()
    console.press("ql")
    console.wait_for("no worker could be started")
    epochs = console.epochs()
    console.wait_until(lambda: console.epochs() > epochs)
    console.press("qs")
    assert console.wait() == 0
    assert console.checkpoints()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
def test_a_runs_directory_that_became_read_only_is_told_and_the_console_stays(opened: Opens) -> None:
    console = opened()
    folders = [console.runs, *(path for path in console.runs.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        console.wait_for("training has ended:")
        console.press("q")
        assert console.wait() == 0
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize("kind", ["a file", "/dev/null/state"])
def test_a_state_directory_that_cannot_be_written_changes_nothing(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "state" if kind == "a file" else Path(kind)
    if kind == "a file":
        place.write_text("in the way")
    console = OpenConsole(tmp_path, XDG_STATE_HOME=str(place))
    try:
        console.wait_for("quick")
        console.press("\x14")
        console.wait_for("theme ")
        console.press("q")
        assert console.wait() == 0
        assert "Traceback" not in console.text
    finally:
        console.end()
