"""From a name, a path and settings to an experiment: everything validated, or every fault told at once."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w

from rotui.profile.checking import check
from rotui.profile.faults import Fault, Key, Place, ProfileError
from rotui.profile.finding import FoundProfile, find_profiles, is_path
from rotui.profile.layers import Layer, merged, read_layers
from rotui.profile.schema import Profile
from rotui.profile.settings import Setting, read_settings, repeated, target_fault
from rotui.profile.sweep import Point, blamed, expand, with_values
from rotui.text import printable, slug


@dataclass(frozen=True)
class Experiment:
    """A loaded profile: where it came from, the base profile and every expansion of its sweep, all
    validated. `axes` are the swept dotted keys with their values, in order."""

    source: str
    profile: Profile
    axes: tuple[tuple[str, tuple[Any, ...]], ...]
    points: tuple[Point, ...]


def load_experiment(
    name_or_path: str, settings: Sequence[str] = (), *, limit: int = 0, epochs: int = 0
) -> Experiment:
    """The experiment that a profile's name or path means, with `KEY=VALUE[,VALUE...]` settings over it.

    `limit` (images of each split) and `epochs` cut it down where they are not 0. Raises ProfileError with
    every fault of the file, of those it extends, of the settings and of each expansion of the sweep.
    """
    layers, faults = read_layers(name_or_path)
    given, more = read_settings(settings, limit, epochs)
    faults += more
    if not layers:
        raise ProfileError(faults)
    values = merged(layers)
    swept = values.pop("sweep", None)
    axes, more = _axes(swept if isinstance(swept, dict) else {}, layers)
    faults += more
    for setting in given:
        if len(setting.values) == 1:
            axes.pop(setting.key, None)
        else:
            axes[setting.key] = setting
    values.setdefault("name", slug(layers[0].path.stem))

    single = [setting for setting in given if len(setting.values) == 1]
    _, before = check(Profile, values)
    values = with_values(values, ((setting.key, setting.values[0]) for setting in single))
    profile, problems = check(Profile, values)
    for problem in problems:
        place = blamed(problem, single, before) or _written(problem.key, layers)
        faults.append(problem.at(place))
    points, more = expand(values, list(axes.values()), problems)
    faults += more
    if faults or profile is None:
        raise ProfileError(faults)
    names = [".".join(key) for key in axes]
    taken = [dict(point.at) for point in points]
    swept_values = tuple((name, tuple(dict.fromkeys(at[name] for at in taken))) for name in names)
    return Experiment(printable(name_or_path), profile, swept_values, tuple(points))


def load_found_profiles() -> list[tuple[FoundProfile, Experiment | ProfileError]]:
    """Every profile there is, each loaded or with what is wrong with it."""
    loaded: list[tuple[FoundProfile, Experiment | ProfileError]] = []
    for found in find_profiles():
        try:
            path = str(found.path)
            loaded.append((found, load_experiment(path if is_path(path) else f"./{path}")))
        except ProfileError as error:
            loaded.append((found, error))
    return loaded


def dump_profile(profile: Profile, axes: Sequence[tuple[str, Sequence[Any]]] = ()) -> str:
    """The profile as TOML with every setting written out, and a `[sweep]` over `axes` where there are any.

    It loads back to an equal profile, and characters that a terminal obeys stand in it as escapes.
    """
    values = profile.model_dump(mode="json")
    if axes:
        values["sweep"] = {key: list(swept) for key, swept in axes}
    return "".join(
        character
        if character in " \n" or unicodedata.category(character)[0] not in "CZ"
        else f"\\U{ord(character):08x}"
        for character in tomli_w.dumps(values)
    )


def _axes(sweep: dict[str, Any], layers: list[Layer]) -> tuple[dict[Key, Setting], list[Fault]]:
    axes: dict[Key, Setting] = {}
    faults = []
    for name, swept in sweep.items():
        key = tuple(name.split("."))
        place = _written(("sweep", name), layers)
        fault = target_fault(key, place, swept=True)
        if fault is None and isinstance(swept, list) and swept:
            axes[key] = Setting(key, tuple(swept), place)
            fault = repeated(key, swept, place)
        if fault is not None:
            faults.append(fault)
    return axes, faults


def _written(key: Key, layers: list[Layer]) -> Place:
    """The place in the nearest file that writes `key`, or else its section."""
    for end in range(len(key), 0, -1):
        for layer in layers:
            if layer.names(key[:end]):
                return layer.place(key[:end])
    return layers[0].place(key)
