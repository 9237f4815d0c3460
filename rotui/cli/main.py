"""The `rotui` command: registers one file per command and turns errors into messages and exit codes."""

import io
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from rotui import __version__
from rotui.cli import bench, data, leak, preview, profiles, queue, results, run, runs, worker
from rotui.cli.option_places import refuse_misplaced_options
from rotui.cli.options import (
    AllowInexact,
    CheckpointSeconds,
    DataDir,
    Device,
    Jobs,
    RunsDir,
)
from rotui.cli.terminal import say, say_error
from rotui.errors import ExitCode, RotuiError

app = typer.Typer(
    name="rotui",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Does predicting rotations help a ResNet classify? Trains the study, compares with the published.",
    epilog="Exit codes: 0 done, 1 a run failed, 2 bad profile or option, 3 data, 4 device, 5 runs directory, "
    "130 interrupted, 143 terminated.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", short_help="Train a study and compare it with the published.")(run.run)
app.add_typer(profiles.app, name="profiles")
app.add_typer(data.app, name="data")
app.command("leak", short_help="Measure what a pipeline gives away on noise.")(leak.leak)
app.command("results")(results.results)
app.command("preview", short_help="Save a batch as the network will see it.")(preview.preview)
app.add_typer(runs.app, name="runs")
app.add_typer(queue.app, name="queue")
app.command("worker")(worker.worker)
app.command("bench", short_help="Measure how fast this machine trains.")(bench.bench)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"rotui {__version__}")
        raise typer.Exit


@app.callback()
def rotui(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    device: Device = "auto",
    jobs: Jobs = None,
    watch_only: Annotated[
        bool, typer.Option("--watch-only", help="Only look: another process trains what is queued.")
    ] = False,
    no_mouse: Annotated[
        bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal (some tmux need it).")
    ] = False,
    allow_inexact: AllowInexact = False,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Open the console, or run one of the commands below; the directories hold for these too."""
    del version
    refuse_misplaced_options(context)
    if context.invoked_subcommand is not None:
        return
    from rotui.cli.console import open_console

    code = open_console(
        runs_dir,
        data_dir,
        device,
        jobs=jobs,
        checkpoint_seconds=checkpoint_seconds,
        allow_inexact=allow_inexact,
        mouse=not no_mouse,
        watch_only=watch_only,
    )
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except RotuiError as error:
        say_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("rotui: interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.RUN_FAILED)
    except OSError as error:
        with suppress(OSError):
            say(f"rotui: cannot go on: {error}")
        os._exit(ExitCode.STORE)
