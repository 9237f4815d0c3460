"""The order of the queue, and how far each of its runs is."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rotui.store.status import ENDED, UNFINISHED

if TYPE_CHECKING:
    from rotui.store.listing import ListedRun
    from rotui.store.live_progress import LiveProgress


def in_turn(runs: "Collection[ListedRun]") -> "list[ListedRun]":
    """The runs that can begin now, in the order in which they do: by priority, then by position.

    A pre-training has at least the priority of what waits for it.
    """
    known = {run.name: run for run in runs}
    waiting = [run for run in runs if run.status in UNFINISHED and run.own]
    priority = {run.name: run.priority for run in waiting}
    for run in waiting:
        if run.parent_run in priority:
            priority[run.parent_run] = max(priority[run.parent_run], run.priority)
    ready = [run for run in waiting if not run.parent_run or known[run.parent_run].status == "finished"]
    return sorted(ready, key=lambda run: (-priority[run.name], run.position, run.number))


def in_order(runs: "Sequence[ListedRun]") -> "list[ListedRun]":
    """What has not ended: running, then what can begin in its turn, then what waits, is held or skipped."""
    active = [run for run in runs if run.status in ("running", "paused")]
    ready = in_turn(runs)
    known = {run.name for run in (*active, *ready)}
    waiting = [
        run
        for run in runs
        if run.own and run.name not in known and (run.status == "skipped" or run.status not in ENDED)
    ]
    return [*active, *ready, *sorted(waiting, key=lambda run: (-run.priority, run.position))]


def share_done(run: "ListedRun", live: "LiveProgress | None") -> float:
    """Share of a run's training that is done, 0 to 1."""
    within = live.step / live.steps if live is not None and live.epoch > run.epochs else 0.0
    return min(1.0, (run.epochs + within) / run.epochs_planned)


def seconds_left(run: "ListedRun", live: "LiveProgress | None") -> float | None:
    """Estimated seconds until a run has trained its epochs; None where nothing tells."""
    if live is None or live.seconds_per_epoch <= 0:
        return None
    return live.seconds_per_epoch * run.epochs_planned * (1 - share_done(run, live))
