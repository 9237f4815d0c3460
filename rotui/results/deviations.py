"""Where a run's settings depart from the ones a published number was made with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rotui.profile.keys import flat, value_at
from rotui.profile.schema import Profile
from rotui.profile.stages import STAGES, StageName
from rotui.results.published import PublishedCell
from rotui.study.content_key import determining_settings
from rotui.study.planning import Point
from rotui.text import printable

_NO_DEVIATION = {"engine", "stage", "parent", "seed", "data.path", "compute.threads", "compute.deterministic"}
_FOLLOWS_THE_DATASET = {"data.mean", "data.std", "data.variant"}


@dataclass(frozen=True)
class Deviation:
    """A dotted key whose value is not the published one; None where a side has no such key."""

    key: str
    value: Any
    published: Any

    def __str__(self) -> str:
        return f"{self.key} = {shown(self.value)} (published {shown(self.published)})"


def shown(value: object) -> str:
    """A setting's value as a table shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(part) for part in value)
    return "none" if value is None else printable(value)


def published_point(cell: PublishedCell, reference: Sequence[Point]) -> Point | None:
    """The point of the built-in experiment that the published cell belongs to."""
    for point in reference:
        if all(value_at(point.profile, key) == value for key, value in cell.at.items()):
            return point
    return None


def deviations(profile: Profile, published: Profile, stage: StageName) -> tuple[Deviation, ...]:
    """What differs among the settings that `stage`, or the pre-training it starts from, depends on.

    Seeds, scale, threads, determinism and where a folder lies are no deviations.
    """
    ours, theirs = _settings(profile, stage), _settings(published, stage)
    ignored = set(_NO_DEVIATION)
    if ours["data.name"] != theirs["data.name"]:
        ignored |= _FOLLOWS_THE_DATASET
    return tuple(
        Deviation(key, ours.get(key), theirs.get(key))
        for key in {**theirs, **ours}
        if key not in ignored and not key.startswith("scale.") and ours.get(key) != theirs.get(key)
    )


def _settings(profile: Profile, stage: StageName) -> dict[str, Any]:
    settings = flat(determining_settings(profile, stage, ""))
    schedule = "pretrain" if STAGES[stage].predicts_rotation else "downstream"
    for key in ("epochs", "decay_every"):
        if f"schedule.{key}" in settings:
            settings[f"schedule.{schedule}.{key}"] = settings.pop(f"schedule.{key}")
    if STAGES[stage].starts_pretrained:
        settings = {**_settings(profile, "pretrain"), **settings}
    return settings
