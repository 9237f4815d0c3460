"""Trains the study that the pictures of the console show: python tests/tui/study/make_study.py.

The `quick` study with two seeds is queued and trained by `rotui worker`, which is held in its eighth run.
What lies in the runs directory then is kept as `runs/` beside this file, without weights and what names
this machine.
Afterwards `pytest tests/tui/test_pictures.py --snapshot-update` draws the pictures anew.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rotui.store.layout import ENTRY, LOCK, PROGRESS, PROVENANCE, STORE

HERE = Path(__file__).parent
HELD_IN = "0008-*"
HELD_AFTER = 5
"""Epochs of that run."""
KEPT = (
    "metrics.csv",
    "profile.toml",
    "queue.json",
    "result.json",
    "run.log",
    "state.json",
    PROVENANCE,
    PROGRESS,
)
HOST = "gpu-box"
WISHES = ("--set", "seed=42,43")


def train(folder: Path) -> Path:
    """Trains in `folder` until the run is as far as it is to be shown; the runs directory."""
    words = [sys.executable, "-m", "rotui"]
    subprocess.run([*words, "queue", "add", "quick", *WISHES], cwd=folder, check=True)
    worker = subprocess.Popen([*words, "worker"], cwd=folder)
    runs = folder / "runs"
    try:
        while not _is_far_enough(runs):
            if worker.poll() is not None:
                raise SystemExit("the worker has ended too early")
            time.sleep(0.2)
        os.kill(worker.pid, signal.SIGSTOP)
        shutil.copytree(runs, folder / "copy")
    finally:
        worker.kill()
        worker.wait()
    return folder / "copy"


def _is_far_enough(runs: Path) -> bool:
    [run] = runs.glob(HELD_IN)
    metrics, progress = run / "metrics.csv", run / PROGRESS
    if not (metrics.exists() and progress.exists()):
        return False
    return len(metrics.read_text().splitlines()) > HELD_AFTER and json.loads(progress.read_text())["step"] > 5


def keep(runs: Path, target: Path) -> None:
    """Copies what the console reads, without the weights and what names this machine."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copy(runs / STORE, target / STORE)
    for run in sorted(path for path in runs.iterdir() if path.is_dir()):
        (target / run.name).mkdir()
        for name in (*KEPT, LOCK):
            if (run / name).exists():
                shutil.copy(run / name, target / run.name / name)
        entry = target / run.name / ENTRY
        told = json.loads(entry.read_text()) | {"queued_by": ["rotui", "queue", "add", "quick", *WISHES]}
        entry.write_text(json.dumps(told, indent=2) + "\n")
        provenance = target / run.name / PROVENANCE
        if provenance.exists():
            told = json.loads(provenance.read_text())
            told |= {"host": HOST, "python_executable": "python", "command": ["rotui"], "platform": "Linux"}
            provenance.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        keep(train(Path(folder)), HERE / "runs")
