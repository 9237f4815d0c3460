"""What the rounds of a case come to: medians with their range, and ratios within each round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rotui.benchmark.cases import Case, Place, Timing
from rotui.benchmark.running import Measured
from rotui.store.state import utc_now
from rotui.study.bench_figure import BenchFigure


@dataclass(frozen=True)
class Spread:
    """Median, least and most of `n` values."""

    n: int
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of one value or more."""
        return cls(len(values), median(values), min(values), max(values))


@dataclass(frozen=True)
class Row:
    """One case as it is reported. Shares are of the time of a step, memory is in bytes; None does not apply.
    `ratio` is the rate over the plain loop's of the same round."""

    case: Case
    images: int
    seconds: Spread
    rate: Spread
    step_seconds: float
    begun_bytes: float
    peak_bytes: float
    device_bytes: float
    data_share: float | None
    floor_share: float | None
    ratio: Spread | None
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain values under stable names."""
        case = self.case
        return {
            "kind": case.kind,
            "case": case.name,
            "network": case.network,
            "size": case.size,
            "batch": case.batch,
            "precision": case.precision,
            "stage": case.stage,
            "at_once": case.at_once,
            "in_a_row": case.in_a_row,
            "images": self.images,
            "seconds": round(self.seconds.median, 4),
            "images_per_second": round(self.rate.median, 1),
            "n": self.rate.n,
            "min": round(self.rate.low, 1),
            "max": round(self.rate.high, 1),
            "step_ms": round(self.step_seconds * 1000, 4),
            "data_share": _rounded(self.data_share),
            "memory_before_mb": round(self.begun_bytes / 1e6, 1),
            "peak_memory_mb": round(self.peak_bytes / 1e6, 1),
            "device_memory_mb": round(self.device_bytes / 1e6, 1) if self.device_bytes else None,
            "floor_share": _rounded(self.floor_share),
            "ratio": _rounded(self.ratio.median if self.ratio else None),
            "ratio_min": _rounded(self.ratio.low if self.ratio else None),
            "ratio_max": _rounded(self.ratio.high if self.ratio else None),
            **self.facts,
        }


def rows_of(measured: Sequence[Measured]) -> list[Row]:
    """A row for each case that was measured at all, in the order that they were."""
    return [_row(each, _plain_loop_of(each, measured)) for each in measured if each.timings]


def figures_of(measured: Sequence[Measured], place: Place, host: str) -> list[BenchFigure]:
    """The figures that estimates are made from: of every single training, not of the plain loop."""
    now = utc_now()
    return [
        BenchFigure(
            host=host,
            device=place.device,
            device_name=place.device_name,
            threads=each.case.threads,
            architecture=each.case.network,
            image_size=each.case.size,
            batch_size=each.case.batch,
            precision=each.case.precision,
            trains_all=each.case.stage == "pretrain",
            training_seconds=median(timing.seconds / timing.images for timing in each.timings),
            evaluation_seconds=median(timing.evaluation_seconds for timing in each.timings),
            measured=now,
        )
        for each in measured
        if each.timings and each.case.kind == "training"
    ]


def _row(measured: Measured, plain_loop: Measured | None) -> Row:
    timings = measured.timings
    return Row(
        case=measured.case,
        images=timings[0].images,
        seconds=Spread.of([each.seconds for each in timings]),
        rate=Spread.of([each.images_per_second for each in timings]),
        step_seconds=median(each.step_seconds for each in timings),
        begun_bytes=median(each.begun_bytes for each in timings),
        peak_bytes=median(each.peak_bytes for each in timings),
        device_bytes=median(each.device_bytes for each in timings),
        data_share=_share(timings, lambda each: each.data_seconds / each.seconds),
        floor_share=_share(timings, lambda each: each.floor_seconds / each.step_seconds),
        ratio=_ratio(timings, plain_loop.timings if plain_loop else []),
        facts=timings[0].facts,
    )


def _plain_loop_of(measured: Measured, among: Sequence[Measured]) -> Measured | None:
    """The plain loop that does the same, for trainings that are compared with one."""
    case = measured.case
    if case.kind != "training" or case.stage != "pretrain":
        return None
    for each in among:
        like = (each.case.network, each.case.size, each.case.batch) == (case.network, case.size, case.batch)
        if each.case.kind == "plain loop" and like:
            return each
    return None


def _share(timings: Sequence[Timing], of: Callable[[Timing], float]) -> float | None:
    return median(map(of, timings)) or None


def _ratio(ours: Sequence[Timing], theirs: Sequence[Timing]) -> Spread | None:
    pairs = [
        one.images_per_second / other.images_per_second for one, other in zip(ours, theirs, strict=False)
    ]
    return Spread.of(pairs) if pairs else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
