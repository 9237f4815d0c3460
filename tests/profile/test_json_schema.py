"""The JSON Schema of a profile file, and the words that are made from it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rotui.profile.allowed import DRAFT, all_keys, in_words, json_schema, nearest_key
from rotui.profile.schema import ProfileFile

TYPES = {"string", "integer", "number", "boolean", "array", "object"}
KEYWORDS = {
    "$defs", "$ref", "$schema", "additionalProperties", "default", "description", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minimum",
    "pattern", "properties", "title", "type", "uniqueItems", "unit",
}  # fmt: skip


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    below = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    below += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for part in below:
        yield from subschemas(part)


def test_the_schema_is_plain_json_of_draft_2020_12_without_dangling_references():
    schema = json.loads(json.dumps(json_schema(), allow_nan=False))
    assert schema["$schema"] == DRAFT
    assert schema["title"] == "rotui profile"
    for part in subschemas(schema):
        assert set(part) <= KEYWORDS
        assert part.get("type", "object") in TYPES
        if "$ref" in part:
            assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]


def test_every_section_forbids_unknown_keys_and_every_key_has_a_description():
    schema = json_schema()
    sections = [schema, *schema["$defs"].values()]
    assert len(sections) == 11
    for section in sections:
        assert section["additionalProperties"] is False
        assert section["description"]
        for name, field in section["properties"].items():
            assert len(field["description"]) > 10, name
            assert "\n" not in field["description"]


def test_every_number_and_text_is_bounded():
    for part in subschemas(json_schema()):
        if part.get("type") in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(part), part
            assert {"maximum", "exclusiveMaximum"} & set(part), part
        elif part.get("type") == "string":
            assert {"maxLength", "enum", "pattern"} & set(part), part
        elif part.get("type") == "array":
            assert "maxItems" in part, part


def test_units_stand_in_the_schema():
    schema = json_schema()["$defs"]
    assert schema["DataSettings"]["properties"]["image_size"]["unit"] == "px"
    assert schema["RotationSettings"]["properties"]["jitter"]["unit"] == "degrees"


def test_the_schema_names_the_model_s_keys():
    assert list(json_schema()["properties"]) == list(ProfileFile.model_fields)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("loss", "label_smoothing"), "a number from 0 up to, not including, 1; probability"),
        (("optimizer", "learning_rate"), "a number above 0 and up to 10"),
        (("schedule", "pretrain", "epochs"), "a whole number from 1 to 100000; epochs"),
        (("network", "stem"), "one of imagenet, cifar"),
        (("data", "horizontal_flip"), "true or false"),
        (("data", "std", 0), "a number above 0 and up to 10"),
        (("title",), "text of at most 200 characters"),
        (("nosuch",), "no such key"),
    ],
)
def test_what_a_key_allows_is_told_in_words(key, words):
    assert in_words(key) == words


def test_no_key_s_words_are_empty_or_hold_brackets_of_their_own():
    for key in all_keys():
        assert in_words(key)
        assert not set("()\n") & set(in_words(key))


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [
        (("sede",), "seed"),
        (("los", "label_smoothing"), "loss.label_smoothing"),
        (("label_smoothing",), "loss.label_smoothing"),
        (("data", "learning_rate"), "optimizer.learning_rate"),
        (("zzzzzz",), ""),
        (("loss", "x"), ""),
    ],
)
def test_the_nearest_key_to_a_typo(typo, nearest):
    assert nearest_key(typo) == nearest
