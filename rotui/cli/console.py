"""`rotui` alone: opens the console."""

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rotui.cli.command_line import same_command
from rotui.errors import InputError

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp


def open_console(
    runs_dir: Path | None,
    data_dir: Path | None,
    device: str,
    *,
    checkpoint_seconds: float,
    allow_inexact: bool,
    mouse: bool,
    watch_only: bool,
) -> int:
    """Runs the console until it is left and returns the exit code. InputError where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the console needs a terminal (rotui --help lists the commands that do not)")
    gc.disable()  # until the first frame, which it holds up by 50 ms
    from rotui.data.location import data_directory
    from rotui.store.location import runs_directory
    from rotui.tui.app import RotuiApp
    from rotui.tui.workplace import Workplace

    if "SSH_CONNECTION" in os.environ:
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    app = RotuiApp(
        Workplace(
            runs_directory(runs_dir),
            data_directory(data_dir),
            device,
            checkpoint_seconds,
            allow_inexact,
            trains=not watch_only,
            command=tuple(same_command()),
        )
    )
    code = app.run(mouse=mouse)
    _finish(app)
    return code or app.return_code or 0


def _finish(app: "RotuiApp") -> None:
    """Waits for what is still trained where the terminal was lost, or the console broke."""
    if not app.hung_up:
        app.trainer.stop()
    app.trainer.join()
