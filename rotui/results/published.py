"""The published numbers, one packaged TOML file for each experiment."""

import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rotui.profile.stages import StageName

SweptValue = bool | int | float | str
Percent = Annotated[float, Field(ge=0, le=100)]


class PublishedCell(BaseModel):
    """One published result: accuracy in percent, loss in nats where one was published. `at` holds the
    dotted profile keys, with their values, that set it apart from the experiment's other cells."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    stage: StageName
    at: dict[str, SweptValue] = {}
    accuracy: Percent
    loss: Annotated[float, Field(ge=0)] | None = None


class Published(BaseModel):
    """All that was published of one experiment, where, and how it was measured."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    source: str
    note: str = ""
    cell: Annotated[tuple[PublishedCell, ...], Field(strict=False, min_length=1)]

    def find(self, stage: StageName, value_of: Callable[[str], object]) -> PublishedCell | None:
        """The cell of `stage` whose every `at` key has the value that `value_of` gives for it (0 is 0.0)."""
        for cell in self.cell:
            if cell.stage == stage and all(value_of(key) == value for key, value in cell.at.items()):
                return cell
        return None


def load_published(name: str) -> Published | None:
    """The published numbers called `name`; None where nothing was published under it."""
    folder = files("rotui.results") / "published"
    for entry in folder.iterdir():
        if entry.name == f"{name}.toml":
            return Published.model_validate(tomllib.loads(entry.read_text(encoding="utf-8")))
    return None
