import io
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from rotui.cli.comparison_table import comparison_table
from rotui.results.comparison import compare
from rotui.results.detail import class_accuracies, probe_rows
from rotui.results.export import to_csv, to_json, to_markdown
from rotui.results.published import load_published
from rotui.results.rows import Comparison
from rotui.study.planning import Plan, Point, plan
from rotui.study.records import RunResult

Points = Callable[..., list[Point]]
Result = Callable[..., RunResult]


def compared(
    points: list[Point], finished: dict[str, RunResult], reference: list[Point] | None = None
) -> Comparison:
    profile = points[0].profile
    published = load_published(profile.published)
    return compare(profile, plan(points), published, points if reference is None else reference, finished)


def all_finished(planned: Plan, result: RunResult) -> dict[str, RunResult]:
    return {run.key: result for run in planned.runs}


def rendered(comparison: Comparison, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(comparison_table(comparison, width)[0])
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_a_published_number_stands_beside_its_stage_and_point(points: Points, result: Result) -> None:
    swept = points("loss.label_smoothing", (0.0, 0.1, 0.2), published="label-smoothing")
    table = compared(swept, all_finished(plan(swept), result(80.0)))
    found = {(row.stage, row.at[0][1]): (row.published, row.difference) for row in table.rows}
    assert len(table.rows) == 15
    assert found["pretrain", 0.0] == (78.39, pytest.approx(1.61))
    assert found["finetune-random", 0.2] == (44.57, pytest.approx(35.43))
    assert found["supervised-random", 0.1] == (83.42, pytest.approx(-3.42))


def test_values_nobody_published_have_no_number_beside_them(points: Points, result: Result) -> None:
    swept = points("loss.label_smoothing", (0.3,), published="label-smoothing")
    table = compared(swept, all_finished(plan(swept), result(80.0)))
    assert {row.published for row in table.rows} == {None}
    assert {row.difference for row in table.rows} == {None}


def test_a_published_value_counts_where_it_is_set_and_not_swept(points: Points) -> None:
    single = points(loss={"label_smoothing": 0}, published="label-smoothing")
    assert compared(single, {}).rows[0].published == 78.39


def test_published_losses_stand_beside_the_lowest(points: Points, result: Result) -> None:
    swept = points("labels.per_class", (20,), published="few-labels", stages=("finetune-pretrained",))
    (row,) = compared(swept, all_finished(plan(swept), result(30.0, loss=2.0))).rows
    assert (row.published, row.published_loss) == (29.23, 2.138)
    assert row.loss_difference == pytest.approx(-0.138)


def test_seeds_are_put_together_with_their_sample_deviation(points: Points, result: Result) -> None:
    swept = points("seed", (1, 2, 3, 4), published="pretraining", stages=("supervised-random",))
    keys = [cell.key for cell in plan(swept).cells]
    measured = {key: result(best, last=best - 1) for key, best in zip(keys, (80.0, 82.0, 87.0), strict=False)}
    (row,) = compared(swept, measured).rows
    assert row.at == ()
    assert (row.seeds, row.missing) == (3, 1)
    assert row.best is not None
    assert row.best.mean == pytest.approx(83.0)
    assert row.best.deviation == pytest.approx(math.sqrt((9 + 1 + 16) / 2))
    assert row.last is not None
    assert row.last.mean == pytest.approx(82.0)
    assert row.difference == pytest.approx(83.0 - 83.42)


def test_one_seed_has_no_deviation(points: Points, result: Result) -> None:
    single = points(stages=("supervised-random",))
    (row,) = compared(single, all_finished(plan(single), result(80.0))).rows
    assert row.best is not None
    assert (row.best.mean, row.best.deviation, row.best.count) == (80.0, None, 1)


def test_the_published_and_the_honest_way_stand_apart(points: Points, result: Result) -> None:
    single = points(stages=("supervised-random",), data={"holdout": 0.1})
    (row,) = compared(single, all_finished(plan(single), result(80.0, last=70.0, holdout=75.0))).rows
    assert [spread and spread.mean for spread in (row.best, row.last, row.holdout)] == [80.0, 70.0, 75.0]
    (row,) = compared(single, all_finished(plan(single), result(80.0))).rows
    assert row.holdout is None


@pytest.mark.parametrize(
    ("scale", "text"),
    [
        ({"limit": 500}, "scaled (500 images, all epochs)"),
        ({"epochs": 1}, "scaled (all images, 1 epoch)"),
        ({"limit": 500, "epochs": 2}, "scaled (500 images, 2 epochs)"),
    ],
)
def test_scaled_runs_never_stand_beside_published_numbers(
    points: Points, result: Result, scale: dict[str, int], text: str
) -> None:
    tried = points("rotation.count", (4, 6), published="rotation-count", name="rotation-count", scale=scale)
    reference = points("rotation.count", (4, 6), published="rotation-count")
    table = compared(tried, all_finished(plan(tried), result(80.0)), reference)
    assert table.scaled
    assert table.title == f"rotation-count, {text}"
    for row in table.rows:
        assert row.scaled == text
        assert (row.published, row.published_loss, row.difference, row.deviations) == (None, None, None, ())
    for shown in (to_csv([table]), to_markdown(table), json.dumps(to_json(table))):
        assert shown.count(text) >= len(table.rows)
        assert "79.18" not in shown
    printed = "\n".join(rendered(table, 80))
    assert printed.count(text) == len(table.rows) + 1
    assert "diff" not in printed


def test_only_the_scaled_points_of_a_mixed_sweep_lose_their_published_number(points: Points) -> None:
    swept = points("scale.limit", (0, 500), published="pretraining", name="mixed", stages=("pretrain",))
    whole, scaled = (table := compared(swept, {})).rows
    assert (whole.published, whole.scaled) == (79.07, "")
    assert (scaled.published, scaled.scaled) == (None, "scaled (500 images, all epochs)")
    assert table.scaled
    assert table.title == "mixed"


def test_deviations_are_starred_and_named(points: Points, result: Result) -> None:
    ours = points(published="pretraining", network={"stem": "cifar"}, seed=3, compute={"threads": 1})
    table = compared(ours, all_finished(plan(ours), result(90.0)), points(published="pretraining"))
    assert {row.deviations for row in table.rows} == {("network.stem = cifar (published imagenet)",)}
    assert table.rows[0].difference == pytest.approx(90 - 79.07)
    assert table.notes.count("* network.stem = cifar (published imagenet)") == 1
    assert "+10.93*" in "\n".join(rendered(table, 80))
    assert "+10.93\\*" in to_markdown(table)


@pytest.mark.parametrize(
    ("settings", "starred"),
    [
        ({"rotation": {"count": 6}}, {"pretrain", "finetune-pretrained", "supervised-pretrained"}),
        ({"labels": {"per_class": 20}}, set(range(5))),
        ({"network": {"frozen_batch_norm": "fixed"}}, {"finetune-pretrained", "finetune-random"}),
        (
            {"schedule": {"pretrain": {"epochs": 9}}},
            {"pretrain", "finetune-pretrained", "supervised-pretrained"},
        ),
        ({"compute": {"deterministic": True, "threads": 2}}, set()),
        ({}, set()),
    ],
)
def test_only_stages_that_depend_on_a_setting_deviate(
    points: Points, settings: dict[str, Any], starred: set[Any]
) -> None:
    ours, reference = points(published="pretraining", **settings), points(published="pretraining")
    found = {row.stage for row in compared(ours, {}, reference).rows if row.deviations}
    if starred == set(range(5)):
        starred = {"finetune-pretrained", "finetune-random", "supervised-pretrained", "supervised-random"}
    assert found == starred


def test_another_dataset_is_one_deviation(points: Points) -> None:
    ours, reference = (
        points(published="pretraining", data={"name": "digits"}),
        points(published="pretraining"),
    )
    assert compared(ours, {}, reference).rows[0].deviations == ("data.name = digits (published cifar10)",)


def test_the_floor_stands_beside_rotation_scores_only(points: Points, result: Result) -> None:
    swept = points("rotation.count", (4, 6, 8))
    table = compared(swept, all_finished(plan(swept), result(85.17)))
    floors = {row.at[0][1]: row.floor for row in table.rows if row.stage == "pretrain"}
    assert {count: floor and floor.outline_percent for count, floor in floors.items()} == {
        4: 25,
        6: 50,
        8: 25,
    }
    assert all(row.floor is None for row in table.rows if row.stage != "pretrain")
    six = next(row for row in table.rows if row.stage == "pretrain" and row.at[0][1] == 6)
    assert six.above_floor == pytest.approx(70.34)
    assert any("R = 6: the empty corners alone tell 50.0 %" in note for note in table.notes)


def test_what_is_missing_is_counted_and_shown(points: Points, result: Result) -> None:
    single = points(published="pretraining")
    planned = plan(single)
    table = compared(single, {planned.cells[0].key: result(79.0)})
    assert [row.missing for row in table.rows] == [0, 1, 1, 1, 1]
    assert table.rows[1].best is None
    assert table.rows[1].published == 60.0
    assert "4 of 5 runs have no result yet." in table.notes


def test_a_run_that_fills_several_cells_is_counted_once(points: Points) -> None:
    swept = points("labels.per_class", (20, 50), stages=("pretrain", "finetune-pretrained"))
    assert "3 of 3 runs have no result yet." in compared(swept, {}).notes


def test_a_swept_list_is_a_value(points: Points) -> None:
    swept = points("data.mean", ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]), stages=("supervised-random",))
    assert len(compared(swept, {}).rows) == 2


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("scale", [{}, {"limit": 500, "epochs": 1}])
def test_the_table_fits_and_cuts_no_value(
    points: Points, result: Result, width: int, scale: dict[str, int]
) -> None:
    swept = [
        Point(point.profile.model_copy(update={"seed": seed}), (*point.at, ("seed", seed)))
        for point in points(
            "rotation.count", (4, 6, 8), name="rotation-count", published="rotation-count", scale=scale
        )
        for seed in (1, 2)
    ]
    keys = [cell.key for cell in plan(swept).cells]
    finished = {key: result(70.0 + number, holdout=60.0) for number, key in enumerate(keys)}
    table = compared(swept, finished, points("rotation.count", (4, 6, 8)))
    lines = rendered(table, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    assert text.count("count = ") == 3
    assert text.count(" ± ") >= 15
    assert "last" in text or width < 80
    _, dropped = comparison_table(table, width)
    assert "floor" not in dropped or width < 80
    assert ("floor" in text) == (not {"floor", "above floor"} <= set(dropped))
    assert ("79.18" in text) == (not scale)


def test_exports_carry_the_same_numbers_in_full(points: Points, result: Result) -> None:
    swept = points("seed", (1, 2), published="pretraining", name="pretraining", stages=("supervised-random",))
    first, second = (cell.key for cell in plan(swept).cells)
    table = compared(swept, {first: result(80.0), second: result(80.1)})
    (row,) = to_json(table)["rows"]
    assert row["best_accuracy"] == (80.0 + 80.1) / 2
    assert row["published_accuracy"] == 83.42
    header, line = to_csv([table]).splitlines()
    values = dict(zip(header.split(","), line.split(","), strict=True))
    assert float(values["best_accuracy"]) == row["best_accuracy"]
    assert float(values["difference"]) == row["difference"]
    assert values["holdout_choice_accuracy"] == ""
    assert "| supervised, random init | 80.05 ± 0.07 | 83.42 | -3.37 |" in to_markdown(table)


def test_a_csv_of_several_experiments_has_all_their_swept_keys(points: Points) -> None:
    first = compared(points("rotation.count", (4,), stages=("pretrain",)), {})
    second = compared(points("loss.label_smoothing", (0.1,), stages=("pretrain",)), {})
    lines = to_csv([first, second]).splitlines()
    assert lines[0].startswith("experiment,rotation.count,loss.label_smoothing,stage,")
    assert [line.split(",")[1:3] for line in lines[1:]] == [["4", ""], ["", "0.1"]]


def test_a_value_that_is_not_finite_is_no_broken_json(points: Points, result: Result) -> None:
    single = points(stages=("supervised-random",))
    table = compared(single, all_finished(plan(single), result(80.0, loss=float("inf"))))
    assert json.loads(json.dumps(to_json(table), allow_nan=False))["rows"][0]["lowest_loss"] is None


def test_details_show_each_run_once_and_only_printable_names(points: Points, result: Result) -> None:
    swept = points("labels.per_class", (20, 50), stages=("pretrain", "finetune-pretrained"))
    planned = plan(swept)
    finished = all_finished(planned, result(80.0))
    probes = probe_rows(planned, finished)
    classes = class_accuracies(planned, finished)
    assert [row.at for row in probes if row.at == ()] == [()]
    assert [(table.at, list(table.stages)) for table in classes] == [
        ((), ["pretrain"]),
        ((("labels.per_class", 20),), ["finetune-pretrained"]),
        ((("labels.per_class", 50),), ["finetune-pretrained"]),
    ]
    shown = to_markdown(compared(swept, finished), classes, probes)
    assert "\x1b" not in shown
    assert "\\[red]" in shown
    document = to_json(compared(swept, finished), classes, probes)
    assert document["classes"][0]["accuracy"]["pretrain"] == [100.0, None]
    assert document["probes"][0]["trunks"]["random"]["linear_accuracy"] == 30.0
