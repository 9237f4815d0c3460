"""What a run was made by: versions, machine, code and command, gathered without loading torch."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rotui import __version__
from rotui.store.state import utc_now

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pandas",
    "pillow",
    "scikit-learn",
    "safetensors",
    "pydantic",
    "filelock",
    "typer",
    "rich",
)

GIT_TIMEOUT = 10.0
"""Seconds after which a git that does not answer (a stalled network folder) counts as absent."""


def provenance(command: Sequence[str], seed: int, **more: Any) -> dict[str, Any]:
    """Plain JSON values that say by what, where, when and how a run was made; `more` is added as it is.

    Whatever cannot be found out is None: no git, no repository, no CPU name.
    """
    return {
        "rotui": __version__,
        "time": utc_now(),
        "command": list(command),
        "seed": seed,
        "process": os.getpid(),
        "python": platform.python_version(),
        "python_executable": sys.executable,
        "platform": platform.platform(),
        "host": platform.node(),
        "cpu": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "packages": {name: _installed(name) for name in PACKAGES},
        "git": _git(),
        **more,
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or None


def _git() -> dict[str, Any] | None:
    """Commit of the checkout that this package runs from, and whether a tracked file differs from it."""
    if _ask_git("ls-files", "--error-unmatch", str(Path(__file__))) is None:
        return None
    commit = _ask_git("rev-parse", "HEAD")
    changes = _ask_git("status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _ask_git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_TIMEOUT,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            check=False,
        )
    except (FileNotFoundError, PermissionError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
