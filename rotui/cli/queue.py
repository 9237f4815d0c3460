"""`rotui queue`: what waits, and every change to it."""

from typing import TYPE_CHECKING, Annotated

import typer

from rotui.cli.command_line import same_command
from rotui.cli.option_places import refuse_misplaced_options
from rotui.cli.options import AsJson, DataDir, Epochs, Limit, RunsDir, Set
from rotui.cli.terminal import line, print_json
from rotui.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rotui.store.listing import ListedRun
    from rotui.store.queue import Place, Queue

app = typer.Typer(
    invoke_without_command=True,
    help="What waits to be trained, and every change to it.",
    rich_markup_mode=None,
)

Runs = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Runs by number, range (3-7) or directory name.")
]


@app.callback(invoke_without_command=True)
def queue(context: typer.Context, as_json: AsJson = False, runs_dir: RunsDir = None) -> None:
    """List the queue, or change it."""
    refuse_misplaced_options(context)
    if context.invoked_subcommand is None:
        list_queue(as_json, runs_dir)


@app.command("list")
def list_queue(as_json: AsJson = False, runs_dir: RunsDir = None) -> None:
    """List what is being trained and what waits, in the order in which it will be."""
    from rotui.cli.queue_table import print_queue
    from rotui.store.location import runs_directory

    print_queue(runs_directory(runs_dir), as_json)


