"""The installed console in a pseudo-terminal: keys go in, the bytes that it draws come out."""

import codecs
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pexpect

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 180
"""Seconds that something may take on a busy machine."""
COMMAND = (str(Path(sys.executable).with_name("rotui")),)
"""The command as the installation has made it."""
SMALL = ("--set", "network.width=8", "--set", "network.architecture=resnet10", "--set", "compute.threads=1")
ONE_STAGE = ("--set", 'stages=["supervised-random"]')
LONGEST_SEQUENCE = 100
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][ -~]|[ -OQ-Z\\`-~])")


def study(epochs: int, *more: str, command: Sequence[str] = ("queue", "add")) -> list[str]:
    """A command that queues one run, or trains it, of which an epoch takes about a tenth of a second."""
    return [*command, "quick", "--limit", "100", "--epochs", str(epochs), *ONE_STAGE, *SMALL, *more]


class Home:
    """A folder with a home, a state directory and a runs directory of its own, and commands run in it."""

    def __init__(self, folder: Path, **changes: str | None) -> None:
        own: dict[str, str | None] = {
            "HOME": str(folder),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": str(REPOSITORY),
            "TERM": "xterm-256color",
            "XDG_STATE_HOME": str(folder / "state"),
            **changes,
        }
        dropped = ("ROTUI_", "XDG_", "SSH_", "TMUX", "COLUMNS", "LINES", "COLORTERM", "NO_COLOR", "TEXTUAL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self.folder = folder
        self.environment = {name: value for name, value in (kept | own).items() if value is not None}

    @property
    def runs(self) -> Path:
        """The runs directory."""
        return self.folder / "runs"

    def rotui(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Any command beside the console, to its end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """A command that goes on beside the console, without a terminal."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def told(self) -> list[dict[str, object]]:
        """The runs as `rotui runs` tells of them, by number."""
        lines = self.rotui("runs", "--json", "--sort", "number").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def epochs(self, number: int = 1) -> int:
        """Rows of a run's metrics.csv."""
        found = list(self.runs.glob(f"{number:04}-*/metrics.csv"))
        return max(0, len(found[0].read_text().splitlines()) - 1) if found else 0

    def state(self, number: int = 1) -> Mapping[str, object]:
        """What a run's own directory says of it."""
        [found] = self.runs.glob(f"{number:04}-*/state.json")
        state: dict[str, object] = json.loads(found.read_text())
        return state

    def checkpoints(self, number: int = 1) -> list[Path]:
        """The checkpoints of a run."""
        return sorted(self.runs.glob(f"{number:04}-*/checkpoints/epoch-*"))


class OpenConsole(Home):
    """A program in a pseudo-terminal, `rotui` where nothing else is said; what it draws is kept."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        program: Sequence[str] = COMMAND,
        size: tuple[int, int] = (100, 30),
        **changes: str | None,
    ) -> None:
        super().__init__(folder, **changes)
        self.drawn = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.text = ""
        """All that was drawn so far, in the order it came, without what moves and colours it."""
        self._rest = ""
        self._has_ended = False
        self.child = pexpect.spawn(
            program[0],
            [*program[1:], *arguments],
            cwd=str(folder),
            env=self.environment,
            dimensions=size[::-1],
            timeout=PATIENCE,
        )
        self.child.delaybeforesend = None

    def end(self) -> None:
        """Kills what a test has left."""
        if not self._has_ended:
            os.kill(self.child.pid, signal.SIGKILL)
            os.waitpid(self.child.pid, 0)
        self.hang_up()
        self.child.terminated = self.child.ptyproc.terminated = True

    def hang_up(self) -> None:
        """Closes the terminal that the console is on."""
        if not self.child.closed:
            terminal = self.child.ptyproc
            terminal.fileobj.close()
            terminal.fd = self.child.child_fd = -1
            terminal.closed = self.child.closed = True

    def send(self, number: signal.Signals) -> None:
        """Sends the program a signal."""
        os.kill(self.child.pid, number)

    def press(self, keys: str) -> None:
        """Types keys."""
        self.child.send(keys)

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size."""
        self.child.setwinsize(rows, columns)

    def wait_until(self, holds: Callable[[], object]) -> None:
        """Reads what is drawn until something holds, which must be before the program ends."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, self.text[-4000:]
            assert not self.has_ended(), self.text[-4000:]
            self._read()

    def wait_for(self, *texts: str, after: int = 0) -> None:
        """Reads until all these texts were drawn, beyond the first `after` characters of what was."""
        self.wait_until(lambda: all(text in self.text[after:] for text in texts))

    def wait_for_epochs(self, least: int = 1, number: int = 1) -> None:
        """Reads until a run has trained that many epochs."""
        self.wait_until(lambda: self.epochs(number) >= least)

    def has_ended(self) -> bool:
        """Whether the program is gone without having been waited for."""
        if self._has_ended:
            return True
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> int:
        """The program's exit code."""
        deadline = time.monotonic() + PATIENCE
        while not self.has_ended():
            assert time.monotonic() < deadline, self.text[-4000:]
            self._read()
        self._read()
        self.text, self._rest = self.text + _SEQUENCE.sub("", self._rest), ""
        _, status = os.waitpid(self.child.pid, 0)
        self._has_ended = True
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> None:
        if self.child.closed:
            time.sleep(0.1)
            return
        seconds = 0.1
        while select.select([self.child.child_fd], [], [], seconds)[0]:
            try:
                piece = os.read(self.child.child_fd, 1 << 16)
            except OSError:  # the other end is gone
                time.sleep(0.02)
                return
            self.drawn += piece
            self._rest += self._decoder.decode(piece)
            whole = (
                len(self._rest) if "\x1b" not in self._rest[-LONGEST_SEQUENCE:] else self._rest.rindex("\x1b")
            )
            self.text += _SEQUENCE.sub("", self._rest[:whole])
            self._rest = self._rest[whole:]
            seconds = 0.0
