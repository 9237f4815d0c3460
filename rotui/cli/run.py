"""`rotui run`: trains a study headless, from plan to comparison table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rotui.cli.command_line import pasteable, same_command
from rotui.cli.options import AsJson, DataDir, RunsDir, Set
from rotui.cli.terminal import print_json, say, talk
from rotui.errors import ExitCode, StoppedError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from rotui.cli.live_display import LiveDisplay
    from rotui.cli.reporters import JsonReporter, PlainReporter
    from rotui.profile.loading import Experiment
    from rotui.study.planning import Plan
    from rotui.worker import Outcome


def run(
    profiles: Annotated[
        list[str], typer.Argument(metavar="PROFILE", help="Profiles, by name (rotui profiles) or path.")
    ],
    settings: Set = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Keep N images of each split; marks results as scaled.")
    ] = 0,
    epochs: Annotated[
        int, typer.Option("--epochs", min=0, help="Train N epochs a stage; marks results as scaled.")
    ] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and train nothing.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train again what is finished already.")] = False,
    allow_inexact: Annotated[
        bool, typer.Option("--allow-inexact", help="Go on with a run in another environment; marks it.")
    ] = False,
    checkpoint_seconds: Annotated[
        float, typer.Option("--checkpoint-seconds", min=0, help="Least time between two checkpoints.")
    ] = 60.0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Train a study and print the comparison with the published numbers.

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

        print_plan(planned, {} if fresh else finished_runs(runs_path), as_json)
        return
    try:
        outcome, stopped_by = _work(
            experiments,
            planned,
            runs_path,
            data_dir,
            device,
            as_json=as_json,
            fresh=fresh,
            allow_inexact=allow_inexact,
            checkpoint_seconds=checkpoint_seconds,
        )
    except StoppedError as error:
        _say_how_to_go_on(str(error), fresh)
        raise typer.Exit(error.exit_code) from error
    except StoreError:
        _say_how_to_go_on("stopped: nothing more can be written", fresh)
        raise
    _print_results(experiments, runs_path, as_json)
    if outcome.stopped:
        done = f"stopped: {len(outcome.finished)} of {len(planned.runs)} runs are finished and kept"
        _say_how_to_go_on(done, fresh)
        raise typer.Exit(stopped_by)
    if outcome.failed or outcome.skipped:
        say(
            f"{len(outcome.failed)} of {len(planned.runs)} runs failed, {len(outcome.skipped)} were skipped",
            "red",
        )
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
) -> "tuple[Outcome, ExitCode]":
    """Trains the plan under the display that fits the terminal."""
    from rotui.cli.decoding_progress import decoding_progress
    from rotui.cli.interrupt import stop_on_signals
    from rotui.data.location import data_directory

    with stop_on_signals() as stop:
        with talk.status("loading PyTorch"):
            from rotui.engine.device import describe_device, resolve_device
            from rotui.worker import Worker, Workplace
        place = resolve_device(device)
        say(f"{len(planned.runs)} runs on {describe_device(place)}, kept in {runs_path}")
        workplace = Workplace(
            runs_path, data_directory(data_dir), place, tuple(same_command()), checkpoint_seconds
        )
        display = _display(planned, as_json)
        with decoding_progress() as decoding:
            worker = Worker(workplace, listener=display, stop=stop, decoding=decoding)
            prepared = worker.prepare(planned, fresh=fresh, allow_inexact=allow_inexact)
        studies = "+".join(experiment.profile.name for experiment in experiments)
        with display:
            outcome = worker.work(planned, prepared, study=studies)
    return outcome, stop.exit_code


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
