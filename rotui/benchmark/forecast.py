"""How long each profile would take on this machine, from figures alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from rotui.profile.faults import ProfileError
from rotui.profile.loading import load_found_profiles
from rotui.study.bench_figure import BenchFigure
from rotui.study.estimate import Estimator, together
from rotui.study.machine import Machine
from rotui.study.planning import PlannedRun, plan


@dataclass(frozen=True)
class Forecast:
    """A profile's `seconds` for those `covered` of its `runs` whose like was measured, and the options that
    would measure the others; `missing` is empty where that is all, or where no option measures them."""

    profile: str
    runs: int
    covered: int
    seconds: float
    missing: tuple[str, ...]


def forecasts(figures: Iterable[BenchFigure], machine: Machine) -> list[Forecast]:
    """One for each profile that is valid and not hidden by another of its name."""
    estimator = Estimator((), machine, figures)
    told = []
    for found, outcome in load_found_profiles():
        if found.hidden or isinstance(outcome, ProfileError):
            continue
        runs = plan(outcome.points).runs
        estimates = {run.key: estimator.of_run(run) for run in runs}
        known = [each for each in estimates.values() if each is not None]
        missing = _missing(run for run in runs if estimates[run.key] is None)
        told.append(Forecast(found.name, len(runs), len(known), together(known).seconds, missing))
    return told


def _missing(runs: Iterable[PlannedRun]) -> tuple[str, ...]:
    """The options that have the like of these runs measured, one call each; none for what no option does."""
    networks: dict[str, dict[str, None]] = {}
    for run in runs:
        profile = run.profile
        if profile.network.stem != "imagenet" or profile.network.width != 64 or profile.compute.deterministic:
            continue
        options = f"--size {profile.data.image_size}"
        if profile.optimizer.batch_size != 128:
            options += f" --batch {profile.optimizer.batch_size}"
        if profile.compute.precision != "fp32":
            options += f" --precision {profile.compute.precision}"
        if profile.compute.threads:
            options += f" --threads {profile.compute.threads}"
        networks.setdefault(options, {})[profile.network.architecture] = None
    return tuple(f"--network {','.join(names)} {options}" for options, names in networks.items())
