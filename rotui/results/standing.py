"""How the runs that a comparison still misses stand: being trained, waiting, failed or never asked for."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

NOT_ASKED = "not asked"
"""Stands where no run of these settings was ever queued."""

_NEARNESS = {
    "finished": 6,
    "running": 5,
    "paused": 4,
    "queued": 3,
    "stopped": 3,
    "interrupted": 3,
    "held": 3,
    "failed": 2,
}


class QueuedRun(Protocol):
    """What is read of a run that may fill a cell; `rotui.store.listing.ListedRun` is one."""

    @property
    def number(self) -> int:
        """The run's number."""

    @property
    def key(self) -> str:
        """Its content key."""

    @property
    def status(self) -> str:
        """How it stands."""


Run = TypeVar("Run", bound=QueuedRun)


@dataclass(frozen=True)
class Missing:
    """Runs that have no result yet and stand alike. `share` is how much of its training the one that goes on
    has done, 0 to 1, None for the others."""

    status: str
    count: int = 1
    share: float | None = None


def nearest_runs(runs: Iterable[Run]) -> dict[str, Run]:
    """By content key, the run that is nearest to a result; of those that are equally near the newest."""
    nearest: dict[str, Run] = {}
    for run in runs:
        known = nearest.get(run.key)
        if known is None or _nearness(run) >= _nearness(known):
            nearest[run.key] = run
    return nearest


def missing_runs(
    keys: Iterable[str], finished: Collection[str], runs: Mapping[str, Run], share: Callable[[Run], float]
) -> tuple[Missing, ...]:
    """How those of the `keys` stand that are not `finished`: what goes on one by one and first, the others
    counted. `runs` are the nearest by key."""
    going_on: list[Missing] = []
    counts: dict[str, int] = {}
    for key in keys:
        run = runs.get(key)
        if key in finished:
            continue
        if run is not None and run.status in ("running", "paused"):
            going_on.append(Missing(run.status, share=share(run)))
        else:
            status = run.status if run is not None else NOT_ASKED
            counts[status] = counts.get(status, 0) + 1
    return (*going_on, *(Missing(status, count) for status, count in counts.items()))


def _nearness(run: QueuedRun) -> tuple[int, int]:
    return _NEARNESS.get(run.status, 1), run.number
