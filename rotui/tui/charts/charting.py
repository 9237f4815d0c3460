"""What charts are told and how they tell it: series, looks that tell them apart, axes and their labels."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

COLOURS = ("cyan", "yellow", "magenta", "green", "bright_red", "blue", "bright_magenta", "bright_green")
"""Colours that 16-colour terminals have, those first that most eyes tell apart."""

SIGNS = "●▲■◆○△□◇✚✖★"
"""Signs that tell series apart where colours do not."""

LARGEST = 1e300


@dataclass(frozen=True)
class Series:
    """One curve. Without `colour` (a colour name or #rrggbb) or `marker` (one sign) the chart chooses
    them and keeps them for this name; a marker that another curve has too is replaced. Where the names of all
    have no room, `short` ones stand for them. Of two series with the same `source`, an object and what of it
    is shown, one has the points of the other and perhaps more."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    colour: str = ""
    marker: str = ""
    short: str = ""
    source: tuple[object, str] | None = field(default=None, repr=False, compare=False)

    def goes_on(self, other: "Series") -> bool:
        """Whether this is the other one, perhaps with points added."""
        if self.source is None or other.source is None or self.name != other.name:
            return False
        (this, measure), (that, others) = self.source, other.source
        return this is that and measure == others and len(self.xs) >= len(other.xs)

    def is_same(self, other: "Series") -> bool:
        """Whether both look the same; of one source only their lengths are compared."""
        if self.goes_on(other):
            looks = (self.colour, self.marker) == (other.colour, other.marker)
            return looks and len(self.xs) == len(other.xs)
        return self == other


@dataclass(frozen=True)
class Reference:
    """A value to compare with, drawn as a dashed horizontal line."""

    label: str
    y: float


class Look(NamedTuple):
    """How a series is told from the others."""

    colour: str
    sign: str


def logarithmic(series: Series) -> Series:
    """The series with the power of ten of each x in its place; points that have none are left out."""
    points = [(math.log10(x), y) for x, y in zip(series.xs, series.ys, strict=False) if x > 0]
    return replace(series, xs=[x for x, _ in points], ys=[y for _, y in points])


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