@app.command()
def add(
    profiles: Annotated[
        list[str], typer.Argument(metavar="PROFILE...", help="Profiles, by name (rotui profiles) or path.")
    ],
    settings: Set = None,
    limit: Limit = 0,
    epochs: Epochs = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train again what is finished already.")] = False,
    priority: Annotated[int, typer.Option("--priority", help="Higher goes first.")] = 0,
    hold: Annotated[bool, typer.Option("--hold", help="Queue, but do not begin before a release.")] = False,
    note: Annotated[str, typer.Option("--note", help="A note on each run.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Queue studies, all of it or nothing. What is said to be queued survives a crash.

    Settings are frozen: a profile that is edited later changes nothing that waits. Runs that are finished or
    queued already are not queued twice.
    """
    from rotui.cli.decoding_progress import decoding_progress
    from rotui.cli.interrupt import stop_on_signals
    from rotui.cli.working import notice
    from rotui.data.loading import Datasets
    from rotui.data.location import data_directory
    from rotui.profile.loading import load_experiment
    from rotui.queueing import queue_plan
    from rotui.store.adding import Wishes
    from rotui.store.location import runs_directory
    from rotui.store.queue import check_note, check_tags
    from rotui.study.planning import plan

    check_note(note)
    check_tags(tag or ())
    experiments = [load_experiment(name, settings or (), limit=limit, epochs=epochs) for name in profiles]
    planned = plan(point for experiment in experiments for point in experiment.points)
    wishes = Wishes(
        study="+".join(experiment.profile.name for experiment in experiments),
        priority=priority,
        held=hold,
        note=note,
        tags=tuple(dict.fromkeys(tag or ())),
        fresh=fresh,
        command=tuple(same_command()),
    )
    with stop_on_signals() as stop, decoding_progress() as decoding:
        datasets = Datasets(data_directory(data_dir), progress=decoding, stop=stop)
        queued = queue_plan(planned, runs_directory(runs_dir), datasets, wishes, notice)
    new = [run for run in planned.runs if run.key not in queued.finished | queued.joined]
    if as_json:
        for run in planned.runs:
            state = "finished" if run.key in queued.finished else "joined"
            state = "queued" if run in new else state
            print_json(
                {"name": queued.names[run.key], "key": run.key, "stage": run.stage_name, "state": state}
            )
        return
    known = f" ({len(queued.finished)} finished before, {len(queued.joined)} in the queue already)"
    line(f"queued {len(new)} runs{known if queued.finished or queued.joined else ''}")
    for run in new:
        line(f"  {queued.names[run.key]}")


@app.command()
def cancel(runs: Runs, runs_dir: RunsDir = None) -> None:
    """Take runs out of the queue; one being trained stops at its next step. Retry brings them back."""
    _change(runs, runs_dir, "cancelled", lambda queue, names: queue.cancel(names))


@app.command()
def retry(runs: Runs, runs_dir: RunsDir = None) -> None:
    """Queue runs that failed, were cancelled or skipped again; they go on from their checkpoint."""
    _change(runs, runs_dir, "queued again", lambda queue, names: queue.retry(names))


@app.command()
def hold(runs: Runs, runs_dir: RunsDir = None) -> None:
    """Keep runs from being begun; one that is being trained stops at its next step."""
    _change(runs, runs_dir, "held", lambda queue, names: queue.hold(names))


@app.command()
def release(runs: Runs, runs_dir: RunsDir = None) -> None:
    """End a hold."""
    _change(runs, runs_dir, "released", lambda queue, names: queue.release(names))


@app.command()
def move(
    runs: Runs,
    first: Annotated[bool, typer.Option("--first", help="Before all others of their priority.")] = False,
    last: Annotated[bool, typer.Option("--last", help="After all others of their priority.")] = False,
    before: Annotated[str, typer.Option("--before", metavar="RUN", help="Just before this run.")] = "",
    after: Annotated[str, typer.Option("--after", metavar="RUN", help="Just after this run.")] = "",
    priority: Annotated[int | None, typer.Option("--priority", help="Set it; higher goes first.")] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Change the order of the queue: by place among runs of one priority, or by priority."""
    asked = [first, last, bool(before), bool(after), priority is not None]
    if sum(asked) != 1:
        raise InputError("move: one of --first, --last, --before, --after and --priority is needed")
    if priority is not None:
        _change(
            runs, runs_dir, f"of priority {priority}", lambda queue, names: queue.prioritise(names, priority)
        )
        return
    beside = ""
    if before or after:
        beside = _chosen([before or after], runs_dir)[0].name
    place: Place = "first" if first else "last" if last else "before" if before else "after"
    _change(runs, runs_dir, "moved", lambda queue, names: queue.move(names, place, beside))


@app.command()
def note(
    runs: Runs,
    text: Annotated[str, typer.Option("--text", help="The note; empty removes it.", prompt=True)],
    runs_dir: RunsDir = None,
) -> None:
    """Set the note of runs, waiting or over."""
    _change(runs, runs_dir, "noted", lambda queue, names: queue.note(names, text))


@app.command()
def tag(
    runs: Runs,
    add: Annotated[list[str] | None, typer.Option("--add", help="Tag to add; may be repeated.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="Tag to remove; may be repeated.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Add tags to runs, waiting or over, or remove them."""
    if not add and not remove:
        raise InputError("tag: --add or --remove is needed")
    _change(runs, runs_dir, "tagged", lambda queue, names: queue.tag(names, add or (), remove or ()))


@app.command()
def pause(runs_dir: RunsDir = None) -> None:
    """Have no run begin; what is being trained goes on."""
    _queue(runs_dir).pause()
    line("the queue is paused")


@app.command()
def resume(runs_dir: RunsDir = None) -> None:
    """Have runs begin again."""
    _queue(runs_dir).resume()
    line("the queue goes on")


def _queue(runs_dir: "Path | None") -> "Queue":
    from rotui.cli.working import notice
    from rotui.store.location import runs_directory
    from rotui.store.queue import Queue

    return Queue(runs_directory(runs_dir), notice)


def _chosen(words: "Sequence[str]", runs_dir: "Path | None") -> "list[ListedRun]":
    from rotui.cli.choosing import chosen_runs
    from rotui.store.location import runs_directory
    from rotui.store.session import look

    return chosen_runs(words, look(runs_directory(runs_dir))[0])


def _change(
    words: "Sequence[str]",
    runs_dir: "Path | None",
    done: str,
    change: "Callable[[Queue, list[str]], None]",
) -> None:
    chosen = _chosen(words, runs_dir)
    change(_queue(runs_dir), [run.name for run in chosen])
    for run in chosen:
        line(f"{run.name}: {done}")
