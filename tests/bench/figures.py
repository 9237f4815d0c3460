"""What was measured: medians and 95th percentiles beside a plain baseline and what was promised."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

Measure = Literal["median", "p95", "ratio"]


@dataclass(frozen=True)
class Figure:
    """The values of one case. `baseline` is the case that it is set against, taken in turn with it in the
    same run; `promise` is the most that `promised` may be."""

    benchmark: str
    case: str
    values: tuple[float, ...]
    unit: str = "ms"
    baseline: "Figure | None" = None
    promise: float | None = None
    promised: Measure = "median"

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    @property
    def p95(self) -> float:
        """The value that 95 percent of them do not exceed."""
        return percentile(self.values, 0.95)

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times the baseline, pair by pair; none where they were not measured in pairs."""
        plain = self.baseline.values if self.baseline else ()
        if len(self.values) != len(plain) or not all(plain):
            return ()
        return tuple(each / other for each, other in zip(self.values, plain, strict=True))

    @property
    def ratio(self) -> float | None:
        """How many times the baseline: the middle of the pairs' ratios where they were measured in pairs."""
        if self.baseline is None or not self.baseline.median:
            return None
        return median(self.ratios) if self.ratios else self.median / self.baseline.median

    @property
    def ratio_half(self) -> tuple[float, float] | None:
        """Between which two ratios the middle half of the pairs is; None where there are no pairs."""
        ratios = self.ratios
        return (percentile(ratios, 0.25), percentile(ratios, 0.75)) if len(ratios) > 1 else None

    @property
    def kept(self) -> bool | None:
        """Whether the promise holds; None where nothing was promised."""
        measured = {"median": self.median, "p95": self.p95, "ratio": self.ratio}[self.promised]
        return None if self.promise is None or measured is None else measured <= self.promise

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "benchmark": self.benchmark,
            "case": self.case,
            "n": len(self.values),
            "median": round(self.median, 4),
            "p95": round(self.p95, 4),
            "unit": self.unit,
            "against": self.baseline.case if self.baseline else "",
            "baseline": round(self.baseline.median, 4) if self.baseline else None,
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "ratio_from": None if self.ratio_half is None else round(self.ratio_half[0], 4),
            "ratio_to": None if self.ratio_half is None else round(self.ratio_half[1], 4),
            "promise": self.promise,
            "promised": self.promised if self.promise is not None else "",
            "kept": self.kept,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value at this share of the sorted values, between two of them in proportion."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def table(figures: Iterable[Figure]) -> str:
    """The figures as lines of text."""
    rows = [("benchmark", "case", "n", "median", "p95", "unit", "ratio", "promise", "")]
    for each in figures:
        ratio = f"{each.ratio:.2f} × {each.baseline.median:.4g}" if each.baseline and each.ratio else ""
        if each.ratio_half:
            ratio += " ({:.2f} to {:.2f})".format(*each.ratio_half)
        promise = "" if each.promise is None else f"{each.promised} ≤ {each.promise:g}"
        kept = {None: "", True: "kept", False: "BROKEN"}[each.kept]
        numbers = (f"{each.median:.4g}", f"{each.p95:.4g}")
        rows.append(
            (each.benchmark, each.case, str(len(each.values)), *numbers, each.unit, ratio, promise, kept)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = {2, 3, 4}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
