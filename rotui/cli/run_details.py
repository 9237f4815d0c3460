"""`rotui runs show`: all that is known of one run."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from rotui.cli.columns import GAP, Column, fitting, plain_table
from rotui.cli.statuses import STATUS_STYLES
from rotui.cli.terminal import line, out, print_json
from rotui.formats import count, duration
from rotui.profile.schema import Profile
from rotui.profile.stages import STAGES
from rotui.results.deviations import shown
from rotui.results.export import number_text
from rotui.results.run_comparison import environment_values, finite, from_default
from rotui.store.checkpoints import FOLDER
from rotui.store.listing import ListedRun
from rotui.store.past_runs import PastRun, read_state
from rotui.text import megabytes, printable

EPOCHS_SHOWN = 6
LONGEST_VALUE = 2000


def print_run(run: ListedRun, past: PastRun, as_json: bool) -> None:
    """Writes what is known of one run to stdout, as wide as the terminal; with `as_json` all of it."""
    if as_json:
        print_json(_run_values(run, past))
        return
    line(past.name)
    out.print(_facts(_fact_rows(run, past)))
    if past.result is not None:
        _print_classes(past)
    if past.epochs:
        _print_epochs(past)


def _run_values(run: ListedRun, past: PastRun) -> dict[str, Any]:
    return {
        **finite(run.to_json(past.path.parent)),
        "compared": read_state(past.path).compared,
        "differences": {
            each.key: dict(zip(("value", "default"), finite(each.values), strict=True))
            for each in from_default(past.profile)
        },
        "profile": finite(past.profile.model_dump(mode="json")),
        "environment": finite(environment_values(past.provenance)),
        "provenance": finite(past.provenance),
        "result": finite(past.result.to_json()) if past.result else None,
        "metrics": [finite(asdict(epoch)) for epoch in past.epochs],
        "checkpoints": [{"name": path.name, "bytes": size} for path, size in _checkpoints(past.path)],
    }


def _checkpoints(path: Path) -> list[tuple[Path, int]]:
    """The checkpoints in a run's directory, oldest first, each with its bytes."""
    found = sorted((path / FOLDER).glob("epoch-*"))
    return [(each, sum(file.stat().st_size for file in each.iterdir())) for each in found if each.is_dir()]


def _fact_rows(run: ListedRun, past: PastRun) -> list[tuple[str, str | Text]]:
    environment = environment_values(past.provenance)
    rows: list[tuple[str, str | Text]] = [
        ("stage", STAGES[past.stage].title),
        ("study", run.study),
        ("status", _status(run)),
        ("starts from", run.parent_run or "random weights"),
        ("queued", f"{_time(run.created)}, changed {_time(run.changed)}"),
        ("epochs", _epochs_text(run)),
        ("resumes", _resumes_text(run, past)),
        ("note", run.note),
        ("tags", ", ".join(run.tags)),
        *_result_rows(run, past),
        ("settings", _settings_text(past.profile)),
        ("made by", _made_by(environment)),
        ("on", _made_on(environment)),
        ("command", " ".join(map(str, _command(past)))),
        (
            "checkpoints",
            "\n".join(f"{path.name}, {megabytes(size)}" for path, size in _checkpoints(past.path)),
        ),
        ("path", str(past.path.absolute())),
    ]
    return [(label, value) for label, value in rows if str(value)]


def _facts(rows: Sequence[tuple[str, str | Text]]) -> Table:
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, value in rows:
        lines = [printable(part, LONGEST_VALUE) for part in str(value).split("\n")]
        table.add_row(label, value if isinstance(value, Text) else Text("\n".join(lines)))
    return table


def _status(run: ListedRun) -> Text:
    told = f"{run.status}{', scaled' if run.scaled else ''}{': ' + run.reason if run.reason else ''}"
    return Text(printable(told, LONGEST_VALUE), style=STATUS_STYLES[run.status])


def _time(written: str) -> str:
    return f"{written[:16].replace('T', ' ')} UTC"


def _epochs_text(run: ListedRun) -> str:
    rate = f", {count(round(run.images_per_second))} images/s" if run.images_per_second else ""
    took = f", took {duration(run.seconds)}{rate}" if run.epochs else ""
    return f"{run.epochs} of {run.epochs_planned}{took}"


def _resumes_text(run: ListedRun, past: PastRun) -> str:
    """How the run was taken up, and whether it is as if it had never been stopped."""
    if not run.resumes:
        return "never stopped" if run.epochs else ""
    compared = read_state(past.path).compared
    told = f", {compared} epochs trained again and compared" if compared else ""
    return f"{run.resumes}, {run.verdict or 'not judged yet'}{told}"


