"""What a chart of 10 000 points costs to fill and draw beside one of 200, at 100 columns and 30 lines."""

import asyncio
import math
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from figures import Figure
from recording import Amount, main
from textual.app import App, ComposeResult

from rotui.study.records import EpochRecord
from rotui.tui.charts.curves import accuracy_series
from rotui.tui.widgets.chart import Chart, Series

NAME = "chart"
FEW, MANY = 200, 10_000
SIZE = (100, 30)
NO_DEARER = 1.05
"""What is called no dearer, by what the middle of forty drawings scatters."""


class ChartApp(App[None]):
    """The chart alone. Its clock runs ahead, so that nothing waits for the time between two drawings."""

    def __init__(self) -> None:
        super().__init__()
        seconds = count(step=10)
        self.chart = Chart(clock=lambda: float(next(seconds)))

    def compose(self) -> ComposeResult:
        yield self.chart


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
    app = ChartApp()
    async with app.run_test(size=SIZE) as pilot:
        for number in range(times + 1):
            for (points, kind), content in contents.items():
                series = next(content)
                new = _milliseconds(app.chart, partial(app.chart.set_content, series, (), "accuracy"))
                again = _milliseconds(app.chart, app.chart.action_all)
                if number:  # the first drawing fills caches
                    taken[points][f"{kind}, new content"].append(new)
                    taken[points][f"{kind}, drawn again"].append(again)
            await pilot.pause()
        for points in (FEW, MANY):
            epochs = _epochs(points)
            for number in range(times + 1):
                spent = _milliseconds(app.chart, partial(_show, app.chart, epochs))
                if number:
                    taken[points]["a run's epochs, unchanged"].append(spent)
    return taken


def _show(chart: Chart, epochs: tuple[EpochRecord, ...]) -> None:
    """What the console's first place does with each snapshot."""
    chart.set_content(accuracy_series(epochs), (), "accuracy", "%")


def _epochs(count: int) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(number, 1 / number, 50.0, 2 / number, 40.0, None, None, 0.001, 1.0, 100.0)
        for number in range(1, count + 1)
    )


def _milliseconds(chart: Chart, change: Callable[[], None]) -> float:
    begun = time.perf_counter()
    change()
    for line in range(SIZE[1]):
        chart.render_line(line)
    return (time.perf_counter() - begun) * 1000


def _contents(points: int, shape: Callable[[float, random.Random], float]) -> Iterator[tuple[Series, ...]]:
    """Two curves, each time with one point more, as a training goes on."""
    draw = random.Random(points)
    more = points + 1000
    xs = tuple(float(number) for number in range(1, more + 1))
    curves = [tuple(shape(number / more, draw) for number in range(more)) for _ in range(2)]
    for end in range(points, more):
        yield tuple(Series(name, xs[:end], ys[:end]) for name, ys in zip(("a", "b"), curves, strict=True))


if __name__ == "__main__":
    main({NAME: measure})
