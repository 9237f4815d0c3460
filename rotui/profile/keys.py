"""Settings by their dotted keys, such as `loss.label_smoothing`."""

from collections.abc import Mapping
from typing import Any

from rotui.profile.schema import Profile


def value_at(profile: Profile, key: str) -> Any:
    """The value of a dotted key; None where the profile has no such key."""
    value: Any = profile
    for part in key.split("."):
        value = getattr(value, part, None)
    return value


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested tables as one, by dotted keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return found
