"""An experiment's plan together with the runs of the same settings that were made with other seeds."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from rotui.study.planning import Cell, Plan, Point, plan


def with_known_seeds(
    planned: Plan, points: Sequence[Point], seeds: Iterable[int], known: Collection[str]
) -> Plan:
    """The plan of `points`, and for each other seed the cells that a run in `known`, by content key, fills.
    Where nothing of the experiment's own seeds is known, a row that has such cells misses no own ones.

    What is to be run stays what the experiment asks for.
    """
    asked = {cell.key for cell in planned.cells}
    own = {point.profile.seed for point in points}
    others: list[Cell] = []
    for seed in sorted(set(seeds) - own):
        again = plan(_with_seed(points, seed))
        others += [cell for cell in again.cells if cell.key in known and cell.key not in asked]
    filled = set() if asked.intersection(known) else set(map(_row, others))
    cells = [cell for cell in planned.cells if _row(cell) not in filled]
    return Plan(planned.runs, (*cells, *others))


def _row(cell: Cell) -> tuple[str, str]:
    """What the seeds of one row of the table have in common."""
    return cell.stage_name, repr([(key, value) for key, value in cell.point.at if key != "seed"])


def _with_seed(points: Sequence[Point], seed: int) -> list[Point]:
    """The points with this seed, each once."""
    made: dict[str, Point] = {}
    for point in points:
        at = tuple((key, value) for key, value in point.at if key != "seed")
        changed = replace(point, profile=point.profile.model_copy(update={"seed": seed}), at=at)
        made.setdefault(repr(at), changed)
    return list(made.values())
