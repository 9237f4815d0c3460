"""Runs taken away so that they can be brought back: moved into `.trash/`, where they keep name and number."""

import shutil
import uuid
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from rotui.errors import InputError
from rotui.failpoints import reach
from rotui.store.atomic import store_errors, sync_folder
from rotui.store.layout import TRASH, highest_number, run_number
from rotui.store.listing import ListedRun
from rotui.store.past_runs import run_paths
from rotui.store.repair import Notice
from rotui.store.requeueing import ENDING_SECONDS
from rotui.store.reserve import with_reserve
from rotui.store.run_directory import RunTakenError, lock_run
from rotui.store.session import session, writer_lock
from rotui.store.status import ENDED, is_locked
from rotui.text import printable

_REMOVED = ".removed"


def delete_runs(runs_dir: Path, names: Sequence[str], notice: Notice) -> None:
    """Moves runs, by directory name, into the trash: what has ended or waits, readable or not.

    InputError where one is being trained, is not there, or a run that is not deleted with it waits for it;
    StoreError where one cannot be moved. Nothing is deleted then, unless a move fails midway.
    """
    with writer_lock(runs_dir):
        with_reserve(runs_dir, partial(_check, runs_dir, names, notice))
        newest_first = sorted(dict.fromkeys(names), key=run_number, reverse=True)
        with_reserve(runs_dir, partial(_move, newest_first, runs_dir, runs_dir / TRASH))
        with_reserve(runs_dir, partial(_index, runs_dir, notice))


def restore_runs(runs_dir: Path, names: Sequence[str], notice: Notice) -> None:
    """Moves runs, by directory name, from the trash back to their place; one that waited waits again.

    InputError where one is not in the trash or a run of its name is there; StoreError as for `delete_runs`.
    """
    with writer_lock(runs_dir):
        there = trashed(runs_dir)
        for name in names:
            if name not in there:
                raise InputError(f"{printable(name)}: is not in the trash ({_in_words(there)})")
            if (runs_dir / name).exists():
                raise InputError(f"{printable(name)}: there is a run of this name (move its directory away)")
        oldest_first = sorted(dict.fromkeys(names), key=run_number)
        with_reserve(runs_dir, partial(_move, oldest_first, runs_dir / TRASH, runs_dir))
        with_reserve(runs_dir, partial(_index, runs_dir, notice))


def trashed(runs_dir: Path) -> list[str]:
    """Names of the runs in the trash, by number; StoreError where they cannot be listed."""
    names = [path.name for path in run_paths(runs_dir / TRASH)]
    return sorted(names, key=lambda name: (run_number(name), name))


def empty_trash(runs_dir: Path, notice: Notice) -> list[str]:
    """Removes what is in the trash for good and returns the names; their numbers are not given again.

    StoreError where something cannot be removed: what is left is then removed the next time.
    """
    trash = runs_dir / TRASH
    if not trash.is_dir():
        return []
    with writer_lock(runs_dir):
        names = trashed(runs_dir)
        with_reserve(runs_dir, partial(_check, runs_dir, (), notice))
        with store_errors(trash, "cannot be emptied"):
            for name in names:
                (trash / name).rename(trash / f".{run_number(name):04d}-{uuid.uuid4().hex}{_REMOVED}")
            sync_folder(trash)
            reach("emptying")
            for left in trash.glob(f".*{_REMOVED}"):
                if left.is_symlink():
                    left.unlink()
                else:
                    shutil.rmtree(left)
    return names


def _check(runs_dir: Path, names: Sequence[str], notice: Notice) -> None:
    """InputError where a run cannot be deleted. Numbers of runs that came from elsewhere are remembered, so
    that none is given again when they are gone."""
    with session(runs_dir, notice) as opened:
        there = {path.name for path in run_paths(runs_dir)}
        runs = {run.name: run for run in opened.runs}
        for name in names:
            if name not in there:
                raise InputError(f"{printable(name)}: no such run")
            _refuse_what_goes_on(runs_dir / name, runs.get(name))
            _refuse_what_is_waited_for(name, set(names), opened.runs)
            if (runs_dir / TRASH / name).exists():
                raise InputError(f"{printable(name)}: one of this name is in the trash (empty it first)")
        highest = max(opened.identity.highest, highest_number(runs_dir))
        if highest != opened.identity.highest:
            opened.identify(opened.identity.model_copy(update={"highest": highest}))


def _refuse_what_goes_on(path: Path, run: ListedRun | None) -> None:
    """InputError where a process trains the run. For the holder of the writer lock, under which runs are
    begun: none can begin it after this."""
    goes_on = run is not None and run.status in ("running", "paused")
    try:
        if not goes_on and is_locked(path):
            lock_run(path, ENDING_SECONDS).release()
    except RunTakenError:
        goes_on = True
    if goes_on:
        raise InputError(f"{printable(path.name)}: is being trained (rotui queue cancel stops it)")


def _refuse_what_is_waited_for(name: str, deleted: Collection[str], runs: Sequence[ListedRun]) -> None:
    waiting = [
        str(run.number)
        for run in runs
        if run.parent_run == name and run.name not in deleted and run.status not in ENDED
    ]
    if waiting:
        told = f"runs {', '.join(waiting)} start" if len(waiting) > 1 else f"run {waiting[0]} starts"
        raise InputError(f"{printable(name)}: {told} from it (delete or cancel what waits first)")


def _move(names: Sequence[str], source: Path, target: Path) -> None:
    """Renames each run's directory, none over another; what an attempt before has moved stays moved."""
    for name in names:
        with store_errors(target / name, "cannot be moved there"):
            target.mkdir(exist_ok=True)
            if (target / name).exists() and not (source / name).exists():
                continue
            if (target / name).exists():
                raise FileExistsError(0, "there is a run of that name", str(target / name))
            (source / name).rename(target / name)
            reach("moved")
    with store_errors(target):
        sync_folder(target)
        sync_folder(source)


def _index(runs_dir: Path, notice: Notice) -> None:
    """Brings the index up to date with what was moved."""
    with session(runs_dir, notice):
        pass


def _in_words(names: Sequence[str]) -> str:
    return f"there are {', '.join(printable(name, 80) for name in names[-5:])}" if names else "it is empty"
