"""Runs side by side as lines of text: what differs in their settings, what they reached, what made them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text

from rotui.formats import count, duration
from rotui.profile.stages import STAGES
from rotui.results.deviations import shown
from rotui.results.run_comparison import FinalNumbers, RunComparison
from rotui.store.listing import ListedRun
from rotui.text import printable
from rotui.tui.charts.charting import COLOURS, SIGNS, Look
from rotui.tui.tables.queue_columns import MARKS

BEST = "★"
"""Behind the best of several numbers that can be compared."""

_LONGEST = 80


@dataclass(frozen=True)
class Line:
    """A name and one cell for each run; a heading has no cells."""

    label: str
    cells: tuple[Text, ...] = ()


def run_looks(runs: Sequence[ListedRun]) -> dict[str, Look]:
    """A colour and a sign for each run by its name. They follow from the run's number, so that a run looks
    the same in every comparison where no other has taken them; no two have the same sign."""
    looks: dict[str, Look] = {}
    for run in runs:
        colours = [look.colour for look in looks.values()]
        signs = [look.sign for look in looks.values()]
        looks[run.name] = Look(_free(COLOURS, colours, run.number), _free(SIGNS, signs, run.number))
    return looks


def heads(runs: Sequence[ListedRun]) -> list[str]:
    """What each run is called: its number, or its name where copied runs share numbers."""
    is_unique = len({run.number for run in runs}) == len(runs)
    return [str(run.number) if is_unique else printable(run.name, _LONGEST) for run in runs]


def side_lines(comparison: RunComparison) -> list[Line]:
    """All of a comparison, under headings."""
    lines = [Line("settings that differ" if comparison.settings else "no setting differs")]
    for each in comparison.settings:
        lines.append(Line(each.key, tuple(Text(printable(shown(v), _LONGEST)) for v in each.values)))
    lines += [Line("final numbers"), *_number_lines(comparison)]
    if comparison.environment:
        lines.append(Line("made by"))
    for each in comparison.environment:
        cells = ("–" if value is None else shown(value) for value in each.values)
        lines.append(Line(each.key, tuple(Text(printable(cell, _LONGEST)) for cell in cells)))
    return lines


def _number_lines(comparison: RunComparison) -> list[Line]:
    runs = comparison.numbers
    comparable = _are_comparable(comparison)
    lines = [
        Line("state", tuple(_status(run.status) for run in runs)),
        _measured("best %", [run.best for run in runs], 2, max if comparable else None),
        _measured("last epoch %", [run.last for run in runs], 2, max if comparable else None),
        _measured("hold-out %", [run.holdout for run in runs], 2, max if comparable else None),
        _measured("lowest loss", [run.lowest_loss for run in runs], 4, min if comparable else None),
        Line("epochs", tuple(Text(f"{run.epochs}/{run.epochs_planned}") for run in runs)),
        Line("took", tuple(Text(duration(run.seconds) if run.epochs else "–") for run in runs)),
        Line("images per second", tuple(Text(_rate(run)) for run in runs)),
        Line("resumed", tuple(Text(printable(run.verdict, 20) or "–") for run in runs)),
    ]
    optional = ("hold-out %", "resumed")
    return [line for line in lines if line.label not in optional or any(c.plain != "–" for c in line.cells)]


def _measured(
    label: str,
    values: Sequence[float | None],
    digits: int,
    choose: Callable[[list[float]], float] | None,
) -> Line:
    known = [value for value in values if value is not None]
    best = choose(known) if choose is not None and len(set(known)) > 1 else None
    cells = []
    for value in values:
        if value is None:
            cells.append(Text("–"))
        elif value == best:
            cells.append(Text(f"{value:.{digits}f} {BEST}", "bold"))
        else:
            cells.append(Text(f"{value:.{digits}f}" + "  " * (best is not None)))
    return Line(label, tuple(cells))


def _are_comparable(comparison: RunComparison) -> bool:
    """Whether a higher accuracy is a better one: all learn the same thing from the same data."""
    rotates = {STAGES[run.stage].predicts_rotation for run in comparison.numbers}
    differing = {each.key for each in comparison.settings}
    if True in rotates and any(key.startswith("rotation.") for key in differing):
        return False
    return len(rotates) == 1 and "data.name" not in differing


def _status(status: str) -> Text:
    sign, style = MARKS[status]
    return Text(f"{sign} {status}", style)


def _rate(run: FinalNumbers) -> str:
    return "–" if run.images_per_second is None else count(round(run.images_per_second))


def _free(choices: Sequence[str], taken: Sequence[str], number: int) -> str:
    """The choice that belongs to the number, or the next after it that is free, while one is."""
    turned = [choices[(number + place) % len(choices)] for place in range(len(choices))]
    return next((choice for choice in turned if choice not in taken), turned[0])
