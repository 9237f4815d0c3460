"""Plain values to a validated profile, or to the list of what is wrong with them in words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rotui.profile.allowed import in_words, nearest_key, section_keys
from rotui.profile.faults import Fault, Key, Place, dotted, shown

_BETWEEN_FIELDS = re.compile(r"(?P<key>[a-z_.]+): (?P<wrong>.+) \((?P<allowed>.+)\)")
_TOO_SMALL = ("greater_than", "greater_than_equal")
_TOO_LARGE = ("less_than", "less_than_equal")
_WRONG = {
    "finite_number": "is not a finite number",
    "literal_error": "is not one of the choices",
    "string_pattern_mismatch": "has characters that are not allowed",
    "string_too_long": "is too long",
    "string_unicode": "is not valid Unicode",
    "too_long": "is too long",
    "too_short": "is too short",
}

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Problem:
    """A fault before its place is known. `between_fields` says that it lies in how fields go together."""

    key: Key
    wrong: str
    allowed: str
    between_fields: bool = field(default=False, compare=False)

    def at(self, place: Place, addition: str = "") -> Fault:
        """The fault at its place, with words added to what is wrong."""
        return Fault(place, dotted(self.key), self.wrong + addition, self.allowed)


def check(model: type[Model], values: Mapping[str, Any]) -> tuple[Model | None, list[Problem]]:
    """The validated model and no problems, or None and every problem that validation finds."""
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        return None, [problem for details in error.errors() for problem in _problems(details)]


def unknown_key(key: Key, allowed_names: Iterable[str]) -> Problem:
    """The problem of a key that is not in the model, naming the nearest that is."""
    nearest = nearest_key(key)
    advice = f", did you mean {nearest}" if nearest else ""
    return Problem(key, f"unknown key{advice}", "one of " + ", ".join(allowed_names))


def _problems(details: ErrorDetails) -> list[Problem]:
    location, kind, value = details["loc"], details["type"], details["input"]
    key = tuple(part for part in location if isinstance(part, str))
    if kind == "value_error":
        section = key if section_keys(key) else key[:-1]
        found = [_BETWEEN_FIELDS.fullmatch(line) for line in str(details["ctx"]["error"]).splitlines()]
        return [
            Problem((*section, *match["key"].split(".")), match["wrong"], match["allowed"], True)
            if match
            else Problem(key, details["msg"], in_words(location), True)
            for match in found
        ]
    if kind == "extra_forbidden":
        return [unknown_key(key, section_keys(key[:-1]))]
    if kind == "float_type" and isinstance(value, int) and not isinstance(value, bool):
        wrong = "is too large"
    elif kind in _TOO_SMALL:
        wrong = "is too small"
    elif kind in _TOO_LARGE:
        wrong = "is too large"
    else:
        wrong = _WRONG.get(kind, f"is {_kind(value)}, which is the wrong type")
    return [Problem(key, f"{shown(value)} {wrong}", in_words(location))]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    for types, words in (
        (str, "text"),
        (int, "a whole number"),
        (float, "a decimal number"),
        ((list, tuple), "an array"),
        (dict, "a table"),
    ):
        if isinstance(value, types):
            return words
    return "a date or time"
