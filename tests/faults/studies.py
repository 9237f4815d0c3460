"""A small study through the real command line, killed where a test wants it, and what its runs ended with."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from safetensors.numpy import load_file

from rotui.store.past_runs import read_runs

SETTINGS = (
    "name=tiny",
    "data.name=digits",
    "network.architecture=resnet10",
    "network.width=8",
    "optimizer.batch_size=40",
    "optimizer.learning_rate=0.001",
    "compute.threads=1",
)
STUDY = ["run", "quick", "--limit", "100", "--epochs", "2", "--checkpoint-seconds", "0"]
STUDY += [part for setting in SETTINGS[1:] for part in ("--set", setting)]
STUDY += ["--set", 'stages=["pretrain", "finetune-pretrained"]']
KILLED = -9


class Commands:
    """Runs commands one after the other, each in a process of its own."""

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
        self.log = folder / "log"
        self.pid = folder / "pid"

    def __call__(self, *arguments: str, runs: Path, failpoint: str = "") -> int:
        """Exit code of `rotui ARGUMENTS...`, negative for the signal that ended it."""
        self.pid.unlink(missing_ok=True)
        command = {
            "arguments": [*arguments, "--runs-dir", str(runs)],
            "environment": {"ROTUI_FAILPOINT": failpoint},
            "folder": str(self._folder),
            "log": str(self.log),
            "pid": str(self.pid),
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

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
        """Ends the server."""
        self._server.communicate()


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


def verdicts(runs: Path) -> list[str]:
    """How each run says that its resumes compare, in their order."""
    return [json.loads(state.read_text())["verdict"] for state in sorted(runs.glob("[0-9]*/state.json"))]
