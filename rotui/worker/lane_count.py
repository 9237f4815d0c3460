"""How many runs are trained at once on one device: as many as the user said, or as many as pay.

What pays is found by a short probe: one run is begun, and another beside it as long as the total speed rises
and the device's memory allows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from rotui.study.planning import PlannedRun
from rotui.study.progress import FINE_TUNING_SHARE

WARM_UP_SECONDS = 2.0
"""Time that is not measured after all runs at work have trained a step: kernels are loaded, clocks rise."""
WINDOW_SECONDS = 4.0
"""How long the total speed of so many runs is measured."""
LONGEST_WINDOW_SECONDS = 20.0
RUNS_A_LANE = 3
"""Where a run ends meanwhile it is measured from then on, until so many have ended for each lane: short runs
take their time to begin and to end. No longer than the longest window."""
LEAST_RISE = 1.05
"""By what factor one more run must raise the total speed to stay."""
MOST_LANES = 16
"""Runs at once at most, where the user does not say how many."""
MEMORY_MARGIN = 1.5
"""Free memory that another run wants, as a multiple of what the largest measured one holds."""
UNKNOWN_SHARE = 0.5
"""Share of the device's memory that must be free for a run of unknown size to begin beside others."""

Kind = tuple[object, ...]
"""What runs of the same speed and size on a device have in common."""


def kind_of(run: PlannedRun) -> Kind:
    """The kind of a run; its stage does not belong to it, for what it trains is weighed instead."""
    profile = run.profile
    network = profile.network
    return (
        network.architecture,
        network.stem,
        network.width,
        profile.data.image_size,
        profile.optimizer.batch_size,
        profile.compute.precision,
        profile.rotation.per_step,
    )


@dataclass(frozen=True)
class DeviceMemory:
    """Bytes of a device: `free` for whoever asks, in `total`, and `held` by this process for its runs."""

    free: int
    total: int
    held: int


class LaneCount(Protocol):
    """Says when another run may begin, from what it is told of those at work, by directory name and from any
    thread."""

    @property
    def is_one(self) -> bool:
        """Whether never more than one run is trained at once."""

    def begins(self, name: str, run: PlannedRun) -> None:
        """A run begins."""

    def trained(self, name: str, images: int) -> None:
        """A run has trained a step of so many images."""

    def ends(self, name: str, *, out_of_memory: bool) -> None:
        """A run has ended, perhaps for want of the device's memory."""

    def has_room(self) -> bool:
        """Whether another run may begin now, for all that is known without knowing which."""

    def fits(self, run: PlannedRun) -> bool:
        """Whether this run may begin beside those at work."""


