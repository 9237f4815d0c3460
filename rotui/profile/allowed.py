"""What each key of a profile allows, in words made from the field itself, and the nearest key to a typo."""

import difflib
from functools import lru_cache
from typing import Any

from rotui.profile.faults import Key
from rotui.profile.schema import SLUG_PATTERN, ProfileFile

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NAME_IN_WORDS = (
    "lower-case letters, digits, dot, dash and underscore, 1 to 64, starting with a letter or a digit"
)
_PATTERNS_IN_WORDS = {SLUG_PATTERN: _NAME_IN_WORDS, rf"{SLUG_PATTERN}|^$": f"{_NAME_IN_WORDS}, or empty"}


@lru_cache(maxsize=1)
def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a profile file; every key and section has a description."""
    schema: dict[str, Any] = {"$schema": DRAFT, **ProfileFile.model_json_schema(), "title": "rotui profile"}
    for part in (schema, *schema["$defs"].values()):
        part["description"] = " ".join(part["description"].split())
        for field in part["properties"].values():
            if "$ref" in field:
                field.setdefault("description", _resolved(schema, field)["description"])
            field["description"] = " ".join(field["description"].split())
    return schema


def field_schema(key: tuple[str | int, ...]) -> dict[str, Any] | None:
    """The schema of the field or section at `key` (an index stands for an array's items), None where
    there is no such key."""
    root = json_schema()
    schema = root
    for part in key:
        if isinstance(part, int):
            found = schema.get("items", {})
        elif "properties" in schema:
            found = schema["properties"].get(part)
        else:
            found = schema.get("additionalProperties")
        if not isinstance(found, dict):
            return None
        schema = _resolved(root, found)
    return schema


def in_words(key: tuple[str | int, ...]) -> str:
    """What the field or section at `key` allows, such as `a number from 0 up to, not including, 1`."""
    schema = field_schema(key)
    return "no such key" if schema is None else _words(schema)


def section_keys(section: Key) -> list[str]:
    """Names of the keys in a section, in the order of the model; empty where there is no such section."""
    return list((field_schema(section) or {}).get("properties", {}))


@lru_cache(maxsize=1)
def all_keys() -> dict[Key, bool]:
    """Every key of a profile file, in order, and whether it is a section rather than a value."""
    found: dict[Key, bool] = {}

    def add(above: Key) -> None:
        for name in section_keys(above):
            key = (*above, name)
            found[key] = bool(section_keys(key))
            add(key)

    add(())
    return found


@lru_cache(maxsize=256)
def nearest_key(key: Key) -> str:
    """The valid dotted key that is most like `key`, by its whole or by its last part; empty if none is."""
    written = ".".join(key)[-80:]
    names = {".".join(valid): valid[-1] for valid in all_keys() if valid != key[: len(valid)]}
    close = difflib.get_close_matches(written, names, n=1, cutoff=0.75)
    if close:
        return close[0]
    last = difflib.get_close_matches(written.rpartition(".")[2], list(names.values()), n=1, cutoff=0.75)
    return next((name for name, part in names.items() if last and part == last[0]), "")


def _resolved(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    resolved: dict[str, Any] = root["$defs"][reference.rpartition("/")[2]]
    return resolved


def _words(schema: dict[str, Any]) -> str:
    unit = f"; {schema['unit']}" if schema.get("unit", "none") != "none" else ""
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    kind = schema.get("type")
    if kind == "boolean":
        return "true or false"
    if kind == "integer":
        return f"a whole number{_bounds(schema)}{unit}"
    if kind == "number":
        return f"a number{_bounds(schema)}{unit}"
    if kind == "string":
        pattern = schema.get("pattern")
        if pattern is not None:
            return _PATTERNS_IN_WORDS.get(pattern, f"text that matches {pattern}")
        return f"text of at most {schema['maxLength']} characters"
    if kind == "array":
        lowest, highest = schema.get("minItems", 0), schema["maxItems"]
        return f"an array of {lowest} to {highest} entries, each {_words(schema.get('items', {}))}"
    if "properties" in schema:
        return "a table with the keys " + ", ".join(schema["properties"])
    if kind == "object":
        return "a table of dotted keys, each with an array of the values to run"
    return "a value that its key allows"


def _bounds(schema: dict[str, Any]) -> str:
    lowest = highest = ""
    if "minimum" in schema:
        lowest = f"{schema['minimum']:g}" if isinstance(schema["minimum"], float) else str(schema["minimum"])
    if "maximum" in schema:
        highest = str(schema["maximum"])
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if lowest and highest:
        return f" from {lowest} to {highest}"
    if lowest and below is not None:
        return f" from {lowest} up to, not including, {below}"
    if above is not None and (highest or below is not None):
        return f" above {above} and " + (f"up to {highest}" if highest else f"below {below}")
    if lowest:
        return f" of at least {lowest}"
    if highest:
        return f" of at most {highest}"
    if above is not None:
        return f" above {above}"
    return f" below {below}" if below is not None else ""
