"""`rotui runs`: the runs there are, those that go on now among them; one in full, some compared."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from rotui.cli.option_places import refuse_misplaced_options
from rotui.cli.options import AsJson, RunsDir
from rotui.cli.terminal import line, out, print_json, say, talk
from rotui.errors import InputError
from rotui.formats import run_count
from rotui.profile.stages import STAGES
from rotui.store.status import Status
from rotui.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.text import Text

    from rotui.store.listing import ListedRun
    from rotui.store.past_runs import PastRun

RunWords = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Runs by number, range (3-7) or directory name.")
]
StageChoice = StrEnum("StageChoice", {name: name for name in STAGES})  # type: ignore[misc]  # values from STAGES


StatusChoice = StrEnum("StatusChoice", {name: name for name in get_args(Status)})  # type: ignore[misc]  # from Status


class SortColumn(StrEnum):
    """What the table can be sorted by."""

    NUMBER = "number"
    STUDY = "study"
    STAGE = "stage"
    SETTINGS = "settings"
    SEED = "seed"
    STATUS = "status"
    EPOCHS = "epochs"
    BEST = "best"
    LAST = "last"
    CREATED = "created"


app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
    sort: Annotated[SortColumn, typer.Option("--sort", help="Column to sort by.")] = SortColumn.NUMBER,
    reverse: Annotated[bool, typer.Option("--reverse", help="Last first.")] = False,
    stage: Annotated[StageChoice | None, typer.Option("--stage", help="Only this stage.")] = None,
    status: Annotated[StatusChoice | None, typer.Option("--status", help="Only runs in this state.")] = None,
    text: Annotated[
        str,
        typer.Option(
            "--text", help="Only runs with this text in study, name, settings, reason, note or tags."
        ),
    ] = "",
    where: Annotated[
        str,
        typer.Option(
            "--where",
            metavar="FILTER",
            help="Only runs that fit all words, such as 'stage=finetune acc>60 -tag=old \"two words\"'.",
        ),
    ] = "",
) -> None:
    """List the runs: waiting, running and over.

    --where takes words to look for and KEY=VALUE, with != > >= < <= or ~ (contains) as well, of what --json
    prints; acc, loss, no, tag, epoch and rate are short for it. A leading - negates a word.
    """
    from rotui.store.filtering import Filter
    from rotui.store.location import runs_directory
    from rotui.store.session import look

    refuse_misplaced_options(context)
    if context.invoked_subcommand is not None:
        return
    wanted = Filter.parse(where)
    directory = runs_directory(runs_dir)
    found, unreadable = look(directory)
    for message in unreadable:
        say(f"rotui: cannot be shown: {message}", style="yellow")
    rows = [
        values
        for values in (_values(run, directory) for run in found if wanted.fits(run))
        if (stage is None or values["stage"] == stage)
        and (status is None or values["status"] == status)
        and _contains(values, text)
    ]
    rows.sort(key=_sort_key(sort), reverse=reverse)
    if as_json:
        for values in rows:
            print_json(values)
        return
    if rows:
        _print_table(rows)
    else:
        say(f"no runs in {printable(directory)}" if not found else "no run fits the filters")


@app.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run by number or directory name.")],
    as_json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Show one run: its settings, what it was made by, what it ended with, its last epochs, checkpoints."""
    from rotui.cli.choosing import chosen_runs
    from rotui.cli.run_details import print_run
    from rotui.store.location import runs_directory
    from rotui.store.past_runs import read_run
    from rotui.store.session import look

    directory = runs_directory(runs_dir)
    names = _named([run], directory)
    if len(names) > 1:
        raise InputError(f"{printable(run)}: one run is shown at a time (rotui runs compare shows several)")
    past = read_run(directory / names[0])
    print_run(chosen_runs(names, look(directory)[0])[0], past, as_json)


@app.command()
def compare(runs: RunWords, as_json: AsJson = False, runs_dir: RunsDir = None) -> None:
    """Lay two or more runs side by side: their numbers, and where settings and environment differ."""
    from rotui.cli.run_comparison_table import print_run_comparison
    from rotui.store.location import runs_directory

    print_run_comparison(_past_runs(runs, runs_directory(runs_dir)), as_json)


@app.command()
def delete(runs: RunWords, runs_dir: RunsDir = None) -> None:
    """Move runs that have ended or wait into the trash; restore brings them back."""
    from rotui.cli.working import notice
    from rotui.store.location import runs_directory
    from rotui.store.trash import delete_runs

    directory = runs_directory(runs_dir)
    names = _named(runs, directory)
    delete_runs(directory, names, notice)
    for name in names:
        line(f"{name}: in the trash")
    say(f"back by: rotui runs restore {' '.join(names)}", style="dim")


