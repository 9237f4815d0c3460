"""Queueing a plan: as a whole or not at all, each run once however many studies ask for it."""

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rotui.errors import StoreError
from rotui.failpoints import reach
from rotui.store.atomic import store_errors, sync_folder
from rotui.store.layout import MODEL, highest_number, revealed_path
from rotui.store.listing import ListedRun
from rotui.store.making import reveal, stage_run
from rotui.store.past_runs import PastRun, read_run
from rotui.store.queue_entry import QueueEntry
from rotui.store.repair import Notice
from rotui.store.requeueing import requeue
from rotui.store.session import Session, session, writer_lock
from rotui.store.status import UNFINISHED
from rotui.store.weights_digest import weights_are_whole
from rotui.study.planning import Plan, PlannedRun


@dataclass(frozen=True)
class Wishes:
    """What a user wants of the runs that are queued; `command` is the one that asked for them."""

    study: str = ""
    priority: int = 0
    held: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()
    fresh: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Queued:
    """What became of a plan: the directory name of every run by content key. `finished` were finished
    before, `joined` are queued, running or unfinished already, the rest is new."""

    names: Mapping[str, str]
    finished: frozenset[str] = frozenset()
    joined: frozenset[str] = frozenset()


@dataclass
class _Adding:
    """What is decided and made while a plan is added."""

    names: dict[str, str] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    staged: list[Path] = field(default_factory=list)


def add_plan(
    runs_dir: Path, plan: Plan, wishes: Wishes, identities: Mapping[str, str], notice: Notice
) -> Queued:
    """Queues what of the plan is not finished or queued already, and returns when it is safely on disk.

    `identities` are the fingerprints of the data that each run would see, by content key; without one a
    finished run is taken at its word. StoreError and DiskFullError: nothing is queued then.
    """
    with writer_lock(runs_dir):
        adding = _Adding()
        try:
            with session(runs_dir, notice) as opened:
                _stage(opened, plan, wishes, identities, adding, notice)
        except BaseException:
            for staged in adding.staged:
                shutil.rmtree(staged, ignore_errors=True)
            raise
        for staged in adding.staged:
            reveal(staged)
            reach("revealed")
        with store_errors(runs_dir):
            sync_folder(runs_dir)
    return Queued(adding.names, frozenset(adding.finished), frozenset(adding.joined))


def _stage(
    opened: Session,
    plan: Plan,
    wishes: Wishes,
    identities: Mapping[str, str],
    adding: _Adding,
    notice: Notice,
) -> None:
    number = max(opened.identity.highest, highest_number(opened.runs_dir))
    by_key: dict[str, list[ListedRun]] = {}
    for known in opened.runs if not wishes.fresh else ():
        by_key.setdefault(known.key, []).append(known)
    entry = QueueEntry(
        store=opened.identity.id,
        batch=uuid.uuid4().hex,
        priority=wishes.priority,
        held=wishes.held,
        note=wishes.note,
        tags=wishes.tags,
        queued_by=wishes.command,
    )
    position = max((float(number), *(known.position for known in opened.runs)))
    rejoined: list[tuple[PastRun, str]] = []
    needed = _needed(plan, by_key, identities, opened.runs_dir)
    for run in plan.runs:
        pasts = _current(run, by_key.get(run.key, ()), identities, opened.runs_dir)
        finished = [past for past in pasts if past.status == "finished" and _is_usable(past, needed, notice)]
        others = [past for past in pasts if past.status != "finished"]
        parent_run = adding.names[run.parent] if run.parent else ""
        if finished:
            adding.names[run.key] = finished[-1].name
            adding.finished.add(run.key)
        elif others:
            chosen = max(others, key=lambda past: (past.status in ("running", "paused"), past.number))
            rejoined.append((chosen, parent_run))
            adding.names[run.key] = chosen.name
            adding.joined.add(run.key)
        else:
            number += 1
            position += 1
            placed = entry.model_copy(update={"position": position})
            staged = stage_run(
                opened.runs_dir, number, run, placed, study=wishes.study, parent_run=parent_run
            )
            adding.staged.append(staged)
            name = revealed_path(staged).name
            opened.record(staged, name)
            adding.names[run.key] = name
            reach("staged")
    for chosen, parent_run in rejoined:
        requeue(opened, chosen, parent_run=parent_run)
    opened.identify(opened.identity.model_copy(update={"highest": number}))
    with store_errors(opened.runs_dir):
        sync_folder(opened.runs_dir)


def _needed(
    plan: Plan, by_key: Mapping[str, list[ListedRun]], identities: Mapping[str, str], runs_dir: Path
) -> set[str]:
    """Keys of the pre-trainings whose weights something is going to start from."""
    needed = set()
    for run in plan.runs:
        pasts = _current(run, by_key.get(run.key, ()), identities, runs_dir)
        if run.parent and not any(past.status == "finished" for past in pasts):
            needed.add(run.parent)
    return needed


def _current(
    run: PlannedRun, known: "list[ListedRun] | tuple[()]", identities: Mapping[str, str], runs_dir: Path
) -> list[PastRun]:
    """The runs of this key that saw, or will see, the images and labels that `run` would see."""
    pasts = []
    for each in known:
        try:
            past = read_run(runs_dir / each.name)
        except StoreError:
            continue  # it counts as absent; lists tell what is wrong with it
        identity = identities.get(run.key)
        if identity is None:
            is_current = past.status == "finished"
        else:
            is_current = past.data_identity == identity or (not past.data_identity and each.own)
        if is_current and (past.status == "finished" or each.own or each.status in UNFINISHED):
            pasts.append(past)
    return pasts


def _is_usable(past: PastRun, needed: set[str], notice: Notice) -> bool:
    """Whether a finished run can stand for the one that is asked for: its weights are there, and whole where
    something starts from them."""
    if not (past.path / MODEL).is_file():
        return False
    if past.key not in needed or weights_are_whole(past.path, past.weights_sha256):
        return True
    notice(f"{past.name}: {MODEL} is damaged (its sha256 is not that of the run's state): trained again")
    return False
