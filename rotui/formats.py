"""Numbers as people read them: durations, counts, percentages, a run's swept values."""

from collections.abc import Iterable
from typing import Any, Protocol

from rotui.text import printable


class ImageCount(Protocol):
    """A number of images that may not be known."""

    @property
    def trained(self) -> int:
        """Images passed forward and backward."""

    @property
    def known(self) -> bool:
        """Whether the number is."""


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 05 s`, `2 h 07 min` or `4 d 03 h`; an ellipsis for None."""
    if seconds is None:
        return "…"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def run_count(number: int) -> str:
    """`1 run` or `5 runs`."""
    return f"{number} run{'' if number == 1 else 's'}"


def count(number: int) -> str:
    """`950`, `12.3 k`, `4.5 M` or `1.2 G`."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if number >= size:
            return f"{number / (1000 if unit == 'k' else size):.1f} {unit}"
    return str(number)


def images_trained(cost: ImageCount) -> str:
    """Images a plan trains on, `unknown` where only a folder's files could tell."""
    return count(cost.trained) if cost.known else "unknown"


def swept(at: Iterable[tuple[str, Any]]) -> str:
    """`label_smoothing=0.1 seed=3`: each swept key by its last part, with its value."""
    return " ".join(f"{printable(key.rsplit('.', 1)[-1])}={printable(value)}" for key, value in at)
