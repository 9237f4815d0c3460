"""How the queue stands, in the first line of every place."""

from pathlib import Path

from rich.text import Text

from rotui.formats import duration
from rotui.text import printable
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.live.trainer import Trainer


def status_line(snapshot: Snapshot, trainer: Trainer, runs_dir: Path, within: str = "") -> Text:
    """What is wrong first, then what is trained, what waits and for how long, then where the runs are."""
    text = Text()
    if snapshot.trouble:
        text.append(f"{printable(snapshot.trouble, 200)}  ", "bold red")
    if trainer.error is not None:
        text.append(f"training has ended: {printable(trainer.error, 200)}  ", "bold red")
    text.append(f"{within}  " if within else "", "bold")
    text.append(" · ".join(_parts(snapshot, trainer)))
    return text.append(f"  {printable(runs_dir, 60)}", "dim")


def _parts(snapshot: Snapshot, trainer: Trainer) -> list[str]:
    active = snapshot.active
    waiting = sum(run.status in ("queued", "stopped", "interrupted") for run in snapshot.queue)
    if not active:
        parts = ["idle"]
    elif any(run.name in trainer.current for run in active):
        parts = [f"{len(active)} training"]
    else:
        parts = [f"{len(active)} training elsewhere"]
    if snapshot.paused:
        parts.insert(0, "PAUSED")
    if waiting:
        parts.append(f"{waiting} waiting")
    if snapshot.seconds_left is not None and not snapshot.paused:
        parts.append(f"~{duration(snapshot.seconds_left)} left")
    if trainer.decoding is not None:
        parts.append("decoding {} of {} images".format(*trainer.decoding))
    if trainer.waits_for:
        parts.append(f"waits: the device is in use by {printable(trainer.waits_for, 200)}")
    return parts
