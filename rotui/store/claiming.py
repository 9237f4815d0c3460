"""Taking the next run of the queue: one worker gets it, however many ask at once."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from rotui.errors import StoreError
from rotui.failpoints import reach
from rotui.store.ordering import in_turn
from rotui.store.past_runs import PastRun, read_run
from rotui.store.repair import Notice, repair_run
from rotui.store.run_directory import RunDirectory, RunTakenError
from rotui.store.session import Session, change


@dataclass(frozen=True)
class Claim:
    """A run that is this process's to train: its directory, whose lock is held, what it was before, and the
    directory of what it starts from. `left` are the runs that were passed over, with the reason, by name;
    `paused` says that none may begin."""

    directory: RunDirectory | None = None
    past: PastRun | None = None
    parent: Path | None = None
    left: dict[str, str] = field(default_factory=dict)
    paused: bool = False


def fits_always(past: PastRun) -> bool:
    """The condition of a process that trains nothing else."""
    del past
    return True


def claim(
    runs_dir: Path,
    only: Collection[str] | None,
    refuse: Callable[[PastRun], str],
    notice: Notice,
    *,
    fits: Callable[[PastRun], bool] = fits_always,
) -> Claim:
    """Takes the first run whose turn it is, of those called `only` where that is given.

    `refuse` says why this process cannot train a run, or nothing; `fits` whether it can begin it now, beside
    what it trains already: while the first in turn cannot none is taken, so that it is not passed over for
    ever. Runs that are held, wait for a pre-training or came from elsewhere are not taken, and none where
    the queue is paused.
    """
    left: dict[str, str] = {}
    with change(runs_dir, notice) as opened:
        if opened.identity.paused:
            return Claim(paused=True)
        for listed in in_turn(opened.runs):
            if only is not None and listed.name not in only:
                continue
            try:
                past = _as_queued(opened, listed.name, notice)
            except StoreError as error:
                left[listed.name] = str(error)
                continue
            reason = refuse(past)
            if reason:
                left[listed.name] = reason
                continue
            if not fits(past):
                return Claim(left=left)
            try:
                directory = RunDirectory.begin(past.path)
            except RunTakenError:
                continue  # the process that ended it just now still holds its lock
            reach("begun")
            opened.record(past.path)
            parent = runs_dir / past.parent_run if past.parent_run else None
            return Claim(directory, past, parent, left)
    return Claim(left=left)


def _as_queued(opened: Session, name: str, notice: Notice) -> PastRun:
    """The run with the settings it was queued with; files of it that were damaged or changed are kept aside
    and restored from the index. StoreError where that cannot be done."""
    path = opened.runs_dir / name
    if repair_run(path, opened.rows.get(name), notice):
        opened.record(path)
    return read_run(path)
