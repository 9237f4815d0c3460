"""`rotui runs`: the runs there are, those that go on now among them."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from rotui.cli.options import AsJson, RunsDir
from rotui.cli.terminal import line, out, print_json, say
from rotui.errors import InputError
from rotui.profile.stages import STAGES
from rotui.store.status import Status
from rotui.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.text import Text

    from rotui.store.listing import ListedRun

StageChoice = StrEnum("StageChoice", {name: name for name in STAGES})  # type: ignore[misc]  # values from STAGES


StatusChoice = StrEnum("StatusChoice", {name: name for name in get_args(Status)})  # type: ignore[misc]


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
) -> None:
    """List the runs: waiting, running and over."""
    from rotui.store.location import runs_directory
    from rotui.store.session import look

    if context.invoked_subcommand is not None:
        return
    directory = runs_directory(runs_dir)
    found, unreadable = look(directory)
    for message in unreadable:
        say(f"rotui: cannot be shown: {message}", style="yellow")
    rows = [
        values
        for values in (_values(run, directory) for run in found)
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
def rebuild(context: typer.Context, runs_dir: RunsDir = None) -> None:
    """Make the index of the runs again from their directories; the old one is kept aside."""
    from rotui.cli.working import notice
    from rotui.store.location import runs_directory
    from rotui.store.queue import Queue

    given = context.parent.params["runs_dir"] if context.parent is not None else None
    directory = runs_directory(runs_dir or given)
    if not directory.is_dir():
        raise InputError(f"{printable(directory)}: there is no such directory")
    found = Queue(directory, notice).rebuild()
    line(f"{len(found)} runs are indexed in {printable(directory)}")


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
    from rotui.cli.columns import Column, fitting, plain_table

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
    out.print(plain_table(kept), crop=False)
    for values in rows:
        if values["reason"]:
            say(f"{values['number']}: {values['status']}: {printable(values['reason'])}")
    if dropped:
        say(f"not shown for want of room: {', '.join(dropped)} (--json has all)", style="dim")


def _status_cell(values: dict[str, Any]) -> "Text":
    from rich.text import Text

    from rotui.cli.queue_table import STATUS_STYLES

    scaled = ", scaled" if values["scaled"] else ""
    return Text(values["status"] + scaled, style=STATUS_STYLES[values["status"]])
