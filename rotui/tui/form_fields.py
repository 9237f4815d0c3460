"""The fields of a profile's form, made from the pydantic model: names, meanings, bounds, values as text."""

from dataclasses import dataclass
from typing import Any

from rotui.profile.allowed import all_keys, field_schema, in_words
from rotui.profile.keys import flat
from rotui.profile.loading import Experiment
from rotui.profile.settings import FILE_ONLY

FIRST_SECTION = "study"
_HIDDEN = {"name", "title", "description", "published", "stages"}


@dataclass(frozen=True)
class FormField:
    """One setting. `key` is dotted, `value` the text that `--set` would take for what the profile says: of a
    swept key all its values."""

    key: str
    section: str
    name: str
    value: str
    about: str
    allowed: str

    @property
    def identity(self) -> str:
        """The key as a widget's id."""
        return self.key.replace(".", "-")


def form_fields(experiment: Experiment) -> list[FormField]:
    """Every setting of the profile, in the order of the model; stages and seed come first."""
    values = flat(experiment.profile.model_dump(mode="json"))
    swept = dict(experiment.axes)
    fields = []
    for key, is_section in all_keys().items():
        name = ".".join(key)
        if is_section or key[0] in (*FILE_ONLY, *_HIDDEN) or name not in values:
            continue
        text = ",".join(_text(value) for value in swept[name]) if name in swept else _text(values[name])
        about = (field_schema(key) or {}).get("description", "")
        section = key[0] if len(key) > 1 else FIRST_SECTION
        fields.append(FormField(name, section, ".".join(key[1:]) or name, text, about, in_words(key)))
    return fields


def setting_of(field: FormField, text: str) -> str:
    """What `--set` would be given for a field with this text in it; empty where nothing was changed."""
    given = text.strip()
    if given == field.value:
        return ""
    return f"{field.key}={given or chr(34) * 2}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return (
            "[" + ", ".join(_text(item) if not isinstance(item, str) else f'"{item}"' for item in value) + "]"
        )
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)
