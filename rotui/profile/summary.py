"""What sets a run's settings apart, in a few words: its dataset, then all that is not the default."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from rotui.profile.keys import flat
from rotui.profile.schema import Profile
from rotui.profile.stages import STAGES, StageName

_PLAIN_KEYS = {"name", "title", "description", "published", "stages", "seed", "data", "compute.threads"}
SEPARATOR = ", "
_SHORT_NAMES: dict[str, str] = {
    "rotation.count": "R={}",
    "network.architecture": "{}",
    "network.stem": "{} stem",
    "loss.label_smoothing": "smoothing {}",
    "labels.per_class": "{} labels",
    "labels.noise": "{} % label noise",
    "compute.precision": "{}",
    "scale.limit": "{} images",
    "scale.epochs": "{} epochs",
}


def settings_text(profile: Profile, stage: StageName) -> str:
    """The settings that `stage` reads and that are not the default, texts as they were written."""
    ours, defaults = flat(profile.model_dump()), _defaults()
    parts: list[str] = [profile.data.name]
    for key, value in ours.items():
        plain = key in _PLAIN_KEYS or key == "data.name" or value == defaults[key]
        if not plain and not _unread(key, profile, stage):
            parts.append(_setting_text(key, value))
    return SEPARATOR.join(parts)


def differing_parts(texts: Mapping[str, str]) -> dict[str, str]:
    """Of settings told in a few words, in what each differ from others; all of them where there is one."""
    parts = {name: text.split(SEPARATOR) for name, text in texts.items()}
    common = set.intersection(*map(set, parts.values())) if len(parts) > 1 else set()
    return {name: SEPARATOR.join(part for part in told if part not in common) for name, told in parts.items()}


def _setting_text(key: str, value: Any) -> str:
    if key in _SHORT_NAMES:
        return _SHORT_NAMES[key].format(f"{value:g}" if isinstance(value, float) else value)
    name = key.rpartition(".")[2].replace("_", " ")
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


@cache
def _defaults() -> dict[str, Any]:
    return flat(Profile().model_dump())


def _unread(key: str, profile: Profile, stage: StageName) -> bool:
    """Whether the stage never looks at the setting."""
    rotates = STAGES[stage].predicts_rotation
    if key.startswith("schedule.") and profile.scale.epochs and key.endswith(".epochs"):
        return True
    if key.startswith("rotation."):
        return not (rotates or STAGES[stage].starts_pretrained)
    if key.startswith(("labels.", "schedule.downstream.")):
        return rotates
    return key.startswith("schedule.pretrain.") and not rotates
