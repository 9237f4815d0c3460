"""Runs side by side: the settings in which they differ, what each ended with, and what each was made by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rotui.errors import InputError
from rotui.profile.keys import flat
from rotui.profile.schema import Profile
from rotui.profile.stages import StageName
from rotui.study.records import Classification, EpochRecord, RunResult

_LABELS = {"name", "title", "description", "published", "stages"}
_ENVIRONMENT: dict[str, tuple[tuple[str, ...], ...]] = {
    "device": (("device_name",), ("device",)),
    "torch": (("packages", "torch"), ("environment", "torch")),
    "threads": (("threads",), ("environment", "threads")),
    "cpu": (("cpu",),),
    "host": (("host",),),
    "rotui": (("rotui",),),
    "commit": (("git", "commit"),),
}
"""What is told of a run's provenance, each with the places at which it may stand."""


class ComparedRun(Protocol):
    """What is read of a run that is compared; `rotui.store.past_runs.PastRun` is one."""

    @property
    def name(self) -> str:
        """The run's directory name."""

    @property
    def number(self) -> int:
        """The run's number."""

    @property
    def stage(self) -> StageName:
        """What kind of training it is."""

    @property
    def profile(self) -> Profile:
        """Its resolved settings."""

    @property
    def status(self) -> str:
        """How it stands."""

    @property
    def verdict(self) -> str:
        """How its resumes compare with a run that was never stopped."""

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """What its epochs measured."""

    @property
    def result(self) -> RunResult | None:
        """What it ended with, None before it is finished."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What it was made by, empty before it began."""


@dataclass(frozen=True)
class Difference:
    """A dotted key of a profile, or a name of the environment, with the value of each run in their order;
    None where a run has none."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class FinalNumbers:
    """What a run ended with, or has reached so far. Accuracies in percent: `best` and `lowest_loss` are each
    the best epoch on the test split, `holdout` the test accuracy of the epoch chosen on held-out images.
    `seconds` is what its epochs took, `images_per_second` the rate of the last. None before the first."""

    number: int
    name: str
    stage: StageName
    status: str
    best: float | None
    last: float | None
    holdout: float | None
    lowest_loss: float | None
    epochs: int
    epochs_planned: int
    seconds: float
    images_per_second: float | None
    verdict: str


@dataclass(frozen=True)
class RunComparison:
    """Runs in the order in which they were given; only what differs between them is in `settings` and
    `environment`."""

    numbers: tuple[FinalNumbers, ...]
    settings: tuple[Difference, ...]
    environment: tuple[Difference, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; a number that is not finite is None."""
        return {
            "runs": [finite(asdict(numbers)) for numbers in self.numbers],
            "settings": {each.key: finite(list(each.values)) for each in self.settings},
            "environment": {each.key: finite(list(each.values)) for each in self.environment},
        }


def compare_runs(runs: Sequence[ComparedRun]) -> RunComparison:
    """Lays two or more runs side by side; InputError for fewer. The names and titles of profiles, and the
    numbers published for them, are no settings."""
    if len({run.name for run in runs}) < 2:
        raise InputError("two or more runs are needed to compare them")
    return RunComparison(
        numbers=tuple(map(_final_numbers, runs)),
        settings=_differences([{"stage": run.stage, **_flat_settings(run.profile)} for run in runs]),
        environment=_differences([environment_values(run.provenance) for run in runs]),
    )


def from_default(profile: Profile) -> tuple[Difference, ...]:
    """The settings that are not the published default, each with its value and that default. Names, titles
    and which stages are trained are no settings."""
    return _differences([_flat_settings(profile), _flat_settings(Profile())])


def environment_values(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Device, torch, threads and the like by short names, None for what was not recorded."""
    values = {}
    for name, places in _ENVIRONMENT.items():
        found = (_at(provenance, place) for place in places)
        values[name] = next((value for value in found if value is not None), None)
    return values


def finite(value: Any) -> Any:
    """Plain values with None for every number that JSON cannot write."""
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat_settings(profile: Profile) -> dict[str, Any]:
    return flat(profile.model_dump(mode="json", exclude=_LABELS))


def _differences(runs: Sequence[Mapping[str, Any]]) -> tuple[Difference, ...]:
    keys = dict.fromkeys(key for values in runs for key in values)
    differences = (Difference(key, tuple(values.get(key) for values in runs)) for key in keys)
    return tuple(each for each in differences if any(value != each.values[0] for value in each.values))


def _final_numbers(run: ComparedRun) -> FinalNumbers:
    result = run.result
    if result is None and run.epochs:
        result = RunResult.of(run.epochs, Classification((), (), ()))
    return FinalNumbers(
        number=run.number,
        name=run.name,
        stage=run.stage,
        status=run.status,
        best=result.best_accuracy if result else None,
        last=result.last_accuracy if result else None,
        holdout=result.holdout_choice_accuracy if result else None,
        lowest_loss=result.lowest_loss if result else None,
        epochs=len(run.epochs),
        epochs_planned=run.profile.epochs(run.stage),
        seconds=sum(epoch.seconds for epoch in run.epochs),
        images_per_second=run.epochs[-1].images_per_second if run.epochs else None,
        verdict=run.verdict,
    )


def _at(values: Any, place: Sequence[str]) -> Any:
    for key in place:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
