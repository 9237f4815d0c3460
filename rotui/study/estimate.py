"""How long a plan will take on this machine, from what runs like its own took there, or else from what
`rotui bench` measured."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from rotui.formats import duration
from rotui.profile.schema import Profile
from rotui.profile.stages import StageName
from rotui.study.bench_figure import BenchFigure
from rotui.study.cost import run_cost
from rotui.study.machine import Machine
from rotui.study.planning import Plan, PlannedRun
from rotui.study.progress import work_of
from rotui.study.records import EpochRecord

NEAREST = 3
"""Measured runs that an estimate is made from at most: the one whose epochs are the most like in size, and
the newest others of about that size, for short epochs tell little of long ones."""
SIZES_APART = 2.0
"""By what factor those others' epochs may be longer or shorter."""
FAR_APART = 10.0
"""From how many times the work of the nearest run's epochs on a figure of `rotui bench`, if there is one,
tells more: a try on a few images says little of a whole study."""
NUMBERS_SHOWN = 5
"""Numbers of measured runs that `estimate_text` names at most, the newest."""


class TrainedRun(Protocol):
    """What is read of a run that was trained; `rotui.store.past_runs.PastRun` is one."""

    @property
    def number(self) -> int:
        """The run's number."""

    @property
    def key(self) -> str:
        """Its content key."""

    @property
    def stage(self) -> StageName:
        """What kind of training it is."""

    @property
    def profile(self) -> Profile:
        """Its resolved settings."""

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """What its epochs measured."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What it was made by."""


@dataclass(frozen=True)
class Estimate:
    """`seconds` that the epochs will take, and what tells so: the numbers of the runs that it was `measured`
    on, and whether figures of `rotui bench` have a part in it. Probes and decoding images come on top."""

    seconds: float
    measured: tuple[int, ...]
    benched: bool = False


@dataclass(frozen=True)
class _Measured:
    """The speed of one past run: seconds for a unit of `work_of`, and the units in one of its epochs."""

    number: int
    device: str
    device_name: str
    threads: int
    seconds: float
    epoch_work: float


class Estimator:
    """Estimates from the epochs of those `past` runs that were trained on this machine, and from those
    `figures` that were measured there for a run that none of them is like, or only a far smaller one."""

    def __init__(
        self, past: Iterable[TrainedRun], machine: Machine, figures: Iterable[BenchFigure] = ()
    ) -> None:
        self._machine = machine
        here = (each for each in figures if each.host == machine.host)
        self._figures = sorted(here, key=lambda figure: figure.measured)
        self._measured: dict[str, list[_Measured]] = {}
        for each in sorted(past, key=lambda run: run.number):
            measured = _measured(each)
            if measured is not None and each.provenance.get("host") == machine.host:
                kind = _kind(PlannedRun(each.key, each.stage, each.profile))
                self._measured.setdefault(kind, []).append(measured)

    def of_run(self, run: PlannedRun) -> Estimate | None:
        """Seconds that one run will take; None where nothing like it was measured: of its kind of stage, with
        its network, image size, batch size and arithmetic, on the device and with as many threads."""
        epochs = run.profile.epochs(run.stage_name)
        epoch_work = work_of(run) / epochs
        past = self._measured.get(_kind(run), ())
        like = [each for each in past if self._is_here(each.device, each.threads, run)]
        like = [each for each in like if each.device_name == like[-1].device_name]
        if not like:
            return self._benched(run)
        size = min(like, key=lambda each: _apart(each.epoch_work, epoch_work)).epoch_work
        if epoch_work >= FAR_APART * size and (benched := self._benched(run)) is not None:
            return benched
        chosen = [each for each in like if _apart(each.epoch_work, size) <= math.log(SIZES_APART)][-NEAREST:]
        seconds = median(each.seconds for each in chosen)
        numbers = sorted(each.number for each in chosen)
        return Estimate(seconds * epoch_work * epochs, tuple(numbers))

    def of_plan(self, plan: Plan) -> Estimate | None:
        """Seconds that all runs of a plan will take, one after the other; None where one of them has none
        like it."""
        estimates = [self.of_run(run) for run in plan.runs]
        known = [each for each in estimates if each is not None]
        return together(known) if len(known) == len(estimates) else None

    def _benched(self, run: PlannedRun) -> Estimate | None:
        """The same from the newest of the figures; None too where the size of the dataset is not known."""
        like = [
            each
            for each in self._figures
            if each.is_like(run) and self._is_here(each.device, each.threads, run)
        ]
        cost = run_cost(run)
        if not like or not cost.known:
            return None
        figure = like[-1]
        seconds = cost.trained * figure.training_seconds + cost.evaluated * figure.evaluation_seconds
        return Estimate(seconds, (), benched=True)

    def _is_here(self, device: str, threads: int, run: PlannedRun) -> bool:
        """Whether what was measured on a device and with CPU threads tells of the run on this machine."""
        wanted, _, index = self._machine.device.partition(":")
        if wanted != "auto" and device.partition(":")[0] != wanted:
            return False
        if index and device != self._machine.device:
            return False
        return device != "cpu" or threads == (run.profile.compute.threads or self._machine.threads)


