"""Results of given accuracies, and experiments as a profile's sweep makes them."""

from collections.abc import Callable
from typing import Any

import pytest

from rotui.profile.schema import Profile
from rotui.study.planning import Point
from rotui.study.records import Classification, EpochRecord, FeatureProbe, RunResult


@pytest.fixture
def result() -> Callable[..., RunResult]:
    def make(best: float, last: float = 10.0, loss: float = 1.5, holdout: float | None = None) -> RunResult:
        """Epoch 1 is the best on the test split, the hold-out prefers epoch 2, epoch 3 is the last."""
        held = (None,) * 3 if holdout is None else (1.0, 90.0, 2.0)
        accuracies = (best, holdout or 0.0, last)
        epochs = tuple(
            EpochRecord(i + 1, 2.0, 20.0, loss + i, accuracies[i], held[i], held[i], 0.01, 1.0, 1.0)
            for i in range(3)
        )
        told = Classification(("cat", "[red]\x1b[31m"), ((1, 0), (0, 0)), (100.0, None))
        probes = {"pretrained": FeatureProbe(60.0, 70.0), "random": FeatureProbe(20.0, 30.0)}
        return RunResult.of(epochs, told, probes)

    return make


@pytest.fixture
def points() -> Callable[..., list[Point]]:
    def make(key: str = "", values: tuple[Any, ...] = (0,), **settings: Any) -> list[Point]:
        made = []
        for value in values:
            changed = {
                name: dict(part) if isinstance(part, dict) else part for name, part in settings.items()
            }
            if "." in key:
                section, name = key.split(".")
                changed.setdefault(section, {})[name] = value
            elif key:
                changed[key] = value
            made.append(Point(Profile(**changed), ((key, value),) if key else ()))
        return made

    return make
