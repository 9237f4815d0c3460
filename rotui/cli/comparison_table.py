"""The comparison as it is printed on a terminal, from 60 columns upwards."""

from collections.abc import Sequence
from itertools import pairwise

from rich.table import Table
from rich.text import Text

from rotui.cli.columns import Cell, Column, fitting, plain_table
from rotui.cli.terminal import line, out
from rotui.results.comparison_columns import SHORT_TITLES, measure_columns, stage_title
from rotui.results.detail import ClassAccuracies, ProbeRow
from rotui.results.deviations import shown
from rotui.results.export import number_text, swept_text
from rotui.results.rows import Comparison, Row, SweptValues
from rotui.text import printable


def comparison_table(comparison: Comparison, width: int) -> tuple[Table, list[str]]:
    """The table of at most `width` terminal cells, and the names of the columns that did not fit."""
    columns, dropped = fitting(_columns(comparison.rows, width), width)
    return plain_table(columns, comparison.title, _section_ends(comparison.rows)), dropped


def print_comparison(comparison: Comparison) -> None:
    """Writes the table and its notes to stdout, as wide as the terminal."""
    table, dropped = comparison_table(comparison, out.width)
    out.print(table, crop=False)
    for note in comparison.notes:
        out.print(Text(printable(note), style="dim"))
    if dropped:
        left_out = f"not shown for want of room: {', '.join(dropped)} (--format csv has all)."
        out.print(Text(left_out, style="dim"))


def print_details(classes: Sequence[ClassAccuracies], probes: Sequence[ProbeRow]) -> None:
    """Writes the per-class tables and the probes of frozen features to stdout."""
    for table in classes:
        line("")
        out.print(_class_table(table, out.width), crop=False)
    if probes:
        line("")
        out.print(_probe_table(probes), crop=False)


def _columns(rows: Sequence[Row], width: int) -> list[Column]:
    stages = Column("stage", _stage_cells(rows, width), justify="left")
    return [stages, *(Column(each.header, each.cells, each.rank) for each in measure_columns(rows))]


def _stage_cells(rows: Sequence[Row], width: int) -> list[Cell]:
    """Stage titles; the first of each point carries the swept values above it."""
    cells: list[Cell] = []
    before: SweptValues | None = None
    for row in rows:
        cell = Text(stage_title(row, width))
        if row.scaled:
            cell.append(f"\n{row.scaled}", style="yellow")
        if row.at and row.at != before:
            heading = "\n".join(f"{key.rpartition('.')[2]} = {shown(value)}" for key, value in row.at)
            cell = Text(heading + "\n", style="bold").append(cell)
        before = row.at
        cells.append(cell)
    return cells


def _section_ends(rows: Sequence[Row]) -> list[int]:
    return [index for index, (row, after) in enumerate(pairwise(rows)) if row.at != after.at]


def _class_table(table: ClassAccuracies, width: int) -> Table:
    columns = [Column("class", [printable(name, 40) for name in table.classes], justify="left")]
    for stage, values in table.stages.items():
        header = SHORT_TITLES[stage].replace(", ", ",\n")
        columns.append(Column(header, [number_text(value, 1) for value in values]))
    where = f", {swept_text(table.at)}" if table.at else ""
    return plain_table(fitting(columns, width)[0], f"accuracy of each class, last epoch{where}")


def _probe_table(probes: Sequence[ProbeRow]) -> Table:
    rows = [(row.at, name, probe) for row in probes for name, probe in row.probes.items()]
    columns = [
        Column("features", [printable(name) for _, name, _ in rows], justify="left"),
        Column("20 nearest\nneighbours", [f"{probe.nearest_neighbour_accuracy:.2f}" for _, _, probe in rows]),
        Column("linear\nprobe", [f"{probe.linear_accuracy:.2f}" for _, _, probe in rows]),
    ]
    if any(at for at, _, _ in rows):
        columns.insert(0, Column("swept", [swept_text(at) for at, _, _ in rows], justify="left"))
    return plain_table(columns, "frozen features, classes told in percent of the test split")
