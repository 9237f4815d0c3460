"""The queue of a runs directory: what users change of it, each on disk when its function returns."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

from rotui.errors import InputError
from rotui.store.database import Database, UnreadableDatabaseError
from rotui.store.layout import DATABASE
from rotui.store.listing import ListedRun
from rotui.store.queue_entry import LONGEST_NOTE, LONGEST_TAG, QueueEntry, read_entry
from rotui.store.repair import Notice
from rotui.store.requeueing import retry
from rotui.store.reserve import with_reserve
from rotui.store.session import Session, change, writer_lock
from rotui.store.status import ENDED
from rotui.text import printable

Place = Literal["first", "last", "before", "after"]


def check_note(text: str) -> None:
    """InputError for a text that is too long for a note."""
    _check_text(text)
    if len(text) > LONGEST_NOTE:
        raise InputError(f"the note has {len(text)} characters (at most {LONGEST_NOTE})")


def check_tags(tags: Sequence[str]) -> None:
    """InputError for a text that is no tag."""
    for tag in tags:
        _check_text(tag)
        if not tag.strip() or len(tag) > LONGEST_TAG:
            raise InputError(f"{printable(tag, 60)!r} is no tag (1 to {LONGEST_TAG} characters)")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{printable(text, 60)}: has bytes that are no text in UTF-8") from error


class Queue:
    """Changes to the queue of one runs directory, each in one transaction under the writer lock.

    Each takes the directory names of runs. InputError where a run cannot be changed so: nothing is then.
    """

    def __init__(self, runs_dir: Path, notice: Notice) -> None:
        self._runs_dir = runs_dir
        self._notice = notice

    def cancel(self, names: Sequence[str]) -> None:
        """Takes runs out of the queue; one that is being trained stops at its next step with a checkpoint."""
        self._change(names, lambda entry: entry.model_copy(update={"cancelled": True}), unended=True)

    def hold(self, names: Sequence[str]) -> None:
        """Keeps runs from being taken up; one that is being trained stops at its next step."""
        self._change(names, lambda entry: entry.model_copy(update={"held": True}), unended=True)

    def release(self, names: Sequence[str]) -> None:
        """Ends a hold."""
        self._change(names, lambda entry: entry.model_copy(update={"held": False}), unended=True)

    def retry(self, names: Sequence[str]) -> None:
        """Queues runs that failed, were cancelled or skipped again, and what they start from."""
        self._with(names, lambda opened: retry(opened, names))

    def note(self, names: Sequence[str], text: str) -> None:
        """Sets the note of runs, empty for none."""
        check_note(text)
        self._change(names, lambda entry: entry.model_copy(update={"note": text}))

    def tag(self, names: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> None:
        """Adds tags to runs and takes others from them."""
        check_tags(added)

        def tagged(entry: QueueEntry) -> QueueEntry:
            kept = [tag for tag in dict.fromkeys((*entry.tags, *added)) if tag not in removed]
            return entry.model_copy(update={"tags": tuple(kept)})

        self._change(names, tagged)

    def prioritise(self, names: Sequence[str], priority: int) -> None:
        """Sets the priority of runs: higher goes first."""
        self._change(names, lambda entry: entry.model_copy(update={"priority": priority}))

    def move(self, names: Sequence[str], place: Place, beside: str = "") -> None:
        """Moves runs, in the order given, to a place among those of their priority: first, last, or before or
        after the run called `beside`."""

        def moved(opened: Session) -> None:
            others = [run for run in opened.runs if run.name not in names and run.status not in ENDED]
            for name, position in new_positions(others, names, place, beside).items():
                self._write(opened, name, partial(_at, position=position))

        self._with(names, moved)

    def pause(self) -> None:
        """Has no run begin from now on; what is being trained goes on."""
        self._set_paused(True)

    def resume(self) -> None:
        """Has runs begin again."""
        self._set_paused(False)

    def rebuild(self) -> list[ListedRun]:
        """Makes the index again from the runs' directories, the old database kept aside; StoreError, and
        nothing done, where a newer rotui wrote it."""
        with writer_lock(self._runs_dir):
            database = Database(self._runs_dir / DATABASE)
            with suppress(UnreadableDatabaseError):  # what it is made again for
                database.refuse_newer()
            database.keep_aside("replaced")
        with change(self._runs_dir, self._notice) as opened:
            return opened.runs

    def _set_paused(self, paused: bool) -> None:
        def set_paused(opened: Session) -> None:
            opened.identify(opened.identity.model_copy(update={"paused": paused}))

        with_reserve(self._runs_dir, lambda: self._session(set_paused))

    def _session(self, action: Callable[[Session], None]) -> None:
        with change(self._runs_dir, self._notice) as opened:
            action(opened)

    def _with(self, names: Sequence[str], action: Callable[[Session], None]) -> None:
        """Does `action` in a session in which all of the runs are there; InputError where one is not."""

        def checked(opened: Session) -> None:
            gone = set(names) - {run.name for run in opened.runs}
            if gone:
                raise InputError(f"{printable(min(gone))}: there is no such run any more")
            action(opened)

        with_reserve(self._runs_dir, lambda: self._session(checked))

    def _change(
        self, names: Sequence[str], changed: Callable[[QueueEntry], QueueEntry], *, unended: bool = False
    ) -> None:
        def change_all(opened: Session) -> None:
            for run in opened.runs:
                if unended and run.name in names and run.status in ("finished", "failed"):
                    raise InputError(f"run {run.number} is {run.status} already")
            for name in names:
                self._write(opened, name, changed)

        self._with(names, change_all)

    def _write(self, opened: Session, name: str, changed: Callable[[QueueEntry], QueueEntry]) -> None:
        path = opened.runs_dir / name
        entry = read_entry(path)
        if entry is None:
            entry = QueueEntry(store="", batch="")
        changed(entry).write(path)
        opened.record(path)


def _at(entry: QueueEntry, position: float) -> QueueEntry:
    return entry.model_copy(update={"position": position})


def new_positions(
    others: Sequence[ListedRun], names: Sequence[str], place: Place, beside: str
) -> dict[str, float]:
    """Positions that put the runs called `names`, in this order, at a place among `others`; where there is no
    number left between two of those, they are numbered anew."""
    waiting = sorted(others, key=lambda run: (run.position, run.number))
    at = {"first": 0, "last": len(waiting)}.get(place)
    if at is None:
        known = [run.name for run in waiting]
        if beside not in known:
            raise InputError(f"{printable(beside)} is not waiting in the queue")
        at = known.index(beside) + (place == "after")
    low = waiting[at - 1].position if at else None
    high = waiting[at].position if at < len(waiting) else None
    low = low if low is not None else (high if high is not None else 0.0) - len(names) - 1
    high = high if high is not None else low + len(names) + 1
    step = (high - low) / (len(names) + 1)
    positions = [low + step * (number + 1) for number in range(len(names))]
    bounds = [low, *positions, high]
    if all(one < other for one, other in pairwise(bounds)):
        return dict(zip(names, positions, strict=True))
    order = [run.name for run in waiting]
    order[at:at] = names
    return {name: float(number) for number, name in enumerate(order, start=1)}
