"""`rotui queue list`: what is being trained and what waits, in its order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.text import Text

from rotui.cli.columns import Column, fitting, plain_table
from rotui.cli.statuses import STATUS_STYLES
from rotui.cli.terminal import out, print_json, say
from rotui.errors import StoreError
from rotui.formats import duration
from rotui.profile.summary import differing_parts
from rotui.store.arrivals import Arrivals
from rotui.store.identity import read_identity
from rotui.store.listing import ListedRun
from rotui.store.live_progress import LiveProgress, read_progress
from rotui.store.ordering import in_order, share_done
from rotui.store.session import look
from rotui.study.machine import Machine
from rotui.text import printable

BAR_WIDTH = 10


def print_queue(runs_dir: Path, as_json: bool) -> None:
    """Writes the queue to stdout, what is being trained first."""
    runs, unreadable = look(runs_dir)
    for message in unreadable:
        say(f"rotui: cannot be shown: {message}", style="yellow")
    shown = in_order(runs)
    active = [run.name for run in shown if run.status in ("running", "paused")]
    live = {name: now for name in active if (now := read_progress(runs_dir / name)) is not None}
    arrivals = Arrivals(runs_dir, Machine.here("auto")).of(runs, shown, live)
    if as_json:
        for run in shown:
            done = share_done(run, live.get(run.name))
            print_json({**run.to_json(runs_dir), "done": done, "seconds_left": arrivals.get(run.name)})
        return
    try:
        identity = read_identity(runs_dir)
    except StoreError:
        identity = None  # who changes the queue next puts it right
    if identity is not None and identity.paused:
        say("the queue is paused (rotui queue resume)", style="yellow")
    if shown:
        _print_table(shown, live, arrivals)
    failed = sum(run.status == "failed" for run in runs)
    told = f"; {failed} failed (rotui runs --status failed, rotui queue retry)" if failed else ""
    say(f"{len(shown)} in the queue{told}" if shown else f"nothing is queued in {printable(runs_dir)}{told}")


def _print_table(
    runs: Sequence[ListedRun], live: Mapping[str, LiveProgress], arrivals: Mapping[str, float]
) -> None:
    apart = differing_parts({run.name: run.settings for run in runs})
    several_studies, several_seeds = len({run.study for run in runs}) > 1, len({run.seed for run in runs}) > 1
    columns = [
        Column("no.", [str(run.number) for run in runs]),
        Column(
            "study",
            [printable(run.study, 24) for run in runs],
            rank=5 if several_studies else 9,
            justify="left",
        ),
        Column("stage", [run.stage for run in runs], justify="left"),
        Column("settings", [printable(apart[run.name], 28) for run in runs], rank=3, justify="left"),
        Column("seed", [str(run.seed) for run in runs], rank=1 if several_seeds else 6),
        Column("status", [Text(run.status, style=STATUS_STYLES[run.status]) for run in runs], justify="left"),
        Column("done", [_bar(run, live.get(run.name)) for run in runs], rank=2, justify="left"),
        Column("done in", [_done_in(run, live, arrivals) for run in runs], rank=4),
        Column("prio", [str(run.priority or "") for run in runs], rank=7),
        Column("tags", [printable(" ".join(run.tags), 24) for run in runs], rank=8, justify="left"),
    ]
    kept, dropped = fitting([column for column in columns if any(map(str, column.cells))], out.width)
    out.print(plain_table(kept), crop=False)
    for run in runs:
        told = "; ".join(filter(None, (run.reason, run.note)))
        if told:
            say(f"{run.number}: {printable(told)}", style="dim")
    if dropped:
        say(f"not shown for want of room: {', '.join(dropped)} (--json has all)", style="dim")


def _bar(run: ListedRun, live: LiveProgress | None) -> str:
    share = share_done(run, live)
    full = round(share * BAR_WIDTH)
    return f"{'━' * full}{'╌' * (BAR_WIDTH - full)} {share:4.0%}" if share else ""


def _done_in(run: ListedRun, live: Mapping[str, LiveProgress], arrivals: Mapping[str, float]) -> str:
    """When it will have ended: measured of a run that goes on, else estimated."""
    seconds = arrivals.get(run.name)
    if seconds is None:
        return ""
    return f"{'' if run.name in live else '~'}{duration(seconds)}"
