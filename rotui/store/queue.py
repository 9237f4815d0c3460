"""The queue of a runs directory: what users change of it, each on disk when its function returns."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from rotui.errors import InputError
from rotui.store.database import Database
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
    if len(text) > LONGEST_NOTE:
        raise InputError(f"the note has {len(text)} characters (at most {LONGEST_NOTE})")


def check_tags(tags: Sequence[str]) -> None:
    """InputError for a text that is no tag."""
    for tag in tags:
        if not tag.strip() or len(tag) > LONGEST_TAG:
            raise InputError(f"{printable(tag, 60)!r} is no tag (1 to {LONGEST_TAG} characters)")


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
        self._change(names, lambda entry: entry.model_copy(update={"held": False}))

    def retry(self, names: Sequence[str]) -> None:
        """Queues runs that failed, were cancelled or skipped again, and what they start from."""
        with_reserve(self._runs_dir, lambda: self._each(names, retry))

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
            for name, position in zip(names, _positions(others, len(names), place, beside), strict=True):
                self._write(opened, name, partial(_at, position=position))

        with_reserve(self._runs_dir, lambda: self._session(moved))

    def pause(self) -> None:
        """Has no run begin from now on; what is being trained goes on."""
        self._set_paused(True)

    def resume(self) -> None:
        """Has runs begin again."""
        self._set_paused(False)

    def rebuild(self) -> list[ListedRun]:
        """Makes the index again from the runs' directories, the old database kept aside."""
        with writer_lock(self._runs_dir):
            Database(self._runs_dir / DATABASE).keep_aside("replaced")
        with change(self._runs_dir, self._notice) as opened:
            return opened.runs

    def _set_paused(self, paused: bool) -> None:
        def set_paused(opened: Session) -> None:
            opened.identify(opened.identity.model_copy(update={"paused": paused}))

        with_reserve(self._runs_dir, lambda: self._session(set_paused))

    def _session(self, action: Callable[[Session], None]) -> None:
        with change(self._runs_dir, self._notice) as opened:
            action(opened)

    def _each(self, names: Sequence[str], action: Callable[[Session, str], None]) -> None:
        def all_of_them(opened: Session) -> None:
            for name in names:
                action(opened, name)

        self._session(all_of_them)

    def _change(
        self, names: Sequence[str], changed: Callable[[QueueEntry], QueueEntry], *, unended: bool = False
    ) -> None:
        def change_all(opened: Session) -> None:
            runs = {run.name: run for run in opened.runs}
            for name in names:
                run = runs[name]
                if unended and run.status in ("finished", "failed"):
                    raise InputError(f"run {run.number} is {run.status} already")
            for name in names:
                self._write(opened, name, changed)

        with_reserve(self._runs_dir, lambda: self._session(change_all))

    def _write(self, opened: Session, name: str, changed: Callable[[QueueEntry], QueueEntry]) -> None:
        path = opened.runs_dir / name
        entry = read_entry(path)
        if entry is None:
            entry = QueueEntry(store="", batch="")
        changed(entry).write(path)
        opened.record(path)


def _at(entry: QueueEntry, position: float) -> QueueEntry:
    return entry.model_copy(update={"position": position})


def _positions(others: Sequence[ListedRun], count: int, place: Place, beside: str) -> list[float]:
    """`count` rising positions at the place among `others`."""
    taken = sorted({run.position for run in others})
    if place in ("before", "after"):
        anchors = [run.position for run in others if run.name == beside]
        if not anchors:
            raise InputError(f"{printable(beside)} is not waiting in the queue")
        anchor = anchors[0]
        below = max((each for each in taken if each < anchor), default=anchor - count - 1)
        above = min((each for each in taken if each > anchor), default=anchor + count + 1)
        low, high = (below, anchor) if place == "before" else (anchor, above)
    elif place == "first":
        high = min(taken, default=0.0)
        low = high - count - 1
    else:
        low = max(taken, default=0.0)
        high = low + count + 1
    step = (high - low) / (count + 1)
    return [low + step * (index + 1) for index in range(count)]
