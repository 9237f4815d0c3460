"""What a comparison still misses, and the seeds that count beside those that were asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from rotui.results.known_seeds import with_known_seeds
from rotui.results.standing import NOT_ASKED, Missing, missing_runs, nearest_runs
from rotui.study.planning import Point, plan

Points = Callable[..., list[Point]]


@dataclass(frozen=True)
class Run:
    number: int
    key: str
    status: str


def test_of_runs_with_one_key_the_one_nearest_to_a_result_counts_and_then_the_newest() -> None:
    order = ["cancelled", "failed", "queued", "paused", "running", "finished"]
    for place, status in enumerate(order):
        runs = [Run(9 - number, "k", each) for number, each in enumerate(order[: place + 1])]
        assert nearest_runs(runs)["k"].status == status
        assert nearest_runs(reversed(runs))["k"].status == status
    assert nearest_runs([Run(2, "k", "finished"), Run(1, "k", "finished")])["k"].number == 2


def test_missing_runs_are_told_one_by_one_where_they_go_on_and_counted_otherwise() -> None:
    statuses = {"a": "finished", "b": "running", "c": "queued", "d": "queued", "e": "failed", "g": "paused"}
    runs = {key: Run(number, key, status) for number, (key, status) in enumerate(statuses.items())}
    assert missing_runs("abcdefg", {"a"}, runs, lambda run: run.number / 10) == (
        Missing("running", share=0.1),
        Missing("paused", share=0.5),
        Missing("queued", 2),
        Missing("failed"),
        Missing(NOT_ASKED),
    )


@pytest.mark.parametrize("swept", [False, True])
def test_runs_of_other_seeds_fill_cells_of_their_own_and_nothing_more_is_asked_for(
    points: Points, swept: bool
) -> None:
    settings: dict[str, Any] = {"stages": ("pretrain", "supervised-random")}
    asked = points("seed", (1, 2), **settings) if swept else points(seed=1, **settings)
    planned = plan(asked)
    other = plan(points(seed=7, **settings)).runs[1]
    foreign = plan(points(seed=8, network={"width": 8}, **settings)).runs[0]
    known = {other.key, foreign.key, planned.runs[0].key}
    whole = with_known_seeds(planned, asked, {1, 7, 8}, known)
    assert whole.runs == planned.runs
    assert whole.cells[: len(planned.cells)] == planned.cells
    (added,) = whole.cells[len(planned.cells) :]
    assert (added.key, added.stage_name, added.point.profile.seed) == (other.key, "supervised-random", 7)


def test_a_row_that_was_run_with_other_seeds_alone_does_not_miss_its_own(points: Points) -> None:
    settings: dict[str, Any] = {"stages": ("pretrain", "supervised-random")}
    asked = points(seed=1, **settings)
    planned = plan(asked)
    others = [run for seed in (7, 8) for run in plan(points(seed=seed, **settings)).runs]
    known = {run.key for run in others if (run.stage_name, run.profile.seed) != ("pretrain", 8)}
    whole = with_known_seeds(planned, asked, {7, 8}, known)
    assert whole.runs == planned.runs
    seeds = [(cell.stage_name, cell.point.profile.seed) for cell in whole.cells]
    assert seeds == [("pretrain", 7), ("supervised-random", 7), ("supervised-random", 8)]
    only_one = with_known_seeds(planned, asked, {7}, {others[0].key})
    seeds = [(cell.stage_name, cell.point.profile.seed) for cell in only_one.cells]
    assert seeds == [("supervised-random", 1), ("pretrain", 7)]
