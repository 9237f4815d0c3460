"""The columns of the queue: state, progress and the time that is left."""

from typing import TYPE_CHECKING

from rich.text import Text

from rotui.formats import count, duration
from rotui.profile.summary import differing_parts
from rotui.store.ordering import share_done
from rotui.text import printable
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.widgets.virtual_table import Column

if TYPE_CHECKING:
    from rotui.store.listing import ListedRun

MARKS = {
    "queued": ("·", "dim"),
    "held": ("‖", "yellow"),
    "running": ("▶", "green"),
    "paused": ("!", "bold yellow"),
    "stopped": ("■", "yellow"),
    "interrupted": ("↻", "yellow"),
    "finished": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("-", "yellow"),
    "cancelled": ("-", "dim"),
}
BAR_WIDTH = 10


def status_text(run: "ListedRun") -> Text:
    """The state by sign, word and colour."""
    mark, style = MARKS[run.status]
    return Text.assemble((f"{mark} {run.status}", style))


def bar(share: float, width: int = BAR_WIDTH) -> Text:
    """The share that is done, told by its signs and not by colour alone."""
    full = round(share * width)
    return Text.assemble(("━" * full, "green"), ("╌" * (width - full), "dim"), f" {share:4.0%}")


def queue_columns(snapshot: Snapshot) -> "list[Column[ListedRun]]":
    """The queue's columns as of this snapshot."""
    live = snapshot.live

    def done(run: "ListedRun") -> Text:
        return bar(share_done(run, live.get(run.name)))

    def left(run: "ListedRun") -> str:
        seconds = snapshot.arrivals.get(run.name)
        if seconds is None:
            return ""
        return f"{'' if run.name in live else '~'}{duration(seconds)}"

    def rate(run: "ListedRun") -> str:
        told = live.get(run.name)
        return f"{count(round(told.images_per_second))}/s" if told else ""

    def best(run: "ListedRun") -> str:
        return "" if run.best is None else f"{run.best:.2f}"

    apart = differing_parts({run.name: run.settings for run in snapshot.queue})
    several_seeds = len({run.seed for run in snapshot.queue}) > 1

    def settings(run: "ListedRun") -> str:
        return printable(apart.get(run.name, run.settings), 60)

    return [
        Column("number", "no.", lambda run: str(run.number), width=3, justify="right"),
        Column("stage", "stage", lambda run: run.stage, width=21),
        Column(
            "seed",
            "seed",
            lambda run: str(run.seed),
            width=4,
            justify="right",
            rank=1 if several_seeds else 6,
        ),
        Column("status", "state", status_text, width=9, max_width=13),
        Column("done", "done", done, width=BAR_WIDTH + 5, rank=2),
        Column("left", "done in", left, width=11, justify="right", rank=3),
        Column("best", "best", best, width=6, justify="right", rank=5),
        *(
            [Column("settings", "settings", settings, width=10, max_width=40, rank=4)]
            if any(apart.values())
            else []
        ),
        Column("rate", "images", rate, width=8, justify="right", rank=6),
        Column("why", "why", lambda run: printable(run.reason, 80), width=12, max_width=50, rank=7),
        Column("note", "note", lambda run: printable(run.note, 40), width=6, max_width=30, rank=8),
    ]
