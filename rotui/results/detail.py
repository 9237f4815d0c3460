"""Beyond one number a run: accuracy of each class, and what can be read off frozen features."""

from collections.abc import Mapping
from dataclasses import dataclass

from rotui.profile.stages import StageName
from rotui.results.rows import SweptValues
from rotui.study.planning import Cell, Plan
from rotui.study.records import FeatureProbe, RunResult


@dataclass(frozen=True)
class ClassAccuracies:
    """Last-epoch accuracy of each class in percent, None for a class without test images, of every stage
    of one point that tells the same classes apart. `at` holds the swept values they depend on, the seed
    among them."""

    at: SweptValues
    classes: tuple[str, ...]
    stages: Mapping[StageName, tuple[float | None, ...]]


@dataclass(frozen=True)
class ProbeRow:
    """Probes of one pre-training's frozen features beside those of a random trunk, by the trunk's name."""

    at: SweptValues
    probes: Mapping[str, FeatureProbe]


def class_accuracies(plan: Plan, finished: Mapping[str, RunResult]) -> tuple[ClassAccuracies, ...]:
    """Per-class tables of all finished runs of the plan, points in their order, each run once."""
    tables: dict[tuple[str, tuple[str, ...]], ClassAccuracies] = {}
    for cell, at in _each_run_once(plan, finished):
        told = finished[cell.key].classification
        known = tables.get((repr(at), told.classes))
        stages = {**(known.stages if known else {}), cell.stage_name: told.per_class}
        tables[repr(at), told.classes] = ClassAccuracies(at, told.classes, stages)
    return tuple(tables.values())


def probe_rows(plan: Plan, finished: Mapping[str, RunResult]) -> tuple[ProbeRow, ...]:
    """Probes of all finished pre-trainings of the plan that have some."""
    return tuple(
        ProbeRow(at, finished[cell.key].probes)
        for cell, at in _each_run_once(plan, finished)
        if finished[cell.key].probes
    )


def _each_run_once(plan: Plan, finished: Mapping[str, RunResult]) -> list[tuple[Cell, SweptValues]]:
    """The first cell of each finished run, with the swept values that all of the run's cells share."""
    cells: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        if cell.key in finished:
            cells.setdefault(cell.key, []).append(cell)
    return [
        (same[0], tuple(value for value in same[0].point.at if all(value in cell.point.at for cell in same)))
        for same in cells.values()
    ]
