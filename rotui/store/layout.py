"""Names inside a runs directory: its own files, those of a run, and the number in each run's name."""

import re
from pathlib import Path

from rotui.text import slug

PROFILE = "profile.toml"
STATE = "state.json"
PROVENANCE = "provenance.json"
METRICS = "metrics.csv"
LOG = "run.log"
RESULT = "result.json"
MODEL = "model.safetensors"
LOCK = "lock"
ENTRY = "queue.json"
PROGRESS = "progress.json"

TRASH = ".trash"
WRITER_LOCK = ".lock"
STORE = ".store.json"
RESERVE = ".reserve"
DATABASE = "queue.sqlite3"

_NUMBERED = re.compile(r"\.?([0-9]{4,9})-")
_STAGED = re.compile(r"\.[0-9]{4,9}-.*\.new")


def run_name(number: int, profile_name: str, stage: str, seed: int) -> str:
    """`NNNN-PROFILE-STAGE-seedSEED`, in which no part can leave the runs directory or hide the run."""
    return f"{number:04d}-{slug(profile_name)}-{slug(stage)}-seed{seed:d}"


def run_number(name: str) -> int:
    """The number that a run's directory name begins with; 0 where it has none."""
    match = _NUMBERED.match(name)
    return int(match[1]) if match else 0


def highest_number(runs_dir: Path) -> int:
    """The highest run number taken in `runs_dir` or its trash by any name, 0 where there is none."""
    folders = [folder for folder in (runs_dir, runs_dir / TRASH) if folder.is_dir()]
    return max((run_number(entry.name) for folder in folders for entry in folder.iterdir()), default=0)


def staged_path(runs_dir: Path, name: str) -> Path:
    """Hidden place in which the run `name` is made before it appears whole under its name."""
    return runs_dir / f".{name}.new"


def revealed_path(staged: Path) -> Path:
    """The place at which the run that is made in `staged` appears."""
    return staged.with_name(staged.name.removeprefix(".").removesuffix(".new"))


def staged_runs(runs_dir: Path) -> list[Path]:
    """Places of runs that have not appeared: being made, or left so by a crash. For a holder of the writer
    lock they are the latter."""
    return sorted(entry for entry in runs_dir.iterdir() if _STAGED.fullmatch(entry.name) and entry.is_dir())
