"""What a chart of 10 000 points costs to fill and draw beside one of 200, at 100 columns and 30 lines."""

import asyncio
import math
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

from figures import Figure
from recording import Amount, main
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll

from rotui.study.records import EpochRecord
from rotui.tui.charts.epoch_series import accuracy_series
from rotui.tui.widgets.chart import Chart

NAME = "chart"
FEW, MANY = 200, 10_000
SIZE = (100, 30)
NO_DEARER = 1.05
"""What is called no dearer, by what the middle of forty drawings scatters."""


class ChartsApp(App[None]):
    """The charts. Their clocks run ahead, so that nothing waits for the time between two drawings."""

    def __init__(self, charts: Sequence[Chart]) -> None:
        super().__init__()
        self._charts = charts

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield from self._charts

    def on_mount(self) -> None:
        for chart in self._charts:
            chart.styles.width, chart.styles.height = SIZE


def chart() -> Chart:
    """One whose time passes quickly."""
    seconds = count(step=10)
    return Chart(clock=lambda: float(next(seconds)))


def smooth(share: float, _: random.Random) -> float:
    """A curve as accuracies rise."""
    return 90 - 80 * math.exp(-5 * share)


def noisy(share: float, draw: random.Random) -> float:
    """The same with noise from one point to the next."""
    return smooth(share, draw) + draw.uniform(-5, 5)


def measure(amount: Amount) -> list[Figure]:
    """Milliseconds from new content to drawn lines, and of lines drawn again."""
    taken = asyncio.run(_drawings(amount.times(40)))
    plain = {
        kind: Figure(NAME, f"{FEW} points, {kind}", tuple(values)) for kind, values in taken[FEW].items()
    }
    return [
        figure
        for kind, values in taken[MANY].items()
        for figure in (
            plain[kind],
            Figure(NAME, f"{MANY} points, {kind}", tuple(values), "ms", plain[kind], NO_DEARER, "ratio"),
        )
    ]


async def _drawings(times: int) -> dict[int, dict[str, list[float]]]:
    contents = {
        (points, kind): _contents(points, shape)
        for kind, shape in {"smooth": smooth, "noisy": noisy}.items()
        for points in (FEW, MANY)
    }
    taken: dict[int, dict[str, list[float]]] = {FEW: defaultdict(list), MANY: defaultdict(list)}
    charts = {case: chart() for case in contents}
    async with ChartsApp(list(charts.values())).run_test(size=(SIZE[0] + 2, SIZE[1])) as pilot:
        for number in range(times + 1):
            for (points, kind), content in contents.items():
                shown, epochs = charts[points, kind], next(content)
                spent = {
                    "new content": _milliseconds(shown, partial(_show, shown, epochs)),
                    "unchanged": _milliseconds(shown, partial(_show, shown, epochs)),
                    "drawn again": _milliseconds(shown, shown.action_all),
                }
                if number:  # the first drawing fills caches
                    for what, milliseconds in spent.items():
                        taken[points][f"{kind}, {what}"].append(milliseconds)
            await pilot.pause()
    return taken


def _show(chart: Chart, epochs: tuple[EpochRecord, ...]) -> None:
    """What the console's first place does with each snapshot."""
    chart.set_content(accuracy_series(epochs), (), "accuracy", "%")


def _milliseconds(chart: Chart, change: Callable[[], None]) -> float:
    begun = time.perf_counter()
    change()
    for line in range(SIZE[1]):
        chart.render_line(line)
    return (time.perf_counter() - begun) * 1000


def _contents(
    points: int, shape: Callable[[float, random.Random], float]
) -> Iterator[tuple[EpochRecord, ...]]:
    """A run's epochs, each time with one more, as a training goes on."""
    draw = random.Random(points)
    more = points + 1000
    epochs = tuple(
        EpochRecord(
            number, 1 / number, shape(number / more, draw), 1 / number, shape(number / more, draw),
            None, None, 0.001, 1.0, 100.0,
        )
        for number in range(1, more + 1)
    )  # fmt: skip
    for end in range(points, more):
        yield epochs[:end]


if __name__ == "__main__":
    main({NAME: measure})
