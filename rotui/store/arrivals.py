"""When each run of the queue will have ended, estimated from what was measured on this machine."""

import heapq
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from rotui.errors import StoreError
from rotui.profile.stages import StageName
from rotui.store.bench_figures import KeptFigures, kept_figures
from rotui.store.listing import ListedRun
from rotui.store.live_progress import LiveProgress
from rotui.store.measured import Kind, MeasuredRuns, kind_of
from rotui.store.ordering import seconds_left, share_done
from rotui.store.past_runs import read_profile
from rotui.store.status import UNFINISHED
from rotui.study.estimate import Estimator
from rotui.study.machine import Machine
from rotui.study.planning import PlannedRun


class Arrivals:
    """Asked again, it reads only what is new."""

    def __init__(self, runs_dir: Path, machine: Machine) -> None:
        self._runs_dir = runs_dir
        self._machine = machine
        self._measured = MeasuredRuns(runs_dir)
        self._planned: dict[Kind, PlannedRun] = {}
        self._runs: Sequence[ListedRun] = ()
        self._kept = KeptFigures()
        self._estimator = Estimator((), machine)

    def of(
        self, runs: Sequence[ListedRun], queue: Sequence[ListedRun], live: Mapping[str, LiveProgress]
    ) -> dict[str, float]:
        """Seconds from now until each run of the queue has ended, by directory name, were it worked off in
        its order by as many at once as are trained now. After the first run of which nothing is known there
        is no telling; one that is held or skipped is passed over."""
        kept = kept_figures()
        if runs is not self._runs or kept != self._kept:
            self._runs, self._kept = runs, kept
            self._estimator = Estimator(self._measured.of(runs), self._machine, kept.figures)
        active = [run for run in queue if run.status in ("running", "paused")]
        told: dict[str, float] = {}
        for run in active:
            left = seconds_left(run, live.get(run.name))
            if left is None:
                left = self._seconds(run, share_done(run, live.get(run.name)))
            if left is not None:
                told[run.name] = left
        if len(told) < len(active):
            return told
        free = list(told.values()) or [0.0]
        heapq.heapify(free)
        for run in queue:
            if run.status not in UNFINISHED:
                continue
            seconds = self._seconds(run, share_done(run, None))
            if seconds is None:
                break
            told[run.name] = heapq.heapreplace(free, free[0] + seconds) + seconds
        return told

    def _seconds(self, run: ListedRun, done: float) -> float | None:
        planned = self._plan(run)
        estimate = self._estimator.of_run(planned) if planned is not None else None
        return None if estimate is None else estimate.seconds * (1 - done)

    def _plan(self, run: ListedRun) -> PlannedRun | None:
        kind = kind_of(run)
        if kind not in self._planned:
            try:
                profile = read_profile(self._runs_dir / run.name)
                self._planned[kind] = PlannedRun(run.key, cast(StageName, run.stage), profile, run.parent)
            except StoreError:
                return None
        return self._planned[kind]
