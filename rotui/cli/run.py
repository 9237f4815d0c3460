"""`rotui run`: queues a study and trains it headless, from plan to comparison table."""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from rotui.cli.command_line import pasteable, same_command
from rotui.cli.interrupt import EndedAtOnceError, stop_on_signals
from rotui.cli.options import (
    AllowInexact,
    AsJson,
    CheckpointSeconds,
    DataDir,
    Device,
    Epochs,
    Jobs,
    Limit,
    RunsDir,
    Set,
)
from rotui.cli.terminal import print_json, say, say_error, talk
from rotui.errors import ExitCode, InputError, StoppedError, StoreError
from rotui.formats import run_count

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rotui.cli.live_display import LiveDisplay
    from rotui.cli.reporters import JsonReporter, PlainReporter
    from rotui.profile.loading import Experiment
    from rotui.store.adding import Queued
    from rotui.store.listing import ListedRun
    from rotui.store.past_runs import PastRun
    from rotui.study.events import Event
    from rotui.study.planning import Plan


def run(
    profiles: Annotated[
        list[str], typer.Argument(metavar="PROFILE", help="Profiles, by name (rotui profiles) or path.")
    ],
    settings: Set = None,
    limit: Limit = 0,
    epochs: Epochs = 0,
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and train nothing.")] = False,
    jobs: Jobs = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train again what is finished already.")] = False,
    allow_inexact: AllowInexact = False,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Queue a study, train it and print the comparison with the published numbers.

    Finished runs with the same settings are reused, unfinished ones taken up at their checkpoint. Ctrl-C
    stops at the next step and keeps a checkpoint; the same command goes on from there.
    """
    from rotui.profile.loading import load_experiment
    from rotui.store.location import runs_directory
    from rotui.study.planning import plan

    experiments = [load_experiment(name, settings or (), limit=limit, epochs=epochs) for name in profiles]
    planned = plan(point for experiment in experiments for point in experiment.points)
    runs_path = runs_directory(runs_dir)
    if dry_run:
        from rotui.cli.plan_table import print_plan
        from rotui.store.past_runs import finished_runs

        known = finished_runs(runs_path)
        print_plan(planned, {} if fresh else known, as_json, measured=known.values(), device=device)
        return
    try:
        ended, stopped_by = _work(
            experiments,
            planned,
            runs_path,
            data_dir,
            device,
            as_json=as_json,
            fresh=fresh,
            allow_inexact=allow_inexact,
            checkpoint_seconds=checkpoint_seconds,
            jobs=jobs,
        )
    except StoppedError as error:
        _say_how_to_go_on(str(error), fresh)
        if isinstance(error, EndedAtOnceError):
            end_now(error.exit_code)
        raise typer.Exit(error.exit_code) from error
    _print_results(experiments, runs_path, as_json)
    finished = [run for run in ended if run.status == "finished"]
    if stopped_by is not None and len(finished) < len(ended):
        done = f"stopped: {len(finished)} of {len(ended)} runs are finished and kept, the others stay queued"
        _say_how_to_go_on(done, fresh)
        raise typer.Exit(stopped_by)
    if len(finished) < len(ended):
        _say_what_failed(ended)
        raise typer.Exit(ExitCode.RUN_FAILED)


def _work(
    experiments: "Sequence[Experiment]",
    planned: "Plan",
    runs_path: "Path",
    data_dir: "Path | None",
    device: str,
    *,
    as_json: bool,
    fresh: bool,
    allow_inexact: bool,
    checkpoint_seconds: float,
    jobs: int | None,
) -> "tuple[list[ListedRun], ExitCode | None]":
    """Queues the plan and trains it under the display that fits the terminal; how its runs stand then, and
    the exit code of the signal that asked for a stop."""
    from rotui.cli.decoding_progress import decoding_progress
    from rotui.cli.working import make_worker, notice, wait_for
    from rotui.data.loading import Datasets
    from rotui.data.location import data_directory
    from rotui.queueing import queue_plan, require_places
    from rotui.store.adding import Wishes
    from rotui.store.session import look

    study = "+".join(experiment.profile.name for experiment in experiments)
    wishes = Wishes(study=study, fresh=fresh, command=tuple(same_command()))
    require_places(planned, runs_path, data_directory(data_dir), fresh=fresh)
    with stop_on_signals(headless=True) as stop:
        with talk.status("loading PyTorch"):
            from rotui.engine.device import describe_device, resolve_device

            place = resolve_device(device)
        display = _display(planned, as_json)
        with decoding_progress() as decoding:
            datasets = Datasets(data_directory(data_dir), progress=decoding, stop=stop)
            worker = make_worker(
                runs_path,
                datasets,
                device,
                stop,
                listener=display,
                checkpoint_seconds=checkpoint_seconds,
                allow_inexact=allow_inexact,
                jobs=jobs,
            )
            if stop():
                raise StoppedError("stopped before anything was queued")
            say(f"{run_count(len(planned.runs))} on {describe_device(place)}, kept in {runs_path}")
            queued = queue_plan(planned, runs_path, datasets, wishes, notice)
        names = set(queued.names.values())
        _refuse_other_environments(worker.refusals(_unfinished(runs_path, queued)))
        wanted = {queued.names[key] for key in queued.names if key not in queued.finished}
        try:
            with display:
                _tell_reused(display, planned, queued)
                wait_for(worker, wanted, stop)
        except StoreError as error:
            say_error(error)
            _say_how_to_go_on("stopped: nothing more can be written", fresh)
            raise typer.Exit(error.exit_code) from error
        ended = [run for run in look(runs_path)[0] if run.name in names]
    return ended, stop.exit_code if stop() else None


def _unfinished(runs_path: "Path", queued: "Queued") -> "list[PastRun]":
    from rotui.store.past_runs import read_run

    return [read_run(runs_path / queued.names[key]) for key in queued.joined]


def _refuse_other_environments(refusals: Sequence[str]) -> None:
    if refusals:
        raise InputError(
            "\n".join(refusals) + "\ngoing on would not give the same bits "
            "(the same environment, --allow-inexact to go on all the same, or --fresh to begin anew)"
        )


def _tell_reused(display: "Callable[[Event], None]", planned: "Plan", queued: "Queued") -> None:
    from rotui.study.events import RunReused

    for each in planned.runs:
        if each.key in queued.finished:
            display(RunReused(each, queued.names[each.key]))


def _display(planned: "Plan", as_json: bool) -> "LiveDisplay | PlainReporter | JsonReporter":
    from rotui.cli.live_display import LiveDisplay
    from rotui.cli.reporters import JsonReporter, PlainReporter

    if as_json:
        return JsonReporter(planned)
    draws = talk.is_terminal and not talk.is_dumb_terminal
    return LiveDisplay(planned) if draws else PlainReporter(planned)


def _say_how_to_go_on(what: str, fresh: bool) -> None:
    say(f"{what}. Go on with{' (without --fresh, what is finished is not trained again)' if fresh else ''}:")
    say(f"  {pasteable(same_command())}")


def _say_what_failed(ended: "Sequence[ListedRun]") -> None:
    counts = Counter(run.status for run in ended if run.status != "finished")
    told = ", ".join(f"{number} {status}" for status, number in counts.items())
    say(f"{len(ended) - counts.total()} of {len(ended)} runs are finished, {told}", "red")


def end_now(code: int) -> None:
    """Ends the process with its worker threads in the midst of a step; the runs' locks are freed by that."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _print_results(experiments: "Sequence[Experiment]", runs_path: "Path", as_json: bool) -> None:
    """The comparison of each experiment over everything that is finished by now."""
    from rotui.cli.comparison_table import print_comparison
    from rotui.cli.results import finished_results
    from rotui.results.experiment import compare_experiment
    from rotui.results.export import to_json
    from rotui.study.planning import plan

    finished = finished_results(runs_path)
    for experiment in experiments:
        comparison = compare_experiment(experiment, plan(experiment.points), finished)
        if as_json:
            print_json({"event": "comparison", **to_json(comparison)})
        else:
            print_comparison(comparison)
