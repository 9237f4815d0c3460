"""Where the runs lie."""

import os
from pathlib import Path


def runs_directory(option: Path | None) -> Path:
    """The directory of the runs: the `--runs-dir` option, else the variable ROTUI_RUNS, else `./runs`.

    Nothing is created; an empty variable counts as none, and a leading `~` is the home directory.
    """
    if option is not None:
        return option.expanduser()
    return Path(os.environ.get("ROTUI_RUNS") or "runs").expanduser()
