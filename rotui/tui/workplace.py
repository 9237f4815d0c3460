"""What the console is opened on."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workplace:
    """Where the console reads and writes, and how its worker trains. `trains` is false for a console that
    only watches; `command` is recorded with what is trained; `jobs` are the runs trained at once, None for as
    many as pay."""

    runs_dir: Path
    data_dir: Path
    device: str = "auto"
    checkpoint_seconds: float = 60.0
    allow_inexact: bool = False
    trains: bool = True
    command: tuple[str, ...] = ("rotui",)
    jobs: int | None = None
