"""What a worker is told of the place it works in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

CHECKPOINT_SECONDS = 60.0
"""Least time between two checkpoints: one of ResNet18 takes about a second."""


@dataclass(frozen=True)
class Workplace:
    """Where a worker reads and writes and what it trains on. `command` is recorded with every run;
    `allow_inexact` has it go on with runs that were begun in another environment; `jobs` is how many runs it
    trains at once, None for as many as pay: one on the CPU, on CUDA what a probe finds."""

    runs_dir: Path
    device: torch.device
    command: Sequence[str] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    allow_inexact: bool = False
    jobs: int | None = None
