"""The installed console in a real terminal: what becomes of a run when the terminal, or the user, goes."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 180
LONG = ["queue", "add", "quick", "--limit", "100", "--epochs", "120", "--set", 'stages=["supervised-random"]']
LONG += ["--set", "network.width=8", "--set", "network.architecture=resnet10", "--set", "compute.threads=1"]


class OpenConsole:
    """`rotui` in a pseudo-terminal, with a run that has trained at least one epoch."""

    def __init__(self, folder: Path) -> None:
        own = {"HOME": str(folder), "PYTHONPATH": str(REPOSITORY), "TERM": "xterm-256color"}
        own |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "XDG_STATE_HOME": str(folder / "state")}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROTUI_", "XDG_"))}
        self.folder, self._environment, self._has_ended = folder, kept | own, False
        assert self.rotui(*LONG).returncode == 0
        words = [sys.executable, "-m", "rotui"]
        self.child = pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(folder),
            env=self._environment,
            dimensions=(30, 100),
            timeout=PATIENCE,
        )
        self.wait_until(lambda: self.epochs() > 0)

    def end(self) -> None:
        """Kills what a test has left."""
        if not self._has_ended:
            os.kill(self.child.pid, signal.SIGKILL)
            os.waitpid(self.child.pid, 0)
        self.hang_up()
        self.child.terminated = True

    def hang_up(self) -> None:
        """Closes the terminal that the console is on."""
        if not self.child.closed:
            os.close(self.child.child_fd)
            self.child.child_fd, self.child.closed = -1, True

    def rotui(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Any command beside the console."""
        words = [sys.executable, "-m", "rotui", *arguments]
        return subprocess.run(
            words, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )

    def run(self) -> dict[str, object]:
        """The one run, as `rotui runs` tells of it."""
        [line] = self.rotui("runs", "--json").stdout.splitlines()
        told: dict[str, object] = json.loads(line)
        return told

    def epochs(self) -> int:
        """Rows of metrics.csv."""
        [metrics] = (self.folder / "runs").glob("0001-*/metrics.csv")
        return len(metrics.read_text().splitlines()) - 1

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Reads what the console draws until something holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end
            self._read()

    def wait(self) -> int:
        """The console's exit code."""
        while True:
            self._read()
            found, status = os.waitpid(self.child.pid, os.WNOHANG)
            if found:
                self._has_ended = True
                return os.waitstatus_to_exitcode(status)

    def _read(self) -> None:
        if self.child.closed:
            time.sleep(0.1)
        elif select.select([self.child.child_fd], [], [], 0.1)[0]:
            try:
                os.read(self.child.child_fd, 1 << 16)
            except OSError:  # the other end is gone
                time.sleep(0.1)

    def press(self, keys: str) -> None:
        """Types keys."""
        self.child.send(keys)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[OpenConsole]:
    opened = OpenConsole(tmp_path)
    yield opened
    opened.end()


def test_a_closed_terminal_leaves_the_run_going_and_it_is_found_finished(
    console: OpenConsole,
) -> None:
    console.hang_up()
    assert console.wait() == 0
    assert (console.run()["status"], console.epochs()) == ("finished", 120)


def test_sigterm_keeps_a_checkpoint_and_ends_with_143(console: OpenConsole) -> None:
    os.kill(console.child.pid, signal.SIGTERM)
    assert console.wait() == 143
    assert console.run()["status"] == "stopped"
    assert list((console.folder / "runs").glob("0001-*/checkpoints/epoch-*"))


def test_leaving_asks_and_stops_at_a_checkpoint(console: OpenConsole) -> None:
    console.press("qs")
    assert console.wait() == 0
    assert console.run()["status"] == "stopped"


def test_a_run_that_is_left_running_goes_on_in_a_worker_of_its_own(console: OpenConsole) -> None:
    console.press("ql")
    assert console.wait() == 0
    end = time.monotonic() + PATIENCE
    while console.run()["status"] != "finished":
        assert time.monotonic() < end, (console.folder / "runs" / "worker.log").read_text()
        time.sleep(0.2)
    told = console.run()
    assert (told["verdict"], told["resumes"]) == ("exact", 1)