@app.command()
def restore(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN...", help="Runs in the trash, by number, range or name."),
    ] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List what is in the trash.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Bring runs back from the trash; what waited waits again."""
    from rotui.cli.working import notice
    from rotui.store.layout import TRASH
    from rotui.store.location import runs_directory
    from rotui.store.trash import restore_runs, trashed

    directory = runs_directory(runs_dir)
    there = trashed(directory)
    if only_list and runs:
        raise InputError("--list: lists all of the trash (without runs; without --list they are restored)")
    if only_list:
        for name in there:
            line(name)
        return
    if not there:
        raise InputError("the trash is empty")
    if not runs:
        raise InputError("restore: which runs? (numbers or names; --list shows what is in the trash)")
    names = _named(runs, directory / TRASH)
    restore_runs(directory, names, notice)
    for name in names:
        line(f"{name}: restored")


@app.command()
def empty_trash(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Remove what is in the trash for good."""
    from rotui.cli.working import notice
    from rotui.store.location import runs_directory
    from rotui.store.trash import empty_trash, trashed

    directory = runs_directory(runs_dir)
    there = trashed(directory)
    if there and not yes and not _is_agreed(there):
        say("nothing is removed")
        return
    removed = empty_trash(directory, notice)
    line(f"removed {run_count(len(removed))}")


@app.command()
def rebuild(runs_dir: RunsDir = None) -> None:
    """Make the index of the runs again from their directories; the old one is kept aside."""
    from rotui.cli.working import notice
    from rotui.store.location import runs_directory
    from rotui.store.queue import Queue

    directory = runs_directory(runs_dir)
    if not directory.is_dir():
        raise InputError(f"{printable(directory)}: there is no such directory")
    found = Queue(directory, notice).rebuild()
    line(f"{len(found)} runs are indexed in {printable(directory)}")


def _is_agreed(names: Sequence[str]) -> bool:
    """Asks on stderr; InputError where there is nobody to answer."""
    for name in names:
        say(name)
    try:
        return talk.input(f"remove {run_count(len(names))} for good? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError as error:
        raise InputError("nobody answered: nothing is removed (--yes removes without asking)") from error


def _named(words: Sequence[str], directory: "Path") -> list[str]:
    """Directory names of the runs that the words name, those that cannot be read by their names alone."""
    from rotui.cli.choosing import chosen_runs
    from rotui.store.past_runs import run_paths
    from rotui.store.session import look

    there = {path.name for path in run_paths(directory)}
    listed = look(directory)[0] if any(word not in there for word in words) else []
    named = [[word] if word in there else [run.name for run in chosen_runs([word], listed)] for word in words]
    return list(dict.fromkeys(name for names in named for name in names))


def _past_runs(words: Sequence[str], directory: "Path") -> "list[PastRun]":
    from rotui.store.past_runs import read_run

    return [read_run(directory / name) for name in _named(words, directory)]


def _values(run: "ListedRun", directory: "Path") -> dict[str, Any]:
    """The run as plain values, texts as they were written; accuracies are on the test split in percent."""
    values = run.to_json(directory)
    if run.floor is not None and "R=" in run.settings:
        values["settings"] += f", floor {run.floor:.0f} %"
    return values


def _contains(values: dict[str, Any], text: str) -> bool:
    shown = "\n".join(str(values[key]) for key in ("name", "study", "settings", "reason", "note", "tags"))
    return text.casefold() in shown.casefold()


def _sort_key(column: SortColumn) -> Callable[[dict[str, Any]], Any]:
    def key(values: dict[str, Any]) -> Any:
        value = values[column.value]
        return (value is not None, value if value is not None else 0, values["number"])

    return key


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rotui.cli.columns import Column, fitting, table_lines

    def texts(name: str, limit: int = 60) -> list[Any]:
        return [printable(values[name], limit) for values in rows]

    def accuracies(name: str) -> list[Any]:
        return ["–" if values[name] is None else f"{values[name]:.2f}" for values in rows]

    columns = [
        Column("no.", texts("number")),
        Column("study", texts("study", 24), rank=2, justify="left"),
        Column("stage", texts("stage"), justify="left"),
        Column("settings", texts("settings", 40 if out.width >= 120 else 28), rank=1, justify="left"),
        Column("seed", texts("seed"), rank=5),
        Column("status", [_status_cell(values) for values in rows], justify="left"),
        Column("epochs", [f"{values['epochs']}/{values['epochs_planned']}" for values in rows], rank=4),
        Column("best", accuracies("best")),
        Column("last", accuracies("last"), rank=3),
        Column(
            "created (UTC)", [printable(values["created"])[:16].replace("T", " ") for values in rows], rank=6
        ),
    ]
    kept, dropped = fitting(columns, out.width)
    out.print(table_lines(kept), soft_wrap=True)
    for values in rows:
        if values["reason"]:
            say(f"{values['number']}: {values['status']}: {printable(values['reason'])}")
    if dropped:
        say(f"not shown for want of room: {', '.join(dropped)} (--json has all)", style="dim")


def _status_cell(values: dict[str, Any]) -> "Text":
    from rich.text import Text

    from rotui.cli.statuses import STATUS_STYLES

    scaled = ", scaled" if values["scaled"] else ""
    return Text(values["status"] + scaled, style=STATUS_STYLES[values["status"]])
