"""The command as a user starts it: a real process, on pipes or on a terminal of a given size."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pexpect
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 180
SMALL = ["--set", "network.architecture=resnet10", "--set", "network.width=8", "--set", "compute.threads=1"]
TINY = [*SMALL, "--limit", "60"]


@dataclass(frozen=True)
class Command:
    """Starts `rotui` in its own folder, whose runs directory is `runs`."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def runs(self) -> Path:
        """The runs directory that the command uses unless told otherwise."""
        return self.folder / "runs"

    def words(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "rotui", *map(str, arguments)]

    def run(self, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs the command to its end, its output on pipes."""
        return subprocess.run(
            self.words(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def start(self, *arguments: object) -> "Process":
        """Starts the command with its output on pipes."""
        return Process(
            subprocess.Popen(
                self.words(*arguments),
                cwd=self.folder,
                env=dict(self.environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def on_terminal(self, *arguments: object, rows: int = 24, columns: int = 80, **environment: str) -> bytes:
        """Runs the command to its end on a terminal and returns every byte that it was sent."""
        return self.shell_on_terminal(self.words(*arguments), rows, columns, **environment)

    def shell_on_terminal(
        self, words: list[str], rows: int = 24, columns: int = 80, **environment: str
    ) -> bytes:
        """The same for any program."""
        with pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(self.folder),
            env={**self.environment, **environment},
            dimensions=(rows, columns),
            timeout=PATIENCE,
        ) as child:
            child.expect(pexpect.EOF)
            return child.before


@dataclass(frozen=True)
class Process:
    """A command that goes on, and what it has said."""

    process: "subprocess.Popen[str]"

    def wait_for(self, text: str) -> str:
        """Reads stderr until a line holds `text`, and returns that line."""
        assert self.process.stderr is not None
        heard = []
        for line in self.process.stderr:
            heard.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was never said: {''.join(heard)}")

    def send(self, *signals: signal.Signals) -> None:
        """Sends the signals so that all have arrived before the process does anything more."""
        self.process.send_signal(signal.SIGSTOP)
        for number in signals:
            self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> tuple[int, str, str]:
        """Waits for the end: exit code, the rest of stdout and the rest of stderr."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


QUICK = ["run", "quick", *TINY, "--epochs", "1"]
ONE = [*QUICK, "--set", 'stages=["supervised-random"]']
ENDLESS = ["run", "quick", *TINY, "--epochs", "5000", "--set", 'stages=["pretrain"]']
STAGES = ["pretrain", "finetune-pretrained", "finetune-random", "supervised-pretrained", "supervised-random"]


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
