"""An experiment's runs that were made with settings of their own: which, as `--set` would be given them."""

from collections.abc import Iterable, Sequence
from typing import Any

from rotui.profile.keys import flat
from rotui.profile.loading import Experiment
from rotui.profile.schema import Profile
from rotui.profile.settings import value_text

Settings = tuple[str, ...]
"""Texts of the form KEY=VALUE[,VALUE...]; none where nothing differs."""

_ALSO_THERE = {"name", "title", "description", "published", "stages", "seed"}


def settings_apart(profiles: Iterable[Profile], experiment: Experiment) -> Settings:
    """In what runs that were queued together depart from the experiment: of each key that has a value which
    the experiment does not ask for, all values, and then of each swept key too of which they have only some.
    Seeds and stages set nothing apart."""
    values: dict[str, list[Any]] = {}
    for profile in profiles:
        for key, value in flat(profile.model_dump(mode="json")).items():
            known = values.setdefault(key, [])
            if value not in known:
                known.append(value)
    asked = flat(experiment.profile.model_dump(mode="json"))
    swept = dict(experiment.axes)
    told = {key: found for key, found in values.items() if key not in _ALSO_THERE}
    departing = {
        key for key, found in told.items() if not _is_asked(found, swept.get(key, (asked.get(key),)))
    }
    if departing:
        departing |= {key for key in swept if key in told and len(told[key]) < len(swept[key])}
    return tuple(
        f"{key}={','.join(map(value_text, found))}" for key, found in told.items() if key in departing
    )


def _is_asked(found: Sequence[Any], asked: Sequence[Any]) -> bool:
    return all(value in asked for value in found)
