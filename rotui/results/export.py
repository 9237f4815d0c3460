"""A comparison as CSV, Markdown or JSON text, every number in full."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rotui.results.detail import ClassAccuracies, ProbeRow
from rotui.results.deviations import shown
from rotui.results.rows import MEASURES, Comparison, Row, Spread, SweptValues
from rotui.text import printable


def row_values(row: Row) -> dict[str, Any]:
    """All of a row as plain values under the names that every export uses; None where there is nothing."""
    values: dict[str, Any] = {"stage": row.stage, "seeds": row.seeds, "missing": row.missing}
    for name, exported in MEASURES.items():
        spread: Spread | None = getattr(row, name)
        values[exported] = _finite(spread.mean) if spread else None
        values[f"{exported}_deviation"] = _finite(spread.deviation) if spread else None
    return {
        **values,
        "published_accuracy": row.published,
        "difference": _finite(row.difference),
        "published_loss": row.published_loss,
        "loss_difference": _finite(row.loss_difference),
        "floor": row.floor.outline_percent if row.floor else None,
        "chance": row.floor.chance_percent if row.floor else None,
        "above_floor": _finite(row.above_floor),
        "scaled": row.scaled,
        "deviations": list(row.deviations),
    }


def to_csv(comparisons: Sequence[Comparison]) -> str:
    """One table with a header, a column for each swept key; nothing measured is an empty cell."""
    keys = list(dict.fromkeys(key for table in comparisons for row in table.rows for key, _ in row.at))
    rows = [(table, row, row_values(row)) for table in comparisons for row in table.rows]
    names = list(rows[0][2]) if rows else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["experiment", *keys, *names])
    for table, row, values in rows:
        at = dict(row.at)
        swept = [shown(at[key]) if key in at else "" for key in keys]
        values["deviations"] = "; ".join(row.deviations)
        writer.writerow([table.experiment, *swept, *("" if v is None else v for v in values.values())])
    return text.getvalue()


def to_json(
    comparison: Comparison,
    classes: Sequence[ClassAccuracies] | None = None,
    probes: Sequence[ProbeRow] | None = None,
) -> dict[str, Any]:
    """One comparison as plain JSON values, with per-class accuracies and probes where they are given."""
    document: dict[str, Any] = {
        "experiment": comparison.experiment,
        "title": comparison.title,
        "scaled": comparison.scaled,
        "rows": [{"at": dict(row.at), **row_values(row)} for row in comparison.rows],
        "notes": list(comparison.notes),
    }
    if classes is not None:
        document["classes"] = [
            {"at": dict(table.at), "classes": list(table.classes), "accuracy": _lists(table.stages)}
            for table in classes
        ]
    if probes is not None:
        document["probes"] = [
            {"at": dict(row.at), "trunks": {name: asdict(probe) for name, probe in row.probes.items()}}
            for row in probes
        ]
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]  # tuples become lists


def to_markdown(
    comparison: Comparison,
    classes: Sequence[ClassAccuracies] = (),
    probes: Sequence[ProbeRow] = (),
) -> str:
    """The comparison, its notes and any details as Markdown tables."""
    holdout = any(row.holdout for row in comparison.rows)
    loss = any(row.published_loss is not None for row in comparison.rows)
    parts = [
        f"## {comparison.title}",
        _markdown_table([_markdown_row(row, holdout, loss) for row in comparison.rows]),
        "\n".join(f"- {_escaped(note)}" for note in comparison.notes),
    ]
    for table in classes:
        parts += [
            f"### Accuracy of each class{_where(table.at)}",
            _markdown_table(
                [
                    {
                        "class": printable(name),
                        **{stage: number_text(v[i]) for stage, v in table.stages.items()},
                    }
                    for i, name in enumerate(table.classes)
                ]
            ),
        ]
    if probes:
        parts += [
            "### Frozen features",
            _markdown_table(
                [
                    {
                        "at": swept_text(row.at),
                        "features": name,
                        "k-nearest neighbours": number_text(probe.nearest_neighbour_accuracy),
                        "linear": number_text(probe.linear_accuracy),
                    }
                    for row in probes
                    for name, probe in row.probes.items()
                ]
            ),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def swept_text(at: SweptValues) -> str:
    """Swept values in one line, such as `loss.label_smoothing = 0.1, seed = 3`."""
    return ", ".join(f"{key} = {shown(value)}" for key, value in at)


def spread_text(spread: Spread | None, digits: int = 2) -> str:
    """A mean with its standard deviation where there is one, a dash for nothing."""
    if spread is None:
        return "–"
    if spread.deviation is None:
        return f"{spread.mean:.{digits}f}"
    return f"{spread.mean:.{digits}f} ± {spread.deviation:.{digits}f}"


def difference_text(row: Row, digits: int = 2) -> str:
    """The signed difference, starred where settings deviate, a dash where there is none."""
    if row.difference is None:
        return "–"
    return f"{row.difference:+.{digits}f}{'*' if row.deviations else ''}"


def _markdown_row(row: Row, holdout: bool, loss: bool) -> dict[str, str]:
    cells = {key: shown(value) for key, value in row.at}
    cells["stage"] = f"{row.title}, {row.scaled}" if row.scaled else row.title
    cells["best (published way)"] = spread_text(row.best)
    cells["published"] = number_text(row.published)
    cells["difference"] = difference_text(row)
    cells["last epoch"] = spread_text(row.last)
    if holdout:
        cells["hold-out"] = spread_text(row.holdout)
    if loss:
        cells["lowest loss"] = spread_text(row.loss, 4)
        cells["published loss"] = number_text(row.published_loss, 4)
    cells["floor"] = number_text(row.floor.outline_percent) if row.floor else ""
    cells["n"] = str(row.seeds)
    return cells


def _markdown_table(rows: Sequence[dict[str, str]]) -> str:
    if not rows:
        return ""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\\\")
    for character in "|*_<[`":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped


def _where(at: SweptValues) -> str:
    return f", {swept_text(at)}" if at else ""


def number_text(value: float | None, digits: int = 2) -> str:
    """The number with `digits` decimals, a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _lists(stages: Any) -> dict[str, list[float | None]]:
    return {stage: list(values) for stage, values in stages.items()}