class FixedCount:
    """As many as the user said."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._at_work: set[str] = set()

    @property
    def is_one(self) -> bool:
        return self._jobs == 1

    def begins(self, name: str, run: PlannedRun) -> None:
        del run
        self._at_work.add(name)

    def trained(self, name: str, images: int) -> None:
        del name, images

    def ends(self, name: str, *, out_of_memory: bool) -> None:
        del out_of_memory
        self._at_work.discard(name)

    def has_room(self) -> bool:
        return len(self._at_work) < self._jobs

    def fits(self, run: PlannedRun) -> bool:
        del run
        return self.has_room()


@dataclass
class _Lane:
    """A run at work: its kind, what one of its images counts, and whether it has trained a step."""

    kind: Kind
    weight: float
    stepped: bool = False


@dataclass
class _Window:
    """What so many runs trained: weighed `images` in `seconds`. Time counts from the warm-up on; it was
    counted up to `until`, which is None while it does not count."""

    images: float = 0.0
    seconds: float = 0.0
    stepped: float | None = None
    until: float | None = None
    is_warm: bool = False
    ended: int | None = None

    def count(self, now: float) -> None:
        """Counts the time up to now, if it does count."""
        if self.until is not None:
            self.seconds += now - self.until
            self.until = now

    def end_run(self, now: float) -> None:
        """A run ends: the time until the next one begins does not count."""
        if self.until is None:
            return
        self.count(now)
        self.until = None
        if self.ended is None:
            self.images, self.seconds, self.ended = 0.0, 0.0, 0
        else:
            self.ended += 1

    def is_enough(self, lanes: int) -> bool:
        """Whether this tells how fast so many lanes are."""
        if self.ended is not None and self.ended < RUNS_A_LANE * lanes:
            return self.seconds >= LONGEST_WINDOW_SECONDS
        return self.seconds >= WINDOW_SECONDS


class MeasuredCount:
    """As many as pay. Whenever a run begins and the kinds at work are others than before, the probe begins
    anew with the number that may be at work then.

    `clock` gives seconds and `memory` the device's memory now. Time counts while exactly as many runs are at
    work as may be, with what it takes them to begin and end, so that short runs are measured as they are.
    """

    def __init__(self, clock: Callable[[], float], memory: Callable[[], DeviceMemory]) -> None:
        self._clock = clock
        self._memory = memory
        self._lock = Lock()
        self._at_work: dict[str, _Lane] = {}
        self._kinds: frozenset[Kind] = frozenset()
        self._sizes: dict[Kind, int] = {}
        self._proven: dict[Kind, int] = {}
        self._most = MOST_LANES
        self._limit = 1
        self._rates: dict[int, float] = {}
        self._is_settled = False
        self._window = _Window()

    @property
    def is_one(self) -> bool:
        return False

    @property
    def limit(self) -> int:
        """How many runs may be at work now."""
        return self._limit

    def begins(self, name: str, run: PlannedRun) -> None:
        with self._lock:
            weight = 1.0 if run.stage.trains_all else FINE_TUNING_SHARE
            kind = kind_of(run)
            self._at_work[name] = _Lane(kind, weight)
            self._proven[kind] = max(self._alike(kind), self._proven.get(kind, 0))
            kinds = frozenset(lane.kind for lane in self._at_work.values())
            if kinds != self._kinds:
                self._begin_anew(kinds)
            elif self._window.is_warm and len(self._at_work) == self._limit:
                self._window.until = self._clock()

    def trained(self, name: str, images: int) -> None:
        with self._lock:
            lane = self._at_work.get(name)
            if lane is None:
                return
            lane.stepped = True
            if self._is_settled or len(self._at_work) != self._limit:
                return
            now, window = self._clock(), self._window
            if window.stepped is None:
                if all(each.stepped for each in self._at_work.values()):
                    window.stepped = now
            elif window.until is not None:
                window.images += images * lane.weight
                window.count(now)
            elif now - window.stepped >= WARM_UP_SECONDS:
                window.is_warm, window.until = True, now

    def ends(self, name: str, *, out_of_memory: bool) -> None:
        with self._lock:
            self._window.end_run(self._clock())
            if out_of_memory and len(self._at_work) > 1:
                self._most = len(self._at_work) - 1
                self._limit = min(self._limit, self._most)
                self._is_settled = True
            self._at_work.pop(name, None)

    def has_room(self) -> bool:
        with self._lock:
            self._judge()
            return len(self._at_work) < self._limit

    def fits(self, run: PlannedRun) -> bool:
        with self._lock:
            if not self._at_work:
                return True
            kind = kind_of(run)
            if self._alike(kind) < self._proven.get(kind, 0):
                return True  # the memory that was enough for as many before is still this process's
            memory = self._memory()
            if kind not in self._sizes:
                return memory.free >= UNKNOWN_SHARE * memory.total
            largest = max(self._sizes.get(each, 0) for each in (kind, *self._kinds))
            return memory.free >= MEMORY_MARGIN * largest

    def _alike(self, kind: Kind) -> int:
        return sum(lane.kind == kind for lane in self._at_work.values())

    def _judge(self) -> None:
        """Raises the limit by one, or takes that back, once enough was measured."""
        if self._is_settled or not self._window.is_enough(self._limit):
            return
        rate, lanes = self._window.images / self._window.seconds, self._limit
        self._rates[lanes] = rate
        size = self._memory().held // lanes
        for kind in self._kinds:
            self._sizes[kind] = max(size, self._sizes.get(kind, 0))
        if rate < LEAST_RISE * self._rates.get(lanes - 1, 0.0):
            self._limit, self._is_settled = lanes - 1, True
        elif lanes < self._most:
            self._limit = lanes + 1
        else:
            self._is_settled = True
        self._window = _Window()

    def _begin_anew(self, kinds: frozenset[Kind]) -> None:
        """Runs of other kinds are at work: what was measured does not tell of them, and a number that was on
        trial is given up. Where none was at work the probe begins with one."""
        if len(self._at_work) == 1:
            self._limit = 1
        elif not self._is_settled and self._limit - 1 in self._rates:
            self._limit -= 1
        self._kinds, self._rates, self._is_settled = kinds, {}, False
        self._window = _Window()
