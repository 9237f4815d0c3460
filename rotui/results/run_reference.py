"""The published number that stands beside a single run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rotui.profile.finding import built_in_folder
from rotui.profile.keys import value_at
from rotui.profile.loading import load_experiment
from rotui.profile.schema import Profile
from rotui.profile.stages import StageName
from rotui.results.deviations import Deviation, deviations, published_point
from rotui.results.published import Published, load_published
from rotui.study.planning import Point


@dataclass(frozen=True)
class RunReference:
    """A published accuracy in percent, and in what the run departs from the settings it was published for."""

    accuracy: float
    departs: tuple[Deviation, ...] = ()

    @property
    def label(self) -> str:
        """`published 79.07`, with a star where the run departs."""
        return f"published{'*' if self.departs else ''} {self.accuracy:g}"


def run_reference(profile: Profile, stage: StageName) -> RunReference | None:
    """What was published for a run of `stage`; None where nothing was, or the profile is scaled down."""
    if not profile.published or profile.scale.active:
        return None
    published, points = _published(profile.published)
    cell = published.find(stage, lambda key: value_at(profile, key)) if published is not None else None
    if cell is None:
        return None
    origin = published_point(cell, points)
    departs = deviations(profile, origin.profile, stage) if origin is not None else ()
    return RunReference(cell.accuracy, departs)


@lru_cache(maxsize=32)
def _published(name: str) -> tuple[Published | None, Sequence[Point]]:
    """The numbers of that name, and the points of the built-in experiment that they belong to."""
    published = load_published(name)
    built_in = built_in_folder() / f"{name}.toml"
    return published, load_experiment(str(built_in)).points if published and built_in.is_file() else ()
