"""The columns of a comparison as plain texts, whatever draws the table."""

from collections.abc import Sequence
from dataclasses import dataclass

from rotui.profile.stages import StageName
from rotui.results.export import difference_text, number_text, spread_text
from rotui.results.rows import Row

SHORT_TITLES: dict[StageName, str] = {
    "pretrain": "rotation",
    "finetune-pretrained": "fine-tuned, pre",
    "finetune-random": "fine-tuned, random",
    "supervised-pretrained": "supervised, pre",
    "supervised-random": "supervised, random",
}
SHORTEST_TITLES: dict[StageName, str] = {
    "pretrain": "rotation",
    "finetune-pretrained": "pre ft",
    "finetune-random": "rand ft",
    "supervised-pretrained": "pre sup",
    "supervised-random": "rand sup",
}
SHORT_BELOW = 100
"""Width of the table below which stages have their short titles."""


@dataclass(frozen=True)
class MeasureColumn:
    """One text for each row, under a `header` of several lines. `rank` 0 always stays; of the others those
    with the highest rank go first where there is no room."""

    key: str
    header: str
    cells: tuple[str, ...]
    rank: int = 0


def stage_title(row: Row, width: int) -> str:
    """The stage's title, in short where the table is narrow."""
    return SHORT_TITLES[row.stage] if width < SHORT_BELOW else row.title


def measure_columns(rows: Sequence[Row]) -> list[MeasureColumn]:
    """What was measured and published, without the columns in which nothing would stand."""

    def column(key: str, header: str, cells: Sequence[str], rank: int = 0) -> MeasureColumn:
        return MeasureColumn(key, header, tuple(cells), rank)

    columns = [column("best", "best\n(published\nway)", [spread_text(row.best) for row in rows])]
    if any(row.published is not None for row in rows):
        columns += [
            column("published", "pub-\nlished", [number_text(row.published) for row in rows]),
            column("difference", "diff", [difference_text(row) for row in rows]),
        ]
    columns.append(column("last", "last\nepoch", [spread_text(row.last) for row in rows], 1))
    if any(row.holdout for row in rows):
        columns.append(column("holdout", "hold-out", [spread_text(row.holdout) for row in rows], 3))
    if any(row.floor for row in rows):
        floors = [f"{row.floor.outline_percent:.0f}" if row.floor else "" for row in rows]
        columns += [
            column("floor", "floor", floors, 2),
            column(
                "above",
                "above\nfloor",
                [f"{row.above_floor:.0f} %" if row.above_floor is not None else "" for row in rows],
                4,
            ),
        ]
    if any(row.loss for row in rows):
        columns.append(column("loss", "lowest\nloss", [spread_text(row.loss, 3) for row in rows], 5))
    if any(row.published_loss is not None for row in rows):
        losses = [number_text(row.published_loss, 3) for row in rows]
        columns.append(column("published_loss", "pub-\nlished\nloss", losses, 6))
    columns.append(column("seeds", "n", [str(row.seeds) for row in rows]))
    return columns
