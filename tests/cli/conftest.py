"""The command as a user starts it: a real process, on pipes or on a terminal of a given size."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

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


@pytest.fixture(scope="session")
def make_command(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Command]:
    """Makes commands with folders of their own, where no variable of the caller's reaches them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROTUI_", "COLUMNS"))}
    for name in ("NO_COLOR", "FORCE_COLOR", "LINES"):
        kept.pop(name, None)

    def make() -> Command:
        folder = tmp_path_factory.mktemp("command")
        own = {
            "PYTHONPATH": str(REPOSITORY),
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "TERM": "xterm-256color",
        }
        return Command(folder, kept | own)

    return make


@pytest.fixture
def command(make_command: Callable[[], Command]) -> Command:
    return make_command()


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def rotui(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs the command's entry point in this process and in an empty folder, which saves importing torch."""
    from rotui.__main__ import main

    for name in ("ROTUI_RUNS", "ROTUI_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["rotui", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run
