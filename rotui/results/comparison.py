"""What was measured beside what was published: one row for each stage and swept value, seeds put together."""

from collections.abc import Mapping, Sequence

from rotui.profile.schema import Profile, ScaleSettings
from rotui.profile.stages import STAGES
from rotui.results.deviations import deviations, published_point, value_at
from rotui.results.floor import rotation_floor
from rotui.results.notes import comparison_notes
from rotui.results.published import Published
from rotui.results.rows import Comparison, Row, Spread, SweptValues
from rotui.study.planning import Cell, Plan, Point
from rotui.study.records import RunResult

_MEASURES = {
    "best": "best_accuracy",
    "last": "last_accuracy",
    "holdout": "holdout_choice_accuracy",
    "loss": "lowest_loss",
}


def compare(
    experiment: Profile,
    plan: Plan,
    published: Published | None,
    reference: Sequence[Point],
    finished: Mapping[str, RunResult],
) -> Comparison:
    """Lays the finished results, by content key, beside the published numbers.

    `reference` are the points of the built-in experiment that the published numbers belong to, from which
    deviations are told; empty where nothing was published.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in plan.cells:
        groups.setdefault((cell.stage_name, repr(_without_seed(cell.point))), []).append(cell)
    rows = tuple(
        _row(cells, measured, published, reference)
        for cells, measured in zip(groups.values(), _spreads(list(groups.values()), finished), strict=True)
    )
    keys = {cell.key for cell in plan.cells}
    scales = list(dict.fromkeys(row.scaled for row in rows))
    title = f"{experiment.name}, {scales[0]}" if len(scales) == 1 and scales[0] else experiment.name
    return Comparison(
        experiment=experiment.name,
        title=title,
        rows=rows,
        notes=comparison_notes(rows, published, len(keys), len(keys - finished.keys())),
        scaled=any(scales),
    )


def scaled_text(scale: ScaleSettings) -> str:
    """What a scaled run was cut down to, empty for a whole one."""
    if not scale.active:
        return ""
    images = f"{scale.limit} images" if scale.limit else "all images"
    epochs = f"{scale.epochs} epoch{'s' if scale.epochs > 1 else ''}" if scale.epochs else "all epochs"
    return f"scaled ({images}, {epochs})"


def _without_seed(point: Point) -> SweptValues:
    return tuple((key, value) for key, value in point.at if key != "seed")


def _spreads(
    groups: Sequence[Sequence[Cell]], finished: Mapping[str, RunResult]
) -> list[dict[str, Spread | None]]:
    """For each group of cells, each measure's spread over those that are finished."""
    import pandas

    values = [
        {"group": number, **{name: getattr(finished[cell.key], field) for name, field in _MEASURES.items()}}
        for number, cells in enumerate(groups)
        for cell in cells
        if cell.key in finished
    ]
    frame = pandas.DataFrame(values, columns=["group", *_MEASURES]).astype(float)
    grouped = frame.groupby("group")
    means, deviations_, counts = grouped.mean(), grouped.std(ddof=1), grouped.count()

    def spread(number: int, name: str) -> Spread | None:
        count = int(counts[name].get(number, 0))
        if not count:
            return None
        deviation = float(deviations_[name][number]) if count > 1 else None
        return Spread(float(means[name][number]), deviation, count)

    return [{name: spread(number, name) for name in _MEASURES} for number in range(len(groups))]


def _row(
    cells: Sequence[Cell],
    measured: Mapping[str, Spread | None],
    published: Published | None,
    reference: Sequence[Point],
) -> Row:
    stage, point = cells[0].stage_name, cells[0].point
    profile = point.profile
    scaled = scaled_text(profile.scale)
    found = None
    if published and not scaled:
        found = published.find(stage, lambda key: value_at(profile, key))
    origin = published_point(found, reference) if found else None
    departures = deviations(profile, origin.profile, stage) if origin else ()
    best = measured["best"]
    return Row(
        stage=stage,
        at=_without_seed(point),
        missing=len(cells) - (best.count if best else 0),
        best=best,
        last=measured["last"],
        holdout=measured["holdout"],
        loss=measured["loss"],
        published=found.accuracy if found else None,
        published_loss=found.loss if found else None,
        floor=rotation_floor(profile.rotation) if STAGES[stage].predicts_rotation else None,
        deviations=tuple(str(departure) for departure in departures),
        scaled=scaled,
    )
