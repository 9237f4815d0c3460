"""What was measured beside what was published: one row for each stage and swept value, seeds put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rotui.profile.datasets import DATASETS
from rotui.profile.keys import value_at
from rotui.profile.schema import Profile, ScaleSettings
from rotui.profile.stages import STAGES
from rotui.results.deviations import deviations, published_point
from rotui.results.notes import comparison_notes
from rotui.results.published import Published, PublishedCell
from rotui.results.rows import MEASURES, Comparison, Row, Spread, SweptValues
from rotui.study.floor import rotation_floor
from rotui.study.planning import Cell, Plan, Point
from rotui.study.records import RunResult


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
    groups = _groups(plan, published)
    spreads = _spreads([group.cells for group in groups], finished)
    rows = tuple(
        _row(group, measured, reference, finished) for group, measured in zip(groups, spreads, strict=True)
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


@dataclass(frozen=True)
class _Group:
    """The cells of one row, one for each seed, and the published cell that stands beside them."""

    cells: tuple[Cell, ...]
    at: SweptValues
    published: PublishedCell | None


def _groups(plan: Plan, published: Published | None) -> list[_Group]:
    """Cells that differ in the seed alone, together. Rows that the very same runs fill are one, at the swept
    values they share, and come first, unless different numbers were published for them."""
    by_point: dict[tuple[str, str], list[Cell]] = {}
    for cell in plan.cells:
        by_point.setdefault((cell.stage_name, repr(_without_seed(cell.point))), []).append(cell)
    merged: dict[tuple[object, ...], _Group] = {}
    for cells in by_point.values():
        point = cells[0].point
        at, found = _without_seed(point), _published_cell(cells[0], published)
        name = (cells[0].stage_name, tuple(cell.key for cell in cells), repr(found))
        if name in merged:
            shared = tuple(value for value in merged[name].at if value in at)
            merged[name] = replace(merged[name], at=shared)
        else:
            merged[name] = _Group(tuple(cells), at, found)
    return sorted(merged.values(), key=lambda group: group.at == _without_seed(group.cells[0].point))


def _partial_data(profile: Profile, results: Sequence[RunResult]) -> list[str]:
    """Says so where a run found fewer or more images than the published dataset has."""
    facts = DATASETS[profile.data.name]
    whole = (facts.train_images, facts.validation_images)
    return [
        f"{profile.data.name}: {told[0]} training, {told[1]} test images (published {whole[0]}, {whole[1]})"
        for told in dict.fromkeys(result.dataset_images for result in results)
        if told is not None and told != whole
    ]


def _published_cell(cell: Cell, published: Published | None) -> PublishedCell | None:
    profile = cell.point.profile
    if published is None or profile.scale.active:
        return None
    return published.find(cell.stage_name, lambda key: value_at(profile, key))


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
        {"group": number, **{name: getattr(finished[cell.key], field) for name, field in MEASURES.items()}}
        for number, cells in enumerate(groups)
        for cell in cells
        if cell.key in finished
    ]
    frame = pandas.DataFrame(values, columns=["group", *MEASURES]).astype(float)
    grouped = frame.groupby("group")
    means, deviations_, counts = grouped.mean(), grouped.std(ddof=1), grouped.count()

    def spread(number: int, name: str) -> Spread | None:
        count = int(counts[name].get(number, 0))
        if not count:
            return None
        deviation = float(deviations_[name][number]) if count > 1 else None
        return Spread(float(means[name][number]), deviation, count)

    return [{name: spread(number, name) for name in MEASURES} for number in range(len(groups))]


def _row(
    group: _Group,
    measured: Mapping[str, Spread | None],
    reference: Sequence[Point],
    finished: Mapping[str, RunResult],
) -> Row:
    stage, profile = group.cells[0].stage_name, group.cells[0].point.profile
    found = group.published
    origin = published_point(found, reference) if found else None
    departures = [str(each) for each in deviations(profile, origin.profile, stage)] if origin else []
    if found:
        departures += _partial_data(profile, [finished[c.key] for c in group.cells if c.key in finished])
    best = measured["best"]
    return Row(
        stage=stage,
        at=group.at,
        missing=len(group.cells) - (best.count if best else 0),
        best=best,
        last=measured["last"],
        holdout=measured["holdout"],
        loss=measured["loss"],
        published=found.accuracy if found else None,
        published_loss=found.loss if found else None,
        floor=rotation_floor(profile.rotation) if STAGES[stage].predicts_rotation else None,
        deviations=tuple(departures),
        scaled=scaled_text(profile.scale),
        keys=tuple(cell.key for cell in group.cells),
    )
