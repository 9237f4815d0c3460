"""What the user arranged, kept between two sessions: theme, keys, sorting, columns, filters, panes."""

import json
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotui.errors import StoreError
from rotui.store.atomic import write_atomically


def state_path() -> Path:
    """The file that holds it, in the user's state directory."""
    return platformdirs.user_state_path("rotui") / "console.json"


def keymap_path() -> Path:
    """The user's own keys: a TOML file of binding ids and keys, in the configuration directory."""
    return platformdirs.user_config_path("rotui") / "keymap.toml"


class ChartState(BaseModel):
    """How a chart is drawn: a logarithmic y axis, and the weight of the past in its smoothing."""

    log_y: bool = False
    smoothing: float = Field(default=0.0, ge=0, lt=1)


class ViewState(BaseModel):
    """One user's arrangement of the console. `tables` holds each table's sort key, direction, columns;
    `charts` are by the chart's id."""

    model_config = ConfigDict(extra="ignore")

    theme: str = ""
    filter: str = ""
    tables: dict[str, dict[str, Any]] = Field(default_factory=dict)
    hidden_panes: list[str] = Field(default_factory=list)
    charts: dict[str, ChartState] = Field(default_factory=dict)
    keymap: dict[str, str] = Field(default_factory=dict, exclude=True)

    @classmethod
    def load(cls) -> "ViewState":
        """What was kept, or the defaults where nothing readable was; with the user's own keys."""
        try:
            state = cls.model_validate(json.loads(state_path().read_bytes()))
        except (OSError, ValueError, ValidationError):
            state = cls()
        state.keymap = _read_keymap()
        return state

    def save(self) -> None:
        """Keeps it as a whole; a home that cannot be written is no reason not to leave."""
        try:
            state_path().parent.mkdir(parents=True, exist_ok=True)
            write_atomically(state_path(), self.model_dump_json(indent=2))
        except (OSError, StoreError):
            return


def _read_keymap() -> dict[str, str]:
    import tomllib

    try:
        values = tomllib.loads(keymap_path().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: key for name, key in values.items() if isinstance(key, str) and key.isprintable()}
