"""Settings from the command line: `KEY=VALUE[,VALUE...]` to a key and the values it takes."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rotui.profile.allowed import all_keys, section_keys
from rotui.profile.checking import unknown_key
from rotui.profile.faults import Fault, Key, Place, dotted, shown
from rotui.profile.toml_text import MAXIMUM_BYTES, TomlSyntaxError, parse

MAXIMUM_EXPANSIONS = 1000
NEVER_SWEPT = ("name", "title", "description", "published")
FILE_ONLY = ("extends", "sweep")

_FORM = "KEY=VALUE[,VALUE...], with '\"\"' for empty text"
_PIECE = re.compile(r"\s*(range\([^()]*\)|[^,]*?)\s*(?:,|$)")
_RANGE = re.compile(r"range\((?P<numbers>[^()]*)\)")
_PLAIN = re.compile(r"[A-Za-z_][\w/-]*", re.ASCII)
_TOML_WORDS = ("true", "false", "inf", "nan")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Setting:
    """A key and the values given to it at one place: one value sets it, several sweep over it."""

    key: Key
    values: tuple[Any, ...]
    place: Place


class SettingError(ValueError):
    """A setting that cannot be read; carries its fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def read_settings(texts: Sequence[str], limit: int, epochs: int) -> tuple[list[Setting], list[Fault]]:
    """The settings of --set, --limit and --epochs (0 where not given) and the faults of those left out."""
    settings: dict[Key, Setting] = {}
    faults = []
    given = [(text, Place(f"--set {text}")) for text in texts]
    given += [
        (f"scale.{name}={number}", Place(f"--{name} {number}"))
        for name, number in (("limit", limit), ("epochs", epochs))
        if number
    ]
    for text, place in given:
        try:
            setting = _read(text, place)
        except SettingError as error:
            faults.append(error.fault)
            continue
        if setting.key in settings:
            first = settings[setting.key].place
            faults.append(Fault(place, dotted(setting.key), f"is already set by {first}", "each key once"))
        else:
            settings[setting.key] = setting
    return list(settings.values()), faults


def value_text(value: Any) -> str:
    """A value of a profile as a setting is given it; a text that could be taken for something else in
    quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return (
            "["
            + ", ".join(_quoted(each) if isinstance(each, str) else value_text(each) for each in value)
            + "]"
        )
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value not in _TOML_WORDS
        return value if plain else _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    """Text in quotes, with escapes for all that a terminal would not show as it is."""
    shown = []
    for character in text:
        if character in '"\\':
            shown.append(f"\\{character}")
        elif character != " " and unicodedata.category(character)[0] in "CZ":
            shown.append(f"\\U{ord(character):08x}")
        else:
            shown.append(character)
    return '"' + "".join(shown) + '"'


def target_fault(key: Key, place: Place, *, swept: bool) -> Fault | None:
    """The fault of setting or sweeping over a key that does not exist, is a section or is not for that."""
    written = dotted(key)
    if key[0] in FILE_ONLY or (swept and key in {(name,) for name in NEVER_SWEPT}):
        action = "swept over" if swept else "set"
        return Fault(place, written, f"cannot be {action}", "a setting of the experiment")
    if key not in all_keys():
        section = key[:-1] if section_keys(key[:-1]) else ()
        names = [name for name in section_keys(section) if name not in FILE_ONLY]
        return unknown_key(key, names).at(place)
    if all_keys()[key]:
        return Fault(place, written, "is a table", f"one of its keys {', '.join(section_keys(key))}")
    return None


def _read(text: str, place: Place) -> Setting:
    name, equals, written = text.partition("=")
    key = tuple(part.strip() for part in name.split("."))
    if not equals or not all(key) or not written.strip() or len(text) > MAXIMUM_BYTES:
        wrong = "is not a key and its value" if len(text) <= MAXIMUM_BYTES else "is too long"
        raise SettingError(Fault(place, dotted(key) if name else "--set", wrong, _FORM))
    fault = target_fault(key, place, swept=False)
    if fault is not None:
        raise SettingError(fault)
    values = _values(written.strip(), dotted(key), place)
    if len(values) > 1:
        fault = target_fault(key, place, swept=True) or repeated(key, values, place)
        if fault is not None:
            raise SettingError(fault)
    return Setting(key, values, place)


def repeated(key: Key, values: Sequence[Any], place: Place) -> Fault | None:
    """The fault of a value that stands twice among those of one axis."""
    for number, value in enumerate(values[:MAXIMUM_EXPANSIONS]):
        if value in values[:number]:
            return Fault(place, dotted(key), f"{shown(value)} is there twice", "each value once")
    return None


def _values(written: str, key: str, place: Place) -> tuple[Any, ...]:
    as_array = _parsed(written)
    if as_array is not None:
        return as_array
    values: list[Any] = []
    for piece in _pieces(written):
        counted = _RANGE.fullmatch(piece)
        if counted is not None:
            values.extend(_range(counted["numbers"], piece, key, place))
            continue
        parsed = _parsed(piece)
        values.extend(parsed if parsed is not None and len(parsed) == 1 else [piece])
    return tuple(values)


def _pieces(written: str) -> list[str]:
    pieces: list[str] = []
    position = 0
    while position < len(written):
        match = _PIECE.match(written, position)
        if match is None:
            return [*pieces, written[position:]]
        pieces.append(match[1])
        position = match.end()
    return pieces


def _parsed(written: str) -> tuple[Any, ...] | None:
    try:
        values = parse(f"values = [{written}]")
    except TomlSyntaxError:
        return None
    return tuple(values["values"]) if values.keys() == {"values"} and values["values"] else None


def _range(numbers: str, piece: str, key: str, place: Place) -> range:
    parts = [part.strip() for part in numbers.split(",")]
    allowed = f"range(START,END) or range(START,END,STEP) of 1 to {MAXIMUM_EXPANSIONS} whole numbers"
    if len(parts) not in (2, 3) or not all(_WHOLE.fullmatch(part) for part in parts):
        raise SettingError(Fault(place, key, f"{piece} is not a range", allowed))
    bounds = [int(part) for part in parts]
    if len(parts) == 3 and bounds[2] == 0:
        raise SettingError(Fault(place, key, f"{piece} never ends", allowed))
    counted = range(*bounds)
    if not 1 <= len(counted) <= MAXIMUM_EXPANSIONS:
        raise SettingError(Fault(place, key, f"{piece} has {len(counted)} numbers", allowed))
    return counted
