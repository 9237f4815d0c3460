"""Past runs that estimates are made from: the newest few of each kind, read once."""

from collections.abc import Sequence
from pathlib import Path

from rotui.errors import StoreError
from rotui.store.listing import ListedRun
from rotui.store.past_runs import PastRun, read_run
from rotui.store.status import ENDED

ALIKE = 3
"""Newest runs of the same kind that are read."""
MOST = 40
"""Runs that are read at most, the newest."""

Kind = tuple[str, str, int]
"""What runs that take the same time have in common: stage, settings and planned epochs."""


def kind_of(run: ListedRun) -> Kind:
    """The kind of a run, as far as its line tells."""
    return run.stage, run.settings, run.epochs_planned


class MeasuredRuns:
    """Keeps what it read of runs that have ended: asked again, it reads only what is new."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._ended: dict[tuple[str, str], PastRun] = {}

    def of(self, runs: Sequence[ListedRun]) -> list[PastRun]:
        """The newest of `runs`, given by number, of each kind that have trained an epoch; what cannot be
        read is left out."""
        taken: dict[Kind, int] = {}
        chosen: list[ListedRun] = []
        for run in reversed(runs):
            kind = kind_of(run)
            if run.epochs and taken.get(kind, 0) < ALIKE and len(chosen) < MOST:
                taken[kind] = taken.get(kind, 0) + 1
                chosen.append(run)
        return [past for run in chosen if (past := self._read(run)) is not None]

    def _read(self, run: ListedRun) -> PastRun | None:
        at = (run.name, run.changed)
        if at in self._ended:
            return self._ended[at]
        try:
            past = read_run(self._runs_dir / run.name)
        except StoreError:
            return None
        if run.status in ENDED:
            self._ended[at] = past
        return past
