"""A profile with its swept values put in: every combination, each validated before any is run."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rotui.profile.checking import Problem, check
from rotui.profile.faults import Fault, Key, Place, dotted, shown
from rotui.profile.keys import value_at
from rotui.profile.schema import Profile
from rotui.profile.settings import MAXIMUM_EXPANSIONS, Setting


@dataclass(frozen=True)
class Point:
    """One expansion of a profile's sweep: the resolved profile and the swept keys' values in it."""

    profile: Profile
    at: tuple[tuple[str, Any], ...] = ()


def with_values(values: Mapping[str, Any], changes: Iterable[tuple[Key, Any]]) -> dict[str, Any]:
    """A copy of nested `values` with the keys in `changes` set; what is not changed is shared."""
    changed = dict(values)
    for key, value in changes:
        table = changed
        for part in key[:-1]:
            below = table.get(part)
            table[part] = dict(below) if isinstance(below, Mapping) else {}
            table = table[part]
        table[key[-1]] = value
    return changed


def expand(
    values: Mapping[str, Any], axes: Sequence[Setting], known: Iterable[Problem]
) -> tuple[list[Point], list[Fault]]:
    """Every combination of the axes' values, the last axis changing fastest, and the faults of those that
    are not valid. Problems in `known` are the profile's own and are told by the caller."""
    faults = []
    count = math.prod(len(axis.values) for axis in axes)
    if count > MAXIMUM_EXPANSIONS:
        wrong = f"gives {count} expansions"
        faults.append(Fault(axes[-1].place, "sweep", wrong, f"at most {MAXIMUM_EXPANSIONS}"))
    points = []
    known = set(known)
    combinations = itertools.product(*(axis.values for axis in axes))
    for combination in itertools.islice(combinations, MAXIMUM_EXPANSIONS):
        at = list(zip(axes, combination, strict=True))
        profile, problems = check(Profile, with_values(values, ((axis.key, value) for axis, value in at)))
        if profile is not None:
            named = tuple((dotted(axis.key), value_at(profile, dotted(axis.key))) for axis in axes)
            points.append(Point(profile, named))
        for problem in problems:
            place = blamed(problem, axes, known)
            if place is not None:
                faults.append(problem.at(place, _with(problem, at)))
    return points, faults


def blamed(problem: Problem, changes: Sequence[Setting], known: Iterable[Problem]) -> Place | None:
    """The place of the change that a problem comes from: one to that very key, or, where the problem is
    not among the `known`, one to the same section. None where no change has to do with it."""
    for change in changes:
        if change.key == problem.key and not problem.between_fields:
            return change.place
    if problem in known:
        return None
    near = [change for change in changes if change.key == problem.key]
    near += [change for change in changes if change.key[:-1] == problem.key[:-1]]
    return (near or list(changes))[0].place if changes else None


def _with(problem: Problem, at: Sequence[tuple[Setting, Any]]) -> str:
    if not problem.between_fields:
        return ""
    section = [(axis.key, value) for axis, value in at if axis.key[:-1] == problem.key[:-1]]
    changes = section or [(axis.key, value) for axis, value in at]
    return " with " + ", ".join(f"{dotted(key)} = {shown(value)}" for key, value in changes)
