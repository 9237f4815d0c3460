"""A small study through the real command line, killed where a test wants it, and what its runs ended with."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from safetensors.numpy import load_file

from rotui.store.layout import DATABASE
from rotui.store.past_runs import read_runs
from rotui.store.session import look

SETTINGS = (
    "name=tiny",
    "data.name=digits",
    "network.architecture=resnet10",
    "network.width=8",
    "optimizer.batch_size=40",
    "optimizer.learning_rate=0.001",
    "compute.threads=1",
)
SMALL = ["quick", "--limit", "100", "--epochs", "2"]
SMALL += [part for setting in SETTINGS[1:] for part in ("--set", setting)]
STAGES = ["--set", 'stages=["pretrain", "finetune-pretrained"]']
STUDY = ["run", *SMALL, *STAGES, "--checkpoint-seconds", "0"]
ADD = ["queue", "add", *SMALL, *STAGES]
WORK = ["worker", "--checkpoint-seconds", "0"]
KILLED = -9
SERVER_GONE = -1000
PATIENCE = 60.0
"""Seconds to wait for what takes a second."""


class Started:
    """A process under way."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process = 0
        self._code: int | None = None
        self._began, self._ended = threading.Event(), threading.Event()

    def answered(self, values: Mapping[str, int]) -> None:
        """Takes what the server says of it."""
        if "process" in values:
            self.process = values["process"]
            self._began.set()
        else:
            self._code = values["code"]
            self._began.set()
            self._ended.set()

    def begun(self) -> "Started":
        """Itself, once the process is there."""
        assert self._began.wait(PATIENCE)
        return self

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._ended.is_set()

    def wait(self, seconds: float = 2 * PATIENCE) -> int:
        """Exit code of the process, negative for the signal that ended it."""
        assert self._ended.wait(seconds), f"still going on:\n{self.said}"
        assert self._code is not None
        return self._code

    def kill(self) -> int:
        """Kills the process; its exit code."""
        os.kill(self.process, signal.SIGKILL)
        return self.wait()

    def terminate(self) -> None:
        """Asks the process to stop."""
        os.kill(self.process, signal.SIGTERM)

    def freeze(self) -> None:
        """Has the process do nothing until it is killed."""
        os.kill(self.process, signal.SIGSTOP)

    @property
    def said(self) -> str:
        """What it has written by now."""
        return self.log.read_text() if self.log.exists() else ""


class Commands:
    """Runs commands, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("command_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._folder = folder
        self._started: list[Started] = []
        self._writing = threading.Lock()
        self._answers = threading.Thread(target=self._hear, daemon=True)
        self._answers.start()
        self.log = folder / "log"
        self.pid = folder / "pid"

    def __call__(
        self, *arguments: str, runs: Path, failpoint: str = "", kill_after: float | None = None
    ) -> int:
        """Exit code of `rotui ARGUMENTS...`, negative for a signal; what it says is in `log`."""
        self.pid.unlink(missing_ok=True)
        command = [*arguments, "--runs-dir", str(runs)]
        started = self._begin(command, failpoint=failpoint, kill_after=kill_after, log=self.log)
        self.pid.write_text(str(started.process))
        return started.wait()

    def start(self, *arguments: str, runs: Path, failpoint: str = "") -> Started:
        """Starts a command with a log of its own; any number may go on at once."""
        return self._begin([*arguments, "--runs-dir", str(runs)], failpoint=failpoint)

    def call(self, function: str, *arguments: object) -> Started:
        """Starts a process that calls `MODULE:FUNCTION` of these tests with plain JSON values."""
        return self._begin(arguments, function=function)

    def in_background(self, *arguments: str, runs: Path) -> Callable[[], int]:
        """Starts the command and returns what waits for its exit code; `pid` holds its process."""
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(self(*arguments, runs=runs)))
        thread.start()

        def wait() -> int:
            thread.join()
            return codes[0]

        return wait

    def close(self) -> None:
        """Ends the server and what it still runs."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        self._answers.join()
        assert self._server.stdout is not None
        self._server.stdout.close()

    def _begin(
        self,
        arguments: Sequence[object],
        *,
        function: str = "",
        failpoint: str = "",
        kill_after: float | None = None,
        log: Path | None = None,
    ) -> Started:
        with self._writing:
            number = len(self._started)
            started = Started(log or self._folder / f"log-{number}")
            self._started.append(started)
            command = {
                "number": number,
                "arguments": list(arguments),
                "function": function,
                "environment": {"ROTUI_FAILPOINT": failpoint},
                "folder": str(self._folder),
                "log": str(started.log),
                "kill_after": PATIENCE if kill_after is None else kill_after,
            }
            assert self._server.stdin is not None
            self._server.stdin.write(json.dumps(command) + "\n")
            self._server.stdin.flush()
        return started.begun()

    def _hear(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            values = json.loads(line)
            self._started[values["number"]].answered(values)
        for started in self._started:
            if not started.ended:
                started.answered({"code": SERVER_GONE})


def digest(runs: Path) -> dict[str, str]:
    """For each finished run, by stage: a hash of its weights, its metrics without times, and its result."""
    told: dict[str, str] = {}
    found, unreadable = read_runs(runs)
    assert not unreadable
    for run in found:
        if run.status != "finished":
            continue
        assert run.stage not in told, "a stage was trained twice"
        hashed = hashlib.sha256()
        for name, tensor in sorted(load_file(run.path / "model.safetensors").items()):
            hashed.update(name.encode() + tensor.tobytes())
        for row in (run.path / "metrics.csv").read_text().splitlines():
            hashed.update(",".join(row.split(",")[:-2]).encode())
        hashed.update((run.path / "result.json").read_bytes())
        told[run.stage] = hashed.hexdigest()
    return told


def statuses(runs: Path) -> dict[int, str]:
    """How each run stands, by number."""
    found, unreadable = look(runs)
    assert not unreadable
    assert len({run.number for run in found}) == len(found), "a number was given twice"
    return {run.number: run.status for run in found}


def integrity(runs: Path) -> str:
    """What SQLite says of the database as it lies there, asked of a copy, so that nothing is recovered."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-journal"):
            if (runs / name).exists():
                shutil.copy(runs / name, folder)
        with closing(sqlite3.connect(Path(folder) / DATABASE)) as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def verdicts(runs: Path) -> list[str]:
    """How each run says that its resumes compare, in their order."""
    return [json.loads(state.read_text())["verdict"] for state in sorted(runs.glob("[0-9]*/state.json"))]
