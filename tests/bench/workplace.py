"""Folders to measure in: the installed command in an environment of its own, runs made in no time."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

from terminal import Terminal

from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.store.past_runs import read_profile, read_state
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import Point, plan
from rotui.study.records import Classification, EpochRecord, RunResult

CLASSES = Classification(("a", "b"), ((1, 0), (0, 1)), (100.0, 100.0))
TRAINING = ("quick", "--set", 'stages=["supervised-random"]')
"""What is trained where a training is wanted: one stage of the smallest profile, at its own size."""
TINY = ("--limit", "60", "--set", "network.width=8")
"""What makes it shorter still, where nothing is measured by it."""
HELD = 20
"""Runs of a workplace that wait, more than the console's table of the queue has lines."""


class Workplace:
    """A folder with `runs` in it, from which `rotui` is started as a user of it alone would start it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        (folder / "home").mkdir(parents=True, exist_ok=True)
        others = ("ROTUI_", "XDG_", "TEXTUAL", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "SSH_CONNECTION")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        self.environment = kept | {"HOME": str(folder / "home"), "TERM": "xterm-256color"}

    def words(self, *arguments: str) -> list[str]:
        """The installed command."""
        return [str(Path(sys.executable).with_name("rotui")), *arguments]

    def rotui(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end; an error where it fails."""
        return self.run(self.words(*arguments))

    def run(self, words: list[str]) -> "subprocess.CompletedProcess[str]":
        """Runs any command here to its end; an error where it fails."""
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )

    def console(self, *arguments: str) -> Terminal:
        """The console in a terminal of 80 columns and 24 lines."""
        return Terminal(self.words(*arguments), self.folder, self.environment)

    def queue_training(self, epochs: int, threads: int, *options: str) -> Path:
        """Queues a training; its directory."""
        self.rotui(
            "queue",
            "add",
            *TRAINING,
            "--set",
            f"compute.threads={threads}",
            "--epochs",
            str(epochs),
            *options,
        )
        return self.newest_run()

    def newest_run(self) -> Path:
        """The directory of the run with the highest number."""
        return max(
            (path for path in self.runs.iterdir() if path.name[:4].isdigit()), key=lambda path: path.name
        )


def filled(folder: Path, count: int) -> Workplace:
    """A workplace with this many runs, all finished but the newest few, which are held; made unless it is
    there already.

    They are made as the queue makes and the worker fills them, without waiting for the disk.
    """
    workplace = Workplace(folder / f"runs-{count}")
    made = workplace.folder / "made"
    if not made.exists():
        with patch("os.fsync"):
            _make(workplace.runs, count)
        made.touch()
    return workplace


def _make(runs_dir: Path, count: int) -> None:
    planned = plan(Point(_profile(seed)) for seed in range(1, count + 1))
    queued = add_plan(runs_dir, planned, Wishes(study="many", held=True), {}, print)
    names = [queued.names[run.key] for run in planned.runs]
    for number, name in enumerate(names[: count - min(HELD, count // 2)], start=1):
        _finish(runs_dir / name, number)
    Queue(runs_dir, print).resume()  # brings the index up to date


def _profile(seed: int) -> Profile:
    values = {"name": "many", "data": {"name": "digits"}, "seed": seed, "stages": ("supervised-random",)}
    return Profile.model_validate(values)


def _finish(path: Path, number: int) -> None:
    epochs = tuple(_curve(min(20, read_profile(path).epochs(read_state(path).stage)), 60 + number % 40))
    directory = RunDirectory.begin(path)
    directory.write_provenance({"threads": 2, "packages": {"torch": "2.15"}, "host": "box"})
    directory.rewrite_epochs(epochs)
    (path / "model.safetensors").write_bytes(b"weights")
    directory.finish(RunResult.of(epochs, CLASSES), "")


def _curve(count: int, top: float) -> Iterable[EpochRecord]:
    for number in range(1, count + 1):
        share = number / count
        yield EpochRecord(
            epoch=number,
            train_loss=2.3 - 2 * share,
            train_accuracy=10 + (top - 5) * share,
            validation_loss=2.3 - 1.8 * share,
            validation_accuracy=10 + (top - 10) * share,
            holdout_loss=None,
            holdout_accuracy=None,
            learning_rate=0.001,
            seconds=61.5,
            images_per_second=1234.5,
        )