def _result_rows(run: ListedRun, past: PastRun) -> list[tuple[str, str | Text]]:
    result = past.result
    if result is None:
        so_far = f"best so far {number_text(run.best)}, last {number_text(run.last)}" if run.epochs else ""
        return [("result", so_far)]
    floor = f", floor {run.floor:.0f} %" if run.floor is not None else ""
    holdout = result.holdout_choice_accuracy
    chosen = f", hold-out {holdout:.2f} (epoch {result.holdout_choice_epoch})" if holdout is not None else ""
    return [
        (
            "result",
            f"best {result.best_accuracy:.2f} (epoch {result.best_accuracy_epoch}), "
            f"last {result.last_accuracy:.2f}{chosen}{floor}",
        ),
        (
            "loss",
            f"lowest {result.lowest_loss:.4f} (epoch {result.lowest_loss_epoch}), "
            f"last {result.last_loss:.4f}",
        ),
        *(
            (
                f"{name} trunk",
                f"20 nearest neighbours {probe.nearest_neighbour_accuracy:.2f}, "
                f"linear {probe.linear_accuracy:.2f}",
            )
            for name, probe in result.probes.items()
        ),
    ]


def _settings_text(profile: Profile) -> str:
    """One line for each setting that is not the default."""
    told = [
        f"{each.key} = {shown(value) or '–'} (default {shown(default) or '–'})"
        for each in from_default(profile)
        for value, default in [each.values]
    ]
    return "\n".join(told) or "all at their defaults"


def _made_by(environment: dict[str, Any]) -> str:
    commit = environment["commit"]
    parts = [f"{name} {environment[name]}" for name in ("rotui", "torch") if environment[name]]
    return ", ".join([*parts, *([f"commit {str(commit)[:12]}"] if commit else [])])


def _made_on(environment: dict[str, Any]) -> str:
    threads = environment["threads"]
    names = [environment[name] for name in ("device", "cpu", "host")]
    parts = [str(name) for name in dict.fromkeys(names) if name]
    return ", ".join([*parts, *([f"{threads} thread{'s' if threads != 1 else ''}"] if threads else [])])


def _command(past: PastRun) -> Sequence[object]:
    command = past.provenance.get("command") or (past.entry.queued_by if past.entry else ())
    return command if isinstance(command, list | tuple) else ()


def _print_classes(past: PastRun) -> None:
    assert past.result is not None
    told = past.result.classification
    if not told.classes:
        return
    totals = [str(sum(row)) for row in told.confusion]
    columns = [
        Column("class", [printable(name, 40) for name in told.classes], justify="left"),
        Column("accuracy", [number_text(value) for value in told.per_class]),
        Column("images", totals, rank=1),
    ]
    _print_titled("accuracy of each class in percent, last epoch", columns)


def _print_epochs(past: PastRun) -> None:
    epochs = past.epochs[-EPOCHS_SHOWN:]
    columns = [
        Column("epoch", [str(epoch.epoch) for epoch in epochs]),
        Column("train\nloss", [f"{epoch.train_loss:.4f}" for epoch in epochs], rank=2),
        Column("train\n%", [f"{epoch.train_accuracy:.2f}" for epoch in epochs], rank=1),
        Column("val\nloss", [f"{epoch.validation_loss:.4f}" for epoch in epochs]),
        Column("val\n%", [f"{epoch.validation_accuracy:.2f}" for epoch in epochs]),
        Column("learning\nrate", [f"{epoch.learning_rate:g}" for epoch in epochs], rank=4),
        Column("seconds", [f"{epoch.seconds:.1f}" for epoch in epochs], rank=3),
        Column("images/s", [f"{epoch.images_per_second:.0f}" for epoch in epochs], rank=5),
    ]
    if any(epoch.holdout_accuracy is not None for epoch in epochs):
        columns.insert(5, Column("hold-\nout %", [number_text(e.holdout_accuracy) for e in epochs], rank=3))
    _print_titled(f"last {len(epochs)} of {len(past.epochs)} epochs", columns)


def _print_titled(title: str, columns: Sequence[Column]) -> None:
    """A table under its title, which would be folded to a narrow table's width as a part of it."""
    line("")
    out.print(Text(title, style="bold"))
    out.print(plain_table(fitting(columns, out.width)[0]), crop=False)
