"""From profiles to a plan: the ordered runs, what each starts from, and the table cells each run fills."""

from collections.abc import Iterable
from dataclasses import dataclass

from rotui.profile.schema import Profile
from rotui.profile.stages import STAGES, Stage, StageName
from rotui.profile.sweep import Point
from rotui.study.content_key import content_key

__all__ = ["Cell", "Plan", "PlannedRun", "Point", "plan"]


@dataclass(frozen=True)
class PlannedRun:
    """One training. `profile` is resolved and names this stage alone; `parent` is a key or empty."""

    key: str
    stage_name: StageName
    profile: Profile
    parent: str = ""

    @property
    def stage(self) -> Stage:
        """What this kind of training starts from, trains and predicts."""
        return STAGES[self.stage_name]


@dataclass(frozen=True)
class Cell:
    """One place of a comparison table: which stage of which point, and the run that fills it."""

    point: Point
    stage_name: StageName
    key: str


@dataclass(frozen=True)
class Plan:
    """Runs in an order in which every pre-training comes before what starts from it, and the cells."""

    runs: tuple[PlannedRun, ...]
    cells: tuple[Cell, ...]

    def number(self, key: str) -> int:
        """Place of the run in the plan, counted from 1."""
        return [run.key for run in self.runs].index(key) + 1


def plan(points: Iterable[Point]) -> Plan:
    """The runs that `points` ask for, each once however many points share it.

    A pre-training that a stage starts from is planned even where the profile does not list it.
    """
    runs: dict[str, PlannedRun] = {}
    cells: list[Cell] = []

    def add(profile: Profile, stage_name: StageName, parent: str = "") -> str:
        key = content_key(profile, stage_name, parent)
        if key not in runs:
            single = profile.model_copy(update={"stages": (stage_name,)})
            runs[key] = PlannedRun(key, stage_name, single, parent)
        return key

    for point in points:
        for stage_name in STAGES:
            if stage_name not in point.profile.stages:
                continue
            starts_pretrained = STAGES[stage_name].starts_pretrained
            parent = add(point.profile, "pretrain") if starts_pretrained else ""
            key = add(point.profile, stage_name, parent)
            cells.append(Cell(point, stage_name, key))
    return Plan(tuple(runs.values()), tuple(cells))
