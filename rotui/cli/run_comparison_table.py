"""`rotui runs compare`: several runs side by side, as wide as the terminal."""

from collections.abc import Sequence

from rich.text import Text

from rotui.cli.columns import GAP, Column, fitting, plain_table
from rotui.cli.statuses import STATUS_STYLES
from rotui.cli.terminal import line, out, print_json, say
from rotui.formats import count, duration
from rotui.results.deviations import shown
from rotui.results.export import number_text
from rotui.results.run_comparison import ComparedRun, Difference, FinalNumbers, compare_runs
from rotui.text import printable

LONGEST_CELL = 24


def print_run_comparison(runs: Sequence[ComparedRun], as_json: bool) -> None:
    """Writes two or more runs side by side to stdout: their numbers, then the settings and the environments
    in which they differ. InputError for fewer."""
    comparison = compare_runs(runs)
    if as_json:
        print_json(comparison.to_json())
        return
    _print_numbers(comparison.numbers)
    heads = _heads(comparison.numbers)
    if comparison.settings:
        _print_differences("settings that differ", heads, comparison.settings)
    else:
        line("")
        line("no setting differs")
    if comparison.environment:
        _print_differences("environment", heads, comparison.environment)


def _print_numbers(runs: Sequence[FinalNumbers]) -> None:
    def rates() -> list[str]:
        return [count(round(run.images_per_second)) if run.images_per_second else "–" for run in runs]

    columns = [
        Column("run", _heads(runs), justify="left"),
        Column("stage", [run.stage for run in runs], rank=6, justify="left"),
        Column(
            "status",
            [Text(run.status, style=STATUS_STYLES[run.status]) for run in runs],
            rank=4,
            justify="left",
        ),
        Column("best", [number_text(run.best) for run in runs]),
        Column("last", [number_text(run.last) for run in runs]),
        Column("hold-out", [number_text(run.holdout) for run in runs], rank=1),
        Column("lowest\nloss", [number_text(run.lowest_loss, 4) for run in runs], rank=2),
        Column("epochs", [f"{run.epochs}/{run.epochs_planned}" for run in runs], rank=3),
        Column("took", [duration(run.seconds) if run.epochs else "–" for run in runs], rank=5),
        Column("images/s", rates(), rank=7),
        Column("resumed", [run.verdict or "–" for run in runs], rank=8, justify="left"),
    ]
    kept, dropped = fitting(columns, out.width)
    out.print(plain_table(kept), crop=False)
    if dropped:
        say(f"not shown for want of room: {', '.join(dropped)} (--json has all)", style="dim")


def _heads(runs: Sequence[FinalNumbers]) -> list[str]:
    """What each run is called over its column: its number, its name where copied runs share numbers."""
    is_unique = len({run.number for run in runs}) == len(runs)
    return [str(run.number) if is_unique else printable(run.name, LONGEST_CELL) for run in runs]


def _print_differences(title: str, heads: Sequence[str], differences: Sequence[Difference]) -> None:
    """One table, or as many below each other as the runs need room for."""
    keys = Column("", [printable(each.key, 40) for each in differences], justify="left")
    columns = [
        Column(head, [printable(shown(each.values[place]) or "–", LONGEST_CELL) for each in differences])
        for place, head in enumerate(heads)
    ]
    while columns:
        taken, room = 0, out.width - keys.width
        while taken < len(columns) and (not taken or room >= GAP + columns[taken].width):
            room -= GAP + columns[taken].width
            taken += 1
        line("")
        out.print(plain_table([keys, *columns[:taken]], title), crop=False)
        columns = columns[taken:]
