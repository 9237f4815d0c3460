"""The charts of a comparison: bars beside what was published, mean curves, accuracy against labels."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Literal

from rotui.profile.stages import StageName
from rotui.results.comparison_columns import SHORT_TITLES, SHORTEST_TITLES
from rotui.results.deviations import shown
from rotui.results.export import spread_text
from rotui.results.rows import Row, SweptValues
from rotui.study.records import EpochRecord
from rotui.tui.charts.charting import COLOURS
from rotui.tui.comparison_view import ComparisonView
from rotui.tui.tables.result_table import swept_header, swept_keys
from rotui.tui.widgets.bars import Bar, BarGroup
from rotui.tui.widgets.chart import Series

ChartKind = Literal["bars", "curves", "sweep", "labels"]

LABELS = "labels.per_class"
PAIRS = (("●", "○"), ("▲", "△"), ("■", "□"), ("◆", "◇"))
"""Signs of what was measured and of what was published."""

TITLES: dict[ChartKind, str] = {
    "bars": "best accuracy, %",
    "curves": "test accuracy",
    "sweep": "test accuracy",
    "labels": "best accuracy by labels",
}


def chart_kinds(view: ComparisonView) -> list[ChartKind]:
    """The charts there are of an experiment: more where something is swept."""
    kinds: list[ChartKind] = ["bars", "curves"]
    rows = view.comparison.rows
    if any(row.at for row in rows):
        kinds.append("sweep")
    if len({_labels(row) for row in rows} - {0}) > 1:
        kinds.append("labels")
    return kinds


def accuracy_bars(view: ComparisonView) -> list[BarGroup]:
    """For each row its best accuracy, and what was published below it."""
    groups = []
    above: object = None
    for row in view.comparison.rows:
        best = row.best
        measured = Bar("measured", "█", "cyan", best.mean if best else None, spread_text(best))
        bars = [measured]
        if row.published is not None:
            bars.append(Bar("published", "░", "yellow", row.published, f"{row.published:.2f}"))
        heading = swept_short(row.at) if row.at != above else ""
        above = row.at
        groups.append(BarGroup(SHORT_TITLES[row.stage], tuple(bars), heading))
    return groups


def stage_curves(
    view: ComparisonView, live: Mapping[str, Sequence[EpochRecord]], at: SweptValues
) -> list[Series]:
    """The stages at the swept values `at`, each the mean over its seeds."""
    wanted = dict(at)
    rows = [
        row for row in view.comparison.rows if all(wanted.get(key, value) == value for key, value in row.at)
    ]
    names = ((SHORT_TITLES[row.stage], SHORTEST_TITLES[row.stage], row) for row in rows)
    return _curves(names, view, live)


def sweep_curves(
    view: ComparisonView, live: Mapping[str, Sequence[EpochRecord]], stage: StageName
) -> list[Series]:
    """One stage over all swept values, each the mean over its seeds."""
    rows = [row for row in view.comparison.rows if row.stage == stage]
    one_axis = len(swept_keys(view.comparison)) == 1

    def name(row: Row) -> str:
        told = shown(row.at[0][1]) if one_axis and row.at else swept_short(row.at)
        return told or SHORT_TITLES[row.stage]

    return _curves(((name(row), "", row) for row in rows), view, live)


def point_of(view: ComparisonView, row: Row | None) -> SweptValues:
    """The swept values of the row; of one that all of them share, the first there are."""
    if row is not None and row.at:
        return row.at
    return next((each.at for each in view.comparison.rows if each.at), ())


def label_curves(view: ComparisonView) -> list[Series]:
    """Best accuracy over labels per class for each stage that has labels: what was published below what was
    measured, in one colour and with signs of one shape."""
    stages: dict[tuple[str, str], list[Row]] = {}
    for row in view.comparison.rows:
        if _labels(row):
            others = swept_short(tuple((key, value) for key, value in row.at if key != LABELS))
            titles = (SHORT_TITLES[row.stage], SHORTEST_TITLES[row.stage])
            name, short = (", ".join(filter(None, [title, others])) for title in titles)
            stages.setdefault((name, short), []).append(row)
    published: list[Series] = []
    measured: list[Series] = []
    for ((name, short), rows), (full, hollow), colour in zip(
        stages.items(), cycle(PAIRS), cycle(COLOURS), strict=False
    ):
        told = [(_labels(row), row.published) for row in rows if row.published is not None]
        found = [(_labels(row), row.best.mean) for row in rows if row.best is not None]
        if told:
            published.append(Series(f"publ. {name}", *_points(told), colour, hollow, short=f"publ. {short}"))
        if found:
            measured.append(Series(name, *_points(found), colour, full, short=short))
    return published + measured


def _points(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def swept_short(at: SweptValues) -> str:
    """Swept values in few words."""
    return ", ".join(f"{swept_header(key)} {shown(value)}" for key, value in at)


def mean_curve(runs: Sequence[Sequence[EpochRecord]]) -> list[tuple[int, float]]:
    """Test accuracy by epoch, the mean over those runs that have the epoch."""
    by_epoch: dict[int, list[float]] = {}
    for epochs in runs:
        for record in epochs:
            if math.isfinite(record.validation_accuracy):
                by_epoch.setdefault(record.epoch, []).append(record.validation_accuracy)
    return [(epoch, sum(values) / len(values)) for epoch, values in sorted(by_epoch.items())]


def _curves(
    rows: Iterable[tuple[str, str, Row]], view: ComparisonView, live: Mapping[str, Sequence[EpochRecord]]
) -> list[Series]:
    """Means over the finished seeds; where none is finished, over those that are being trained. Each row has
    its name and a short one with it."""
    series = []
    for name, short, row in rows:
        runs: list[Sequence[EpochRecord]] = [view.epochs[key] for key in row.keys if key in view.epochs]
        if not runs:
            names = [view.nearest[key].name for key in row.keys if key in view.nearest]
            runs = [live[each] for each in names if each in live]
            name = f"{name}, so far"
        points = mean_curve(runs)
        if points:
            series.append(Series(name, *_points(points), short=short))
    return series


def _labels(row: Row) -> int:
    return int(dict(row.at).get(LABELS, 0))
