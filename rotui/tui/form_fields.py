"""The fields of a profile's form, made from the pydantic model: names, meanings, bounds, values as text."""

from dataclasses import dataclass
from typing import Any

from rotui.profile.allowed import all_keys, field_schema, in_words
from rotui.profile.keys import flat
from rotui.profile.loading import Experiment
from rotui.profile.settings import FILE_ONLY, value_text

FIRST_SECTION = "study"
FIRST_SECTIONS = (FIRST_SECTION, "scale")
"""What is changed most often stands at the top; the rest follows in the order of the model."""
_HIDDEN = {"name", "title", "description", "published"}


@dataclass(frozen=True)
class FormField:
    """One setting. `key` is dotted, `value` the text that `--set` would take for what the profile says: of a
    swept key all its values. `choices` are the texts of all values where there are only a few."""

    key: str
    section: str
    name: str
    value: str
    about: str
    allowed: str
    choices: tuple[str, ...]

    @property
    def identity(self) -> str:
        """The key as a widget's id."""
        return self.key.replace(".", "-")

    def next_choice(self, text: str) -> str:
        """The choice after the one that `text` is; the text itself where there are none."""
        if not self.choices:
            return text
        at = self.choices.index(text) if text in self.choices else -1
        return self.choices[(at + 1) % len(self.choices)]


def form_fields(experiment: Experiment) -> list[FormField]:
    """Every setting of the profile by section."""
    values = flat(experiment.profile.model_dump(mode="json"))
    swept = dict(experiment.axes)
    fields = []
    for key, is_section in all_keys().items():
        name = ".".join(key)
        if is_section or key[0] in (*FILE_ONLY, *_HIDDEN) or name not in values:
            continue
        schema = field_schema(key) or {}
        fields.append(
            FormField(
                key=name,
                section=key[0] if len(key) > 1 else FIRST_SECTION,
                name=".".join(key[1:]) or name,
                value=",".join(map(_shown, swept[name])) if name in swept else _shown(values[name]),
                about=schema.get("description", ""),
                allowed=in_words(key),
                choices=_choices(schema),
            )
        )
    return sorted(fields, key=lambda field: (_section_place(field.section), field.key == "stages"))


def setting_of(field: FormField, text: str) -> str:
    """What `--set` would be given for a field with this text in it; empty where nothing was changed."""
    given = text.strip()
    if given == field.value:
        return ""
    return f"{field.key}={given or chr(34) * 2}"


def _section_place(section: str) -> int:
    return FIRST_SECTIONS.index(section) if section in FIRST_SECTIONS else len(FIRST_SECTIONS)


def _choices(schema: dict[str, Any]) -> tuple[str, ...]:
    if schema.get("type") == "boolean":
        return "false", "true"
    return tuple(_shown(choice) for choice in schema.get("enum", ()))


def _shown(value: Any) -> str:
    return value if value == "" else value_text(value)
