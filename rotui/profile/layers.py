"""A profile file and those it extends: read, checked one by one, and laid over one another."""

import difflib
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rotui.profile.checking import check
from rotui.profile.faults import Fault, Key, Place, dotted, shown
from rotui.profile.finding import find_profiles, identity, is_path, paths_named
from rotui.profile.schema import ProfileFile
from rotui.profile.toml_text import MAXIMUM_BYTES, TomlSyntaxError, key_lines, parse

MAXIMUM_LAYERS = 16
NOT_INHERITED = ("name", "title", "description", "published", "extends")


@dataclass(frozen=True)
class Layer:
    """One file: its values, with `[sweep]` flattened to dotted keys, and its text, to find lines in."""

    path: Path
    text: str = field(repr=False)
    values: dict[str, Any]

    @cached_property
    def _lines(self) -> dict[Key, int]:
        lines = key_lines(self.text)
        swept = {(*key[:1], ".".join(key[1:])): line for key, line in lines.items() if key[0] == "sweep"}
        return swept | lines

    def place(self, key: Key) -> Place:
        """The line at which `key` is written, or else that of the section it belongs to, or line 1."""
        for end in range(len(key), 0, -1):
            if key[:end] in self._lines:
                return Place(str(self.path), self._lines[key[:end]])
        return Place(str(self.path), 1)

    def names(self, key: Key) -> bool:
        """Whether the file writes this key."""
        values: Any = self.values
        for part in key:
            if not isinstance(values, Mapping) or part not in values:
                return False
            values = values[part]
        return True


def read_layers(name_or_path: str) -> tuple[list[Layer], list[Fault]]:
    """The named profile and all it extends, nearest first, and the faults of each file by itself.

    What cannot be read or parsed ends the chain with a fault; there is then no layer for it.
    """
    layers: list[Layer] = []
    faults: list[Fault] = []
    path = _named(name_or_path, Place("profile"), "name", Path(), layers, faults)
    by = None
    while path is not None:
        layer = _read(path, by, faults)
        if layer is None:
            break
        layers.append(layer)
        _, problems = check(ProfileFile, layer.values)
        faults += [problem.at(layer.place(problem.key)) for problem in problems if not problem.between_fields]
        extends = layer.values.get("extends")
        if not isinstance(extends, str) or not extends:
            break
        by = layer.place(("extends",))
        if len(layers) == MAXIMUM_LAYERS:
            allowed = f"at most {MAXIMUM_LAYERS} files"
            faults.append(Fault(by, "extends", "the chain of profiles is too long", allowed))
            break
        path = _named(extends, by, "extends", path.parent, layers, faults)
    return layers, faults


def merged(layers: list[Layer]) -> dict[str, Any]:
    """The values of all layers, the first one's over the others', key by key; the nearest sweep counts
    alone, and what names or describes a profile is its own."""
    values: dict[str, Any] = {}
    for layer in reversed(layers):
        own = dict(layer.values)
        if layer is not layers[0]:
            own = {key: value for key, value in own.items() if key not in NOT_INHERITED}
        if "sweep" in own:
            values.pop("sweep", None)
        values = _over(values, own)
    values.pop("extends", None)
    return values


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            value = _over(under, value)
        result[key] = value
    return result


def _named(
    name: str, place: Place, key: str, folder: Path, layers: list[Layer], faults: list[Fault]
) -> Path | None:
    """The file that `name` means, seen from `folder`, that is not among `layers` yet."""
    paths = [folder / name] if is_path(name) else paths_named(name)
    read = {identity(layer.path) for layer in layers}
    fresh = [path for path in paths if identity(path) not in read]
    if fresh:
        return fresh[0]
    if paths:
        chain = " extends ".join(str(layer.path) for layer in layers)
        wrong = f"{shown(name)} is a profile that extends this one, {chain}"
        faults.append(Fault(place, key, wrong, "a profile that does not lead back to this one"))
        return None
    names = sorted({found.name for found in find_profiles()})
    nearest = difflib.get_close_matches(name[:80], names, n=1)
    advice = f", did you mean {nearest[0]}" if nearest else ""
    allowed = "the path of a TOML file, or one of " + ", ".join(names)
    faults.append(Fault(place, key, f"there is no profile {shown(name)}{advice}", allowed))
    return None


def _read(path: Path, by: Place | None, faults: list[Fault]) -> Layer | None:
    """The layer of one file; `by` is the place that named it, None for the command line."""

    def refuse(line: int, key: str, wrong: str, allowed: str) -> None:
        faults.append(Fault(Place(str(path), line), key, wrong, allowed))

    try:
        if not stat.S_ISREG(path.stat().st_mode):
            reason = "is a directory" if path.is_dir() else "is not a regular file"
        else:
            with path.open("rb") as file:
                content = file.read(MAXIMUM_BYTES + 1)
            reason = ""
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "a path holds no zero byte"
        reason = f"cannot be read: {(told or str(error)).lower()}"
    if reason:
        if by is None:
            refuse(1, "file", reason, "a readable TOML file")
        else:
            faults.append(Fault(by, "extends", f"{path} {reason}", "the name or path of a profile"))
        return None
    if len(content) > MAXIMUM_BYTES:
        refuse(1, "file", "is too large", f"at most {MAXIMUM_BYTES} bytes")
        return None
    try:
        text = content.decode("utf-8-sig")
        values = parse(text)
    except UnicodeDecodeError as error:
        refuse(content[: error.start].count(b"\n") + 1, "file", "is not UTF-8", "TOML text in UTF-8")
        return None
    except TomlSyntaxError as error:
        refuse(error.line, "toml", error.wrong, error.allowed)
        return None
    sweep = values.get("sweep")
    if isinstance(sweep, dict):
        flat: dict[str, Any] = {}
        for name, value in _flat(sweep):
            if name in flat:
                line = Layer(path, text, values).place(("sweep", name)).line
                refuse(line, dotted(("sweep", *name.split("."))), "is there twice", "each key once")
            flat[name] = value
        values["sweep"] = flat
    return Layer(path, text, values)


def _flat(table: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            found += _flat(value, f"{above}{key}.")
        else:
            found.append((f"{above}{key}", value))
    return found
