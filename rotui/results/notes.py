"""The notes under a comparison: how to read its numbers, and why some may not be what they seem."""

from collections.abc import Iterable, Sequence

from rotui.results.published import Published
from rotui.results.rows import Row


def comparison_notes(
    rows: Sequence[Row], published: Published | None, runs: int, missing: int
) -> tuple[str, ...]:
    """The notes that concern `rows`; of the `runs` that fill them, `missing` have no result."""
    notes: list[str] = []
    measured = [row for row in rows if row.best]
    if measured:
        notes.append("best: the best epoch on the test split, as published. last: the last epoch, honest.")
    if any(row.holdout for row in rows):
        notes.append("hold-out: test accuracy of the epoch chosen on held-out training images, honest.")
    if published and any(row.published is not None for row in rows):
        notes.append(" ".join(part for part in (f"published: {published.source}.", published.note) if part))
    notes += [f"* {deviation}" for deviation in _once(text for row in rows for text in row.deviations)]
    if measured and all(row.seeds == 1 for row in measured):
        notes.append("n = 1: one seed; repeats of one recipe scatter by up to 2.5 points.")
    notes += _once(_floor_note(row) for row in rows if row.floor)
    notes += _once(f"{row.scaled}: a try, not a measurement." for row in rows if row.scaled)
    if missing:
        notes.append(f"{missing} of {runs} runs have no result yet.")
    return tuple(notes)


def _floor_note(row: Row) -> str:
    floor = row.floor
    assert floor is not None
    count = floor.chance.denominator
    if floor.outline == floor.chance:
        return f"floor, R = {count}: nothing but chance, {floor.chance_percent:.1f} %."
    told = f"floor, R = {count}: the empty corners alone tell {floor.outline_percent:.1f} %"
    return f"{told} (chance {floor.chance_percent:.1f} %)."


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
