"""An experiment's plan together with the runs of the same settings that were made with other seeds."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from rotui.study.planning import Plan, Point, plan


def with_known_seeds(
    planned: Plan, points: Sequence[Point], seeds: Iterable[int], known: Collection[str]
) -> Plan:
    """The plan of `points`, and for each other seed the cells that a run in `known`, by content key, fills.

    What is to be run stays what the experiment asks for.
    """
    cells = list(planned.cells)
    asked = {cell.key for cell in cells}
    own = {point.profile.seed for point in points}
    for seed in sorted(set(seeds) - own):
        again = plan(_with_seed(points, seed))
        cells += [cell for cell in again.cells if cell.key in known and cell.key not in asked]
    return Plan(planned.runs, tuple(cells))


def _with_seed(points: Sequence[Point], seed: int) -> list[Point]:
    """The points with this seed, each once."""
    made: dict[str, Point] = {}
    for point in points:
        at = tuple((key, value) for key, value in point.at if key != "seed")
        changed = replace(point, profile=point.profile.model_copy(update={"seed": seed}), at=at)
        made.setdefault(repr(at), changed)
    return list(made.values())