def together(estimates: Iterable[Estimate]) -> Estimate:
    """What several runs will take, one after the other."""
    each = tuple(estimates)
    numbers = {number for estimate in each for number in estimate.measured}
    benched = any(estimate.benched for estimate in each)
    return Estimate(sum(estimate.seconds for estimate in each), tuple(sorted(numbers)), benched)


def estimate_text(estimates: Collection[Estimate], runs: int) -> str:
    """`about 12 min on this machine (from runs 3, 7)` or `(from rotui bench)`; which of the `runs` it covers
    where that is not all of them, and empty text where it is none."""
    if not estimates:
        return ""
    total = together(estimates)
    rounded = total.seconds if total.seconds < 60 else 60 * round(total.seconds / 60)
    about = duration(rounded).removesuffix(" 00 s")
    numbers = [str(number) for number in total.measured[-NUMBERS_SHOWN:]]
    more = "…, " if len(numbers) < len(total.measured) else ""
    sources = [f"{'runs' if len(numbers) > 1 else 'run'} {more}{', '.join(numbers)}"] if numbers else []
    sources += ["rotui bench"] if total.benched else []
    share = "" if len(estimates) == runs else f"{len(estimates)} of {runs} runs: "
    return f"{share}about {about} on this machine (from {' and '.join(sources)})"


def _measured(past: TrainedRun) -> _Measured | None:
    """What the run's epochs tell, None for one that has none or whose provenance does not say where."""
    seconds = median(epoch.seconds for epoch in past.epochs) if past.epochs else 0.0
    device, name = past.provenance.get("device"), past.provenance.get("device_name")
    threads = past.provenance.get("threads")
    told = isinstance(device, str) and isinstance(name, str) and isinstance(threads, int)
    if not told or not math.isfinite(seconds) or seconds <= 0:
        return None
    run = PlannedRun(past.key, past.stage, past.profile)
    epoch_work = work_of(run) / past.profile.epochs(past.stage)
    return _Measured(past.number, str(device), str(name), int(threads or 0), seconds / epoch_work, epoch_work)


def _apart(one: float, other: float) -> float:
    return abs(math.log(one / other))


def _kind(run: PlannedRun) -> str:
    """What the time for an image depends on, the machine apart; for a folder, whose size is not known, also
    what tells how many images an epoch has."""
    profile, stage = run.profile, run.stage
    parts: list[object] = [
        stage.predicts_rotation,
        stage.trains_all,
        profile.network.architecture,
        profile.network.stem,
        profile.network.width,
        profile.data.image_size,
        profile.optimizer.batch_size,
        profile.compute.precision,
        profile.compute.deterministic,
    ]
    if not run_cost(run).known:
        parts += [profile.data, profile.labels, profile.rotation, profile.scale.limit]
    return repr(parts)
