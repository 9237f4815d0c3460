"""Every published number, typed a second time as the study prints its tables."""

from pathlib import Path
from typing import Any

import pytest

import rotui.results
from rotui.profile.finding import built_in_folder
from rotui.profile.loading import load_experiment
from rotui.results.deviations import published_point
from rotui.results.published import load_published

FIVE = ("pretrain", "finetune-pretrained", "finetune-random", "supervised-pretrained", "supervised-random")

LISTS = {
    "pretraining": (79.07, 60.00, 44.90, 84.74, 83.42),
    "course-baseline": (77.93, 49.44, 45.82, 67.94, 77.10),
}

TABLES = {
    "label-smoothing": (
        "loss.label_smoothing",
        (0, 0.1, 0.2),
        """
        | rotation | 78.39 | 79.07 | 79.07 |
        | fine-tuned, pre-trained | 59.68 | 60.00 | 59.75 |
        | fine-tuned, random init | 44.77 | 44.90 | 44.57 |
        | supervised, pre-trained | 84.64 | 84.74 | 84.70 |
        | supervised, random init | 83.14 | 83.42 | 83.08 |
        """,
    ),
    "rotation-count": (
        "rotation.count",
        (4, 6, 8),
        """
        | rotation | 79.18 | 85.17 | 79.87 |
        | fine-tuned, pre-trained | 63.38 | 55.77 | 60.46 |
        | fine-tuned, random init | 46.69 | 46.47 | 46.39 |
        | supervised, pre-trained | 84.64 | 84.05 | 84.58 |
        | supervised, random init | 83.50 | 82.83 | 83.10 |
        """,
    ),
    "architecture": (
        "network.architecture",
        ("resnet18", "resnet34", "resnet50"),
        """
        | rotation | 79.65 | 77.84 | 78.80 |
        | fine-tuned, pre-trained | 61.27 | 53.03 | 57.96 |
        | fine-tuned, random init | 46.05 | 35.31 | 31.61 |
        | supervised, pre-trained | 84.70 | 84.00 | 84.32 |
        | supervised, random init | 83.06 | 82.57 | 80.52 |
        """,
    ),
    "imagenette": (
        "network.architecture",
        ("resnet18", "resnet34", "resnet50"),
        """
        | rotation | 61.32 | 58.42 | 63.21 |
        | fine-tuned, pre-trained | 72.59 | 62.24 | 66.83 |
        | fine-tuned, random init | 75.41 | 66.98 | 67.72 |
        | supervised, pre-trained | 86.29 | 84.64 | 82.37 |
        | supervised, random init | 86.34 | 85.30 | 84.05 |
        """,
    ),
}

FEW_LABELS = """
    | 20 | 29.23 | 2.1380 | 25.58 | 2.4882 |
    | 50 | 38.74 | 1.8387 | 30.34 | 2.0282 |
    | 100 | 45.10 | 1.7096 | 39.54 | 1.8203 |
    | 250 | 51.04 | 1.5691 | 48.73 | 1.6271 |
    | 400 | 53.50 | 1.5198 | 57.61 | 1.4580 |
    | 700 | 55.61 | 1.4670 | 66.59 | 1.2734 |
    | 1000 | 56.60 | 1.4408 | 66.49 | 1.2566 |
"""

Cells = dict[tuple[str, tuple[tuple[str, Any], ...]], tuple[float, float | None]]


def numbers(table: str) -> list[list[float]]:
    rows = [
        [cell.strip() for cell in row.strip().strip("|").split("|")] for row in table.strip().splitlines()
    ]
    return [[float(cell) for cell in row if cell.replace(".", "").isdigit()] for row in rows]


def expected(name: str) -> Cells:
    if name in LISTS:
        cells: Cells = {(stage, ()): (value, None) for stage, value in zip(FIVE, LISTS[name], strict=True)}
        if name == "course-baseline":
            cells["pretrain", ()] = (77.93, 0.529)
        return cells
    if name == "few-labels":
        cells = {}
        for labels, tuned, tuned_loss, random, random_loss in numbers(FEW_LABELS):
            at = (("labels.per_class", int(labels)),)
            cells["finetune-pretrained", at] = (tuned, tuned_loss)
            cells["supervised-random", at] = (random, random_loss)
        return cells
    key, values, table = TABLES[name]
    rows = numbers(table)
    return {
        (stage, ((key, value),)): (row[column], None)
        for stage, row in zip(FIVE, rows, strict=True)
        for column, value in enumerate(values)
    }


EXPERIMENTS = (*LISTS, *TABLES, "few-labels")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_published_number_is_there_and_no_other(name: str) -> None:
    published = load_published(name)
    assert published is not None
    found = {(cell.stage, tuple(cell.at.items())): (cell.accuracy, cell.loss) for cell in published.cell}
    assert len(found) == len(published.cell)
    assert found == expected(name)


def test_there_is_a_file_for_each_experiment_and_nothing_else() -> None:
    folder = Path(rotui.results.__file__).parent / "published"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(EXPERIMENTS)


@pytest.mark.parametrize("name", ["", "quick", "../published/pretraining", "pretraining.toml"])
def test_nothing_is_published_under_other_names(name: str) -> None:
    assert load_published(name) is None


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_built_in_profile_makes_every_published_cell_by_its_own_settings(name: str) -> None:
    published = load_published(name)
    assert published is not None
    experiment = load_experiment(str(built_in_folder() / f"{name}.toml"))
    assert experiment.profile.published == name
    for cell in published.cell:
        point = published_point(cell, experiment.points)
        assert point is not None, cell
        assert cell.stage in point.profile.stages
