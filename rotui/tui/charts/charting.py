"""What a chart shows of its series: cleaned, smoothed, cut to the view, reduced to two points a column."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import NamedTuple

COLOURS = ("cyan", "yellow", "magenta", "green", "bright_red", "blue", "bright_magenta", "bright_green")
"""Colours that 16-colour terminals have, those first that most eyes tell apart."""

SIGNS = "●▲■◆○△□◇✚✖★"
"""Signs that tell series apart where colours do not."""

SMOOTHEST = 0.99

LARGEST = 1e300


@dataclass(frozen=True)
class Series:
    """One curve. Without `colour` (a colour name or #rrggbb) or `marker` (one sign) the chart chooses
    them and keeps them for this name; a marker that another curve has too is replaced."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: str = ""
    marker: str = ""


@dataclass(frozen=True)
class Reference:
    """A value to compare with, drawn as a dashed horizontal line."""

    label: str
    y: float


class Look(NamedTuple):
    """How a series is told from the others."""

    colour: str
    sign: str


@dataclass(frozen=True)
class Curve:
    """The points of a series that can be drawn, by rising x."""

    xs: Sequence[float]
    ys: Sequence[float]
    _reduced: dict[tuple[float, float, int], list[tuple[float, float]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def at(self, x: float, within: float) -> float | None:
        """The value at the point nearest to x and not farther than `within`; None where there is none."""
        place = bisect_left(self.xs, x)
        near = [i for i in (place - 1, place) if 0 <= i < len(self.xs) and abs(self.xs[i] - x) <= within]
        return self.ys[min(near, key=lambda index: abs(self.xs[index] - x))] if near else None


def curve(series: Series, *, smoothing: float = 0.0, log_y: bool = False) -> Curve:
    """The finite points of `series`, of a logarithmic axis the positive ones, in order and smoothed."""
    count = min(len(series.xs), len(series.ys))
    xs, ys = list(series.xs[:count]), list(series.ys[:count])
    in_order = math.isfinite(sum(xs)) and xs == sorted(xs)
    if not (drawable((xs[0], xs[-1]) if in_order and xs else xs) and drawable(ys)):
        points = [(x, y) for x, y in zip(xs, ys, strict=True) if drawable((x, y))]
        xs, ys = [x for x, _ in points], [y for _, y in points]
    if not in_order:
        points = sorted(zip(xs, ys, strict=True), key=lambda point: point[0])
        xs, ys = [x for x, _ in points], [y for _, y in points]
    ys = smoothed(ys, smoothing)
    if log_y and min(ys, default=1) <= 0:
        points = [(x, y) for x, y in zip(xs, ys, strict=True) if y > 0]
        xs, ys = [x for x, _ in points], [y for _, y in points]
    return Curve(xs, ys)


def logarithmic(series: Series) -> Series:
    """The series with the power of ten of each x in its place; points that have none are left out."""
    points = [(math.log10(x), y) for x, y in zip(series.xs, series.ys, strict=False) if x > 0]
    return replace(series, xs=[x for x, _ in points], ys=[y for _, y in points])


def drawable(values: Sequence[float]) -> bool:
    """True where all values are finite and not so large that differences of two could overflow."""
    return (
        math.isfinite(sum(values)) and -LARGEST < min(values, default=0) <= max(values, default=0) < LARGEST
    )


def smoothed(ys: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average in which the past counts with `weight`, without a pull towards zero at the
    beginning."""
    weight = min(max(weight, 0.0), SMOOTHEST)
    if not weight or not ys:
        return list(ys)
    sums = accumulate(ys, lambda past, y: past * weight + (1 - weight) * y, initial=0.0)
    counts = accumulate(ys, lambda past, _: past * weight + (1 - weight), initial=0.0)
    next(sums), next(counts)
    return [total / count for total, count in zip(sums, counts, strict=True)]


def reduced(shown: Curve, low: float, high: float, columns: int) -> list[tuple[float, float]]:
    """The points from low to high and one beyond at each side: the smallest and the largest per column. The
    last answer is kept, for keys draw the same points again."""
    asked = (low, high, columns)
    if asked not in shown._reduced:
        shown._reduced.clear()
        shown._reduced[asked] = _reduced(shown, *asked)
    return shown._reduced[asked]


def _reduced(shown: Curve, low: float, high: float, columns: int) -> list[tuple[float, float]]:
    xs, ys = shown.xs, shown.ys
    begin, end = bisect_left(xs, low), bisect_right(xs, high)
    before = [(xs[begin - 1], ys[begin - 1])] if begin > 0 else []
    after = [(xs[end], ys[end])] if end < len(xs) else []
    if end - begin <= 2 * columns:
        return [*before, *zip(xs[begin:end], ys[begin:end], strict=True), *after]
    width = (high - low) / columns
    edges = [bisect_left(xs, low + width * column, begin, end) for column in range(columns)]
    points = []
    for start, stop in pairwise([*edges, end]):
        if start < stop:
            bucket = ys[start:stop]
            smallest, largest = bucket.index(min(bucket)), bucket.index(max(bucket))
            for place in sorted({smallest, largest}):
                points.append((xs[start + place], bucket[place]))
    return [*before, *points, *after]


def x_range(curves: Iterable[Curve]) -> tuple[float, float] | None:
    """From the first x to the last of all curves, None where no curve has a point."""
    drawn = [each for each in curves if each.xs]
    if not drawn:
        return None
    return min(each.xs[0] for each in drawn), max(each.xs[-1] for each in drawn)


def y_range(ys: Iterable[float], *, log_y: bool = False) -> tuple[float, float]:
    """Limits of an axis on which all of `ys` lie with a little room; in powers of ten where `log_y`."""
    values = [math.log10(y) for y in ys if y > 0] if log_y else list(ys)
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    span = high - low
    if span <= 1e-12 * max(abs(low), abs(high)):
        room = 0.5 if log_y else (abs(high) * 0.1 or 1.0)
        return low - room, high + room
    return low - span * 0.03, high + span * 0.03


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most about `count` round numbers from low to high, evenly spaced, none outside by rounding."""
    span = high - low
    if not (span > 0 and math.isfinite(span)) or count < 1:
        return []
    rough = span / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [min(max(index * step, low), high) for index in range(first, last + 1)][: 4 * count]


def tick_labels(values: Sequence[float], *, log_y: bool = False) -> list[str]:
    """The values with as many digits as tell them apart; `values` are powers of ten where `log_y`."""
    if log_y:
        return [f"{10.0**value:.3g}" for value in values]
    largest = max(map(abs, values), default=0.0)
    kind = "f" if 1e-3 <= largest < 1e6 else "e"
    labels: list[str] = []
    for digits in range(9):
        labels = [f"{value + 0.0:.{digits}{kind}}" for value in values]
        if all(abs(float(label) - y) <= 1e-6 * largest for label, y in zip(labels, values, strict=True)):
            break
    return labels


def value_text(value: float | None) -> str:
    """A value as a line of text shows it."""
    if value is None:
        return "–"
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.3e}"


def looks(series: Sequence[Series], before: Mapping[str, Look]) -> dict[str, Look]:
    """A look for each series by its name: what it asks for, what it had before, else one that none had."""
    chosen: dict[str, Look] = {}
    signs = {each.marker for each in series} | {look.sign for look in before.values()}
    colours = {each.colour for each in series} | {look.colour for look in before.values()}
    for position, each in enumerate(series):
        past = before.get(each.name, Look("", ""))
        used = [look.sign for look in chosen.values()]
        sign = each.marker if len(each.marker) == 1 else past.sign
        if not sign or sign in used:
            sign = _free(SIGNS, signs, used, position)
        used = [look.colour for look in chosen.values()]
        colour = each.colour or past.colour
        if not colour or (colour in used and not each.colour):
            colour = _free(COLOURS, colours, used, position)
        signs.add(sign)
        colours.add(colour)
        chosen[each.name] = Look(colour, sign)
    return chosen


def _free(choices: Sequence[str], seen: Collection[str], used: Collection[str], position: int) -> str:
    """One that was never seen, else one that is not in use, else the next in turn."""
    for taken in (seen, used):
        for choice in choices:
            if choice not in taken:
                return choice
    return choices[position % len(choices)]
