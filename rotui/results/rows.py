"""The frozen rows of a comparison: what was measured, what was published, and what sets them apart."""

from dataclasses import dataclass
from typing import Any

from rotui.profile.stages import STAGES, StageName
from rotui.study.floor import Floor

MEASURES = {
    "best": "best_accuracy",
    "last": "last_accuracy",
    "holdout": "holdout_choice_accuracy",
    "loss": "lowest_loss",
}
"""Attributes of a row that are spreads over seeds, each with the field of a result that it is made from."""

SweptValues = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Spread:
    """Mean over `count` seeds and their sample standard deviation, None for one seed."""

    mean: float
    deviation: float | None
    count: int


@dataclass(frozen=True)
class Row:
    """One stage at one combination of swept values. Accuracies in percent, differences measured minus
    published. `best` and `loss` are the published way, each the best epoch on the test split; `last` and
    `holdout` are the honest ones. `missing` counts runs that are not finished; what only they could tell is
    None. `scaled` says what was cut down; such a row has no published number. `keys` are the content keys of
    all its runs, one for each seed."""

    stage: StageName
    at: SweptValues
    missing: int
    best: Spread | None
    last: Spread | None
    holdout: Spread | None
    loss: Spread | None
    published: float | None
    published_loss: float | None
    floor: Floor | None
    deviations: tuple[str, ...]
    scaled: str
    keys: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The stage's title."""
        return STAGES[self.stage].title

    @property
    def seeds(self) -> int:
        """Number of finished runs in the row."""
        return self.best.count if self.best else 0

    @property
    def difference(self) -> float | None:
        """Measured best accuracy minus the published, in percentage points."""
        return self.best.mean - self.published if self.best and self.published is not None else None

    @property
    def loss_difference(self) -> float | None:
        """Measured lowest loss minus the published."""
        return self.loss.mean - self.published_loss if self.loss and self.published_loss is not None else None

    @property
    def above_floor(self) -> float | None:
        """Share in percent of what the corners' outline leaves open that the best accuracy solves."""
        return self.floor.share_above(self.best.mean) if self.floor and self.best else None


@dataclass(frozen=True)
class Comparison:
    """The rows of one experiment, points in their order and stages in the study's; `notes` explain them."""

    experiment: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    scaled: bool
