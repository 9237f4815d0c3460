"""A whole chart as lines of text: heading with legend, axes, curves, crosshair; less of it in less room."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from rotui.tui.charts.charting import Look, Reference, tick_labels, ticks, value_text, y_range
from rotui.tui.charts.curve import Curve, is_drawable
from rotui.tui.charts.plotting import Canvas, Run, sparkline

FULL = (24, 8)
"""Columns and rows from which on a chart has axes with labels."""

HIGHEST_POWER = 307
"""The highest power of ten that leaves room for the ticks above it in a float."""

BARE = (12, 3)
"""Columns and rows from which on it has a heading and curves; below that it is one bar per value."""


@dataclass(frozen=True)
class Picture:
    """What is to be seen: `low` to `high` is the part of the x axis in view. With `log_x` every x is a power
    of ten, and told as the number it makes. `short_names` are those for little room."""

    names: Sequence[str]
    curves: Sequence[Curve]
    looks: Sequence[Look]
    short_names: Sequence[str] = ()
    references: Sequence[Reference] = ()
    title: str = ""
    notes: str = ""
    x_label: str = ""
    low: float = 0.0
    high: float = 1.0
    log_y: bool = False
    log_x: bool = False
    crosshair: float | None = None
    empty: str = "nothing to show yet"

    def lines(self, width: int, height: int) -> list[list[Run]]:
        """At most `height` lines, none wider than `width` cells."""
        if width < 1 or height < 1:
            return []
        if not any(curve.xs for curve in self.curves):
            return self._nothing(width, height)
        if width < BARE[0] or height < BARE[1]:
            return [self._bars(index, width) for index in range(min(len(self.curves), height))]
        lines = [self._heading(width)]
        axes = width >= FULL[0] and height >= FULL[1]
        told = self.crosshair is not None and height > BARE[1]
        lines += self._plot(width, height - 1 - told, axes=axes)
        if told:
            lines.append(self._values(width))
        return lines

    def _nothing(self, width: int, height: int) -> list[list[Run]]:
        text = _fitted(self.empty, width)
        told: list[Run] = [(" " * ((width - cell_len(text)) // 2), ""), (text, "empty")]
        blank: list[list[Run]] = [[] for _ in range(height)]
        blank[height // 2] = told
        if height > 1:
            blank[0] = self._heading(width)
        return blank

    def _heading(self, width: int) -> list[Run]:
        title = f"{self.title}  {self.notes}" if self.notes else self.title
        title = _fitted(title, max(width // 2, min(cell_len(title), width - 4 * len(self.names))))
        runs: list[Run] = [(title, "title")]
        last = [curve.ys[-1] if curve.ys else None for curve in self.curves]
        return runs + self._legend(width - cell_len(title), last)

    def _values(self, width: int) -> list[Run]:
        place = self.crosshair if self.crosshair is not None else self.low
        within = (self.high - self.low) / max(width, 1)
        values = [curve.at(place, within) for curve in self.curves]
        text = _fitted(f"{self.x_label} {10**place if self.log_x else place:.6g}".strip(), width)
        return [(text, "crosshair"), *self._legend(width - cell_len(text), values)]

    def _legend(self, room: int, values: Sequence[float | None]) -> list[Run]:
        """Sign, name and value of each series: values are left out first, then names cut, then series."""
        shown = [index for index, curve in enumerate(self.curves) if curve.xs]
        texts = {index: value_text(values[index]) for index in shown}
        fixed = 4 * len(shown)
        names = self.names
        if fixed + sum(cell_len(names[index]) for index in shown) > room:
            names = self.short_names or names
        lengths = [cell_len(names[index]) for index in shown]
        longest = max(lengths, default=0)
        with_values = fixed + sum(lengths) + sum(1 + len(text) for text in texts.values()) <= room
        if with_values:
            fixed += sum(1 + len(text) for text in texts.values())
        while longest > 3 and fixed + sum(min(each, longest) for each in lengths) > room:
            longest -= 1
        runs: list[Run] = []
        for position, index in enumerate(shown):
            name = _fitted(names[index], longest)
            item = f"{self.looks[index].sign} {name}" + (f" {texts[index]}" if with_values else "")
            left = len(shown) - position
            rest = f"  +{left}"
            if cell_len(item) + 2 + (cell_len(rest) if left > 1 else 0) > room:
                return [*runs, (rest, "")] if cell_len(rest) <= room else runs
            runs += [("  ", ""), (item, index)]
            room -= cell_len(item) + 2
        return runs

    def _plot(self, width: int, height: int, *, axes: bool) -> list[list[Run]]:
        rows = height - 2 if axes else height
        columns = width
        parts = [curve.reduced(self.low, self.high, width) for curve in self.curves]
        inside = [y for part in parts for x, y in part if self.low <= x <= self.high]
        inside += [reference.y for reference in self.references if is_drawable(reference.y)]
        bottom, top = y_range(inside or [y for part in parts for _, y in part], log_y=self.log_y)
        marks = _ticks(bottom, top, max(2, rows // 3), self.log_y) if axes else []
        labels = max((len(label) for _, label in marks), default=0)
        if axes:
            columns = width - labels - 1
        canvas = Canvas(columns, rows)
        self._fill(canvas, parts, bottom, top)
        lines = canvas.lines()
        if not axes:
            return lines
        told = {canvas.row((y - bottom) / (top - bottom)): label for y, label in marks}
        for row, line in enumerate(lines):
            sign = "┤" if row in told else "│"
            line.insert(0, (f"{told.get(row, ''):>{labels}}{sign}", "axis"))
        return [*lines, *self._x_axis(canvas, labels)]

    def _fill(
        self, canvas: Canvas, parts: Sequence[Sequence[tuple[float, float]]], bottom: float, top: float
    ) -> None:
        def across(x: float) -> float:
            return (x - self.low) / (self.high - self.low)

        def up(y: float) -> float:
            return ((math.log10(y) if self.log_y else y) - bottom) / (top - bottom)

        if self.crosshair is not None:
            canvas.vertical(across(self.crosshair), "crosshair")
        for index, part in enumerate(parts):
            canvas.polyline([(across(x), up(y)) for x, y in part], index)
        for index, part in enumerate(parts):
            inside = [point for point in part if self.low <= point[0] <= self.high]
            for x, y in _signed(inside, canvas.columns, index, len(parts)):
                canvas.sign(across(x), up(y), self.looks[index].sign, index)
        for reference in self.references:
            if is_drawable(reference.y) and (reference.y > 0 or not self.log_y):
                canvas.horizontal(up(reference.y), reference.label, "reference")

    def _x_axis(self, canvas: Canvas, indent: int) -> list[list[Run]]:
        count = max(2, canvas.columns // 12)
        whole = all(float(x).is_integer() for curve in self.curves for x in curve.xs[:100])
        if self.log_x:
            marks = [(x, f"{10**x:g}") for x, _ in _ticks(self.low, self.high, count, True)]
        elif not whole:
            marks = _ticks(self.low, self.high, count, False)
        else:
            values = [x for x in ticks(self.low, self.high, count) if float(x).is_integer()]
            marks = list(zip(values, tick_labels(values), strict=True))
        line, below = ["─"] * canvas.columns, [" "] * canvas.columns
        free = 0
        for x, label in marks:
            column = canvas.column((x - self.low) / (self.high - self.low))
            start = min(max(column - len(label) // 2, 0), canvas.columns - len(label))
            if start >= free:
                line[column] = "┴"
                below[start : start + len(label)] = label
                free = start + len(label) + 1
        start = canvas.columns - cell_len(self.x_label)
        if start > free and cell_len(self.x_label) == len(self.x_label):
            below[start:] = self.x_label
        blank = " " * indent
        return [[(f"{blank}└{''.join(line)}", "axis")], [(f"{blank} {''.join(below)}", "axis")]]

    def _bars(self, index: int, width: int) -> list[Run]:
        curve = self.curves[index]
        value = value_text(curve.ys[-1] if curve.ys else None)
        sign, room = self.looks[index].sign, width - len(value) - 3
        if room < 1:
            return [(_fitted(value, width), index)]
        count = min(room, len(curve.ys))
        ys = [curve.ys[(place + 1) * len(curve.ys) // count - 1] for place in range(count)]
        return [(f"{sign} {sparkline(ys)} {value}", index)]


def _ticks(bottom: float, top: float, count: int, logarithmic: bool) -> list[tuple[float, str]]:
    """Places on the axis and their labels."""
    if not logarithmic:
        values = ticks(bottom, top, count)
        return list(zip(values, tick_labels(values), strict=True))
    bottom, top = max(bottom, -HIGHEST_POWER), min(top, HIGHEST_POWER)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [
            factor * 10.0**power
            for power in range(math.floor(bottom), math.floor(top) + 1)
            for factor in factors
            if bottom <= math.log10(factor) + power <= top
        ]
        if 1 < len(values) <= count + 1:
            return [(math.log10(value), f"{value:.3g}") for value in values]
    powers = [power for power in ticks(bottom, top, count) if float(power).is_integer()]
    if len(powers) > 1:
        return list(zip(powers, tick_labels(powers, log_y=True), strict=True))
    values = [value for value in ticks(10**bottom, 10**top, count) if value > 0]
    return [(math.log10(value), label) for value, label in zip(values, tick_labels(values), strict=True)]


def _signed(
    points: Sequence[tuple[float, float]], columns: int, index: int, count: int
) -> list[tuple[float, float]]:
    """The points that carry the sign of their series: each where there are few, else some, and the last."""
    if len(points) <= columns // 6:
        return list(points)
    low, high = points[0][0], points[-1][0]
    step = (high - low) / max(1, columns // 12)
    wanted = low + step * (index + 0.5) / count
    chosen = []
    for point in points:
        if point[0] >= wanted:
            chosen.append(point)
            wanted += step * (1 + (point[0] - wanted) // step) if step else math.inf
    return [*chosen, points[-1]]


def _fitted(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)) + "…"[: max(width, 0)]
