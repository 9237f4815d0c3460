"""`rotui` alone: opens the console."""

import gc
import os
import sys
from pathlib import Path

from rotui.cli.command_line import same_command
from rotui.cli.terminal import say
from rotui.errors import InputError, RotuiError, StoreError
from rotui.text import printable


def open_console(
    runs_dir: Path | None,
    data_dir: Path | None,
    device: str,
    *,
    jobs: int | None,
    checkpoint_seconds: float,
    allow_inexact: bool,
    mouse: bool,
    watch_only: bool,
) -> int:
    """Runs the console until it is left and returns the exit code. InputError where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("the console needs a terminal (rotui --help lists the commands that do not)")
    gc.disable()  # until the first frame, which it holds up by 50 ms
    if "SSH_CONNECTION" in os.environ:
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")  # read when textual is imported
    from rotui.data.location import data_directory
    from rotui.store.location import runs_directory
    from rotui.tui.app import RotuiApp
    from rotui.tui.lasting_output import lasting_output
    from rotui.tui.workplace import Workplace

    runs_path = runs_directory(runs_dir)
    _require_listable(runs_path)
    app = RotuiApp(
        Workplace(
            runs_path,
            data_directory(data_dir),
            device,
            checkpoint_seconds,
            allow_inexact,
            trains=not watch_only,
            command=tuple(same_command()),
            jobs=jobs,
        )
    )
    try:
        with app.departure.listening(), lasting_output():
            app.run(mouse=mouse)
            from rotui.tui.headless import finish  # after the last frame: it costs what the first one spared

            finish(app.workplace, app.trainer, app.departure)
    finally:
        gc.unfreeze()  # or libraries of PyTorch take what is still there at the end for leaks, and say so
    if app.departure.worker:
        from rotui.tui.leaving import WORKER_LOG

        number = app.departure.worker
        say(
            f"rotui: process {number} goes on with what is queued ({WORKER_LOG} in {printable(runs_path)}); "
            f"`kill {number}` stops it at a checkpoint"
        )
    error = app.trainer.error
    if isinstance(error, RotuiError) and not app.departure.is_asked_to_end:
        raise error
    return app.departure.exit_code or app.return_code or 0


def _require_listable(runs_path: Path) -> None:
    """StoreError where the runs directory is there and cannot be listed."""
    try:
        os.scandir(runs_path).close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(
            f"{printable(runs_path)}: the runs cannot be listed: {error.strerror} (another --runs-dir)"
        ) from error
