"""`rotui worker`: trains what is queued, headless."""

from typing import Annotated

import typer

from rotui.cli.interrupt import EndedAtOnceError, stop_on_signals
from rotui.cli.options import AllowInexact, AsJson, CheckpointSeconds, DataDir, Device, Jobs, RunsDir
from rotui.cli.run import end_now
from rotui.cli.terminal import say, talk
from rotui.errors import ExitCode


def worker(
    watch: Annotated[bool, typer.Option("--watch", help="Stay and wait when the queue is empty.")] = False,
    device: Device = "auto",
    jobs: Jobs = None,
    allow_inexact: AllowInexact = False,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train what is queued until the queue is empty.

    Ctrl-C and SIGTERM stop at the next step and keep a checkpoint. Without its terminal it goes on. While
    another process has the device, what that one trains is shown.
    """
    from rotui.cli.decoding_progress import decoding_progress
    from rotui.cli.reporters import JsonReporter, PlainReporter
    from rotui.cli.working import make_worker, wait_for
    from rotui.data.loading import Datasets
    from rotui.data.location import data_directory
    from rotui.store.location import runs_directory
    from rotui.store.session import look

    runs_path = runs_directory(runs_dir)
    before = {run.name for run in look(runs_path)[0] if run.status == "failed"}
    try:
        with stop_on_signals(headless=True) as stop:
            with talk.status("loading PyTorch"):
                import rotui.worker.worker  # noqa: F401  # torch, under the status line
            with decoding_progress() as decoding:
                trainer = make_worker(
                    runs_path,
                    Datasets(data_directory(data_dir), progress=decoding, stop=stop),
                    device,
                    stop,
                    listener=JsonReporter(None) if as_json else PlainReporter(None),
                    checkpoint_seconds=checkpoint_seconds,
                    allow_inexact=allow_inexact,
                    jobs=jobs,
                )
                wait_for(trainer, None, stop, watch=watch)
    except EndedAtOnceError as error:
        say(str(error))
        end_now(error.exit_code)
    runs = look(runs_path)[0]
    if stop():
        say("stopped; what is queued stays queued (rotui queue)")
        raise typer.Exit(stop.exit_code)
    failed = [run for run in runs if run.status == "failed" and run.name not in before]
    waiting = sum(run.status in ("queued", "held", "stopped", "interrupted") for run in runs)
    say(f"the queue is empty{f' but for {waiting} that wait (rotui queue)' if waiting else ''}")
    if failed:
        say(f"{len(failed)} runs failed (rotui runs --status failed)", "red")
        raise typer.Exit(ExitCode.RUN_FAILED)
