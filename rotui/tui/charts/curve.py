"""The points of a series as they are drawn: cleaned, smoothed, reduced to a few a column, and growing."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple, cast

from rotui.tui.charts.charting import LARGEST, Series

SMOOTHEST = 0.99

Point = tuple[float, float]


class Extremes(NamedTuple):
    """Places of the smallest and the largest of neighbouring values."""

    smallest: int
    largest: int


class Curve:
    """Points by rising x, about evenly spaced, finite, and of a logarithmic axis positive. To draw them again
    costs the columns and not the points, also when points were added."""

    def __init__(self, *, smoothing: float = 0.0, log_y: bool = False) -> None:
        self.xs: list[float] = []
        self.ys: list[float] = []
        self._weight = min(max(smoothing, 0.0), SMOOTHEST)
        self._log_y = log_y
        self._taken = 0
        self._total = self._count = 0.0
        self._known: dict[tuple[int, int], Extremes] = {}
        self._asked: tuple[float, float, int, int] | None = None
        self._answer: list[Point] = []

    def take(self, series: Series) -> bool:
        """Adds the points of `series` that come after those that were taken before. False where one of them
        lies left of the last; the curve is of no use any more then."""
        if not self._taken and self._take_at_once(series):
            return True
        new = zip(series.xs[self._taken :], series.ys[self._taken :], strict=False)
        for x, y in new:
            self._taken += 1
            if y is None or not (is_drawable(x) and is_drawable(y)):
                continue
            if self.xs and x < self.xs[-1]:
                return False
            y = self._smooth(y)
            if y > 0 or not self._log_y:
                self.xs.append(x)
                self.ys.append(y)
        return True

    def _take_at_once(self, series: Series) -> bool:
        """Takes points of which none is to be left out or smoothed, a tenth as dear as one by one; whether
        they are such."""
        count = min(len(series.xs), len(series.ys))
        xs, ys = list(series.xs[:count]), list(series.ys[:count])
        if not count or self._weight or None in ys:
            return False
        known = cast("list[float]", ys)
        is_whole = all(
            math.isfinite(sum(each)) and is_drawable(min(each)) and is_drawable(max(each))
            for each in (xs, known)
        )
        if not is_whole or xs != sorted(xs) or (self._log_y and min(known) <= 0):
            return False
        self.xs, self.ys, self._taken = xs, known, count
        return True

    def at(self, x: float, within: float) -> float | None:
        """The value at the point nearest to x and not farther than `within`; None where there is none."""
        place = bisect_left(self.xs, x)
        near = [i for i in (place - 1, place) if 0 <= i < len(self.xs) and abs(self.xs[i] - x) <= within]
        return self.ys[min(near, key=lambda index: abs(self.xs[index] - x))] if near else None

    def reduced(self, low: float, high: float, columns: int) -> list[Point]:
        """The points from low to high and one beyond at each side; where there are more than two a column,
        the smallest and the largest of each stretch of them, of at most as many stretches as columns, or two.
        The last answer is kept, for keys draw the same points again."""
        asked = (low, high, columns, len(self.xs))
        if asked != self._asked:
            self._asked, self._answer = asked, self._reduce(low, high, columns)
        return self._answer

    def _smooth(self, y: float) -> float:
        """Exponential moving average in which the past counts with the weight, without a pull towards zero at
        the beginning."""
        if not self._weight:
            return y
        self._total = self._total * self._weight + (1 - self._weight) * y
        self._count = self._count * self._weight + (1 - self._weight)
        return self._total / self._count

    def _reduce(self, low: float, high: float, columns: int) -> list[Point]:
        begin, end = bisect_left(self.xs, low), bisect_right(self.xs, high)
        before, after = range(max(begin - 1, 0), begin), range(end, min(end + 1, len(self.xs)))
        inside: Iterable[int] = range(begin, end)
        if end - begin > 2 * columns:
            inside = self._telling(begin, end, columns)
        return [(self.xs[place], self.ys[place]) for place in chain(before, inside, after)]

    def _telling(self, begin: int, end: int, columns: int) -> list[int]:
        """Places of the extremes of stretches that begin at multiples of their length, a power of two: those
        that are full stay what they are when points are added or the view is moved."""
        length = 2
        while (end - 1) // length - begin // length + 1 > max(columns, 2):
            length *= 2
        first, last = -(-begin // length), end // length
        parts = [self._full(number * length, length) for number in range(first, last)]
        if begin < first * length:
            parts.insert(0, self._extremes(begin, first * length))
        if last * length < end:
            parts.append(self._extremes(last * length, end))
        return [place for part in parts for place in sorted(set(part))]

    def _full(self, start: int, length: int) -> Extremes:
        """The extremes of a stretch that is full, kept: its points change no more."""
        if (start, length) not in self._known:
            self._known[start, length] = self._extremes(start, start + length)
        return self._known[start, length]

    def _extremes(self, start: int, stop: int) -> Extremes:
        ys = self.ys[start:stop]
        return Extremes(start + ys.index(min(ys)), start + ys.index(max(ys)))


def curve(series: Series, *, smoothing: float = 0.0, log_y: bool = False) -> Curve:
    """The points of `series` that can be drawn, in order and smoothed, where `smoothing` is the weight of the
    past from 0 to 0.99."""
    made = Curve(smoothing=smoothing, log_y=log_y)
    if not made.take(series):
        points = zip(series.xs, series.ys, strict=False)
        known = sorted((point for point in points if is_drawable(point[0])), key=lambda point: point[0])
        made = Curve(smoothing=smoothing, log_y=log_y)
        made.take(Series(series.name, [x for x, _ in known], [y for _, y in known]))
        made._taken = min(len(series.xs), len(series.ys))
    return made


def is_drawable(value: float) -> bool:
    """True for a finite number that is not so large that the difference of two could overflow."""
    return math.isfinite(value) and -LARGEST < value < LARGEST


def x_range(curves: Iterable[Curve]) -> Point | None:
    """From the first x to the last of all curves, None where no curve has a point."""
    drawn = [each for each in curves if each.xs]
    if not drawn:
        return None
    return min(each.xs[0] for each in drawn), max(each.xs[-1] for each in drawn)
