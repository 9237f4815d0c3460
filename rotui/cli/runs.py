"""`rotui runs`: the runs there are, those that go on now among them."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rotui.cli.options import AsJson, RunsDir
from rotui.cli.terminal import out, print_json, say
from rotui.profile.stages import STAGES
from rotui.text import printable

if TYPE_CHECKING:
    from rich.text import Text

    from rotui.store.past_runs import PastRun

StageChoice = StrEnum("StageChoice", {name: name for name in STAGES})  # type: ignore[misc]  # values from STAGES


class StatusChoice(StrEnum):
    """The states a run can be in."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


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


_STATUS_STYLES = {
    "running": "green",
    "finished": "",
    "failed": "bold red",
    "stopped": "yellow",
    "interrupted": "yellow",
}

_PLAIN_KEYS = {"name", "title", "description", "published", "stages", "seed", "data", "compute.threads"}
_SHORT_NAMES: dict[str, str] = {
    "rotation.count": "R={}",
    "network.architecture": "{}",
    "network.stem": "{} stem",
    "loss.label_smoothing": "smoothing {}",
    "labels.per_class": "{} labels",
    "labels.noise": "{} % label noise",
    "compute.precision": "{}",
    "scale.limit": "{} images",
    "scale.epochs": "{} epochs",
}


def runs(
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
    sort: Annotated[SortColumn, typer.Option("--sort", help="Column to sort by.")] = SortColumn.NUMBER,
    reverse: Annotated[bool, typer.Option("--reverse", help="Last first.")] = False,
    stage: Annotated[StageChoice | None, typer.Option("--stage", help="Only this stage.")] = None,
    status: Annotated[StatusChoice | None, typer.Option("--status", help="Only runs in this state.")] = None,
    text: Annotated[
        str, typer.Option("--text", help="Only runs with this text in study, name, settings or reason.")
    ] = "",
) -> None:
    """List the runs."""
    from rotui.store.location import runs_directory
    from rotui.store.past_runs import read_runs

    directory = runs_directory(runs_dir)
    found, unreadable = read_runs(directory)
    for message in unreadable:
        say(f"rotui: cannot be shown: {message}", style="yellow")
    rows = [
        values
        for values in map(_values, found)
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


def settings_text(run: "PastRun") -> str:
    """What sets the run apart: its dataset, then every setting that is not the default."""
    from rotui.profile.keys import flat
    from rotui.profile.schema import Profile
    from rotui.results.floor import rotation_floor

    ours, defaults = flat(run.profile.model_dump()), flat(Profile().model_dump())
    parts: list[str] = [run.profile.data.name]
    for key, value in ours.items():
        plain = key in _PLAIN_KEYS or key == "data.name" or value == defaults[key]
        if not plain and not _unread(key, run):
            name = _SHORT_NAMES.get(key, key.rpartition(".")[2].replace("{", "").replace("}", "") + " {}")
            parts.append(name.format(f"{value:g}" if isinstance(value, float) else value))
    if STAGES[run.stage].predicts_rotation and run.profile.rotation.count != 4:
        parts.append(f"floor {rotation_floor(run.profile.rotation).outline_percent:.0f} %")
    return ", ".join(parts)


def _unread(key: str, run: "PastRun") -> bool:
    """Whether the run's stage never looks at the setting."""
    rotates = STAGES[run.stage].predicts_rotation
    if key.startswith("schedule.") and run.profile.scale.epochs and key.endswith(".epochs"):
        return True
    if key.startswith("rotation."):
        return not (rotates or STAGES[run.stage].starts_pretrained)
    if key.startswith(("labels.", "schedule.downstream.")):
        return rotates
    return key.startswith("schedule.pretrain.") and not rotates


def _values(run: "PastRun") -> dict[str, Any]:
    """The run as plain values, texts as they were written; accuracies are on the test split in percent."""
    accuracies = [epoch.validation_accuracy for epoch in run.epochs]
    return {
        "number": run.number,
        "name": run.name,
        "study": run.study or run.profile.name,
        "stage": run.stage,
        "settings": settings_text(run),
        "seed": run.profile.seed,
        "status": run.status,
        "scaled": run.profile.scale.active,
        "reason": run.reason,
        "epochs": len(run.epochs),
        "epochs_planned": run.profile.epochs(run.stage),
        "best": max(accuracies, default=None),
        "last": accuracies[-1] if accuracies else None,
        "created": run.created,
        "parent_run": run.parent_run,
        "resumes": run.resumes,
        "verdict": run.verdict,
        "key": run.key,
        "path": str(run.path),
    }


def _contains(values: dict[str, Any], text: str) -> bool:
    shown = "\n".join(str(values[key]) for key in ("name", "study", "settings", "reason"))
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

    scaled = ", scaled" if values["scaled"] else ""
    return Text(values["status"] + scaled, style=_STATUS_STYLES[values["status"]])
