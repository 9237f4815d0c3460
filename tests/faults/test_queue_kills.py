"""Commands that change the queue, killed at any moment: what was acknowledged is there, nothing is half."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from studies import ADD, KILLED, PATIENCE, SMALL, WORK, Commands, digest, integrity, statuses

from rotui.store.database import Database
from rotui.store.identity import read_identity
from rotui.store.index import load_rows
from rotui.store.layout import DATABASE
from rotui.store.listing import ListedRun
from rotui.store.queue_entry import QueueEntry, whole_entry
from rotui.store.session import change, look

SWEEP = 4
MOST_RUNS = 40

Values = set[object]
Changed = Callable[[object], object]


@dataclass
class Command:
    """One command with what it does to `names`: a new value for one field of their queue.json, a place before
    all others, a tag that its new runs have, or whether the queue is paused."""

    kind: str
    arguments: list[str]
    names: tuple[str, ...] = ()
    changes: dict[str, Changed] = field(default_factory=dict)
    batch: str = ""
    paused: bool | None = None
    first: bool = False


class Expected:
    """What may be there: for each acknowledged run the values that each field may have, one where the last
    command that set it was acknowledged, more where commands were killed since."""

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, Values]] = {}
        self.positions: dict[str, float] = {}
        self.moved: dict[str, bool] = {}
        self.paused: set[bool] = {False}
        self.added: dict[str, bool] = {}
        self.numbers: dict[int, str] = {}

    def took(self, command: Command, *, acknowledged: bool) -> None:
        """Reckons with a command that ended or was killed."""
        for name in command.names:
            for key, changed in command.changes.items():
                before = self.fields[name][key]
                after = {changed(value) for value in before}
                self.fields[name][key] = after if acknowledged else before | after
            if command.first:
                self.moved[name] = acknowledged
        if command.paused is not None:
            self.paused = {command.paused} if acknowledged else self.paused | {command.paused}
        if command.batch:
            self.added[command.batch] = acknowledged

    def hold_of(self, runs: list[ListedRun], paused: bool, runs_dir: Path) -> None:
        """Asserts that all acknowledged is there, and that each field is as before or as a killed command
        would have it."""
        assert paused in self.paused
        found = {run.name: run for run in runs}
        assert self.fields.keys() <= found.keys(), "acknowledged runs are gone"
        waiting = [
            run.name for run in runs if run.status in ("queued", "held") and run.name not in self.moved
        ]
        first = min((self.positions[name] for name in waiting if name in self.fields), default=1e9)
        for name, fields in self.fields.items():
            for key, values in fields.items():
                assert getattr(_entry(runs_dir, name), key) in values, (name, key)
            stays = found[name].position == self.positions[name] and not self.moved.get(name, False)
            assert stays or (name in self.moved and found[name].position < first), name

    def settled(self, runs: list[ListedRun], paused: bool, runs_dir: Path) -> None:
        """The same after a command that ended well: a sweep is there as a whole, or not at all if its own
        command was killed. What is found is then what is expected."""
        self.hold_of(runs, paused, runs_dir)
        fresh = {run.name: run for run in runs if run.name not in self.fields}
        for batch, acknowledged in self.added.items():
            whole = [run for run in fresh.values() if batch in run.tags]
            assert len(whole) in ((SWEEP,) if acknowledged else (0, SWEEP)), "half a sweep"
            for run in whole:
                del fresh[run.name]
                self.fields[run.name] = {}
        assert not fresh, "runs that nobody asked for"
        for run in runs:
            assert self.numbers.setdefault(run.number, run.name) == run.name, "a number was given twice"
        assert len({run.number for run in runs}) == len(runs)
        for name in self.fields:
            entry = _entry(runs_dir, name)
            self.fields[name] = {
                key: {getattr(entry, key)} for key in ("held", "cancelled", "note", "tags", "priority")
            }
        self.positions = {run.name: run.position for run in runs}
        self.paused, self.added, self.moved = {paused}, {}, {}


def _entry(runs_dir: Path, name: str) -> QueueEntry:
    entry = whole_entry(runs_dir / name)
    assert entry is not None
    return entry


def _command(rng: random.Random, expected: Expected, count: int) -> Command:
    """Any command that changes the queue, on runs that are there."""
    kinds = ["cancel", "hold", "release", "note", "tag", "priority", "move", "retry", "pause", "resume"]
    kind = rng.choice([*kinds, *["add"] * (6 if len(expected.fields) < MOST_RUNS else 0)])
    if kind == "add" or not expected.fields:
        batch = f"batch-{count}"
        seeds = ["--set", f"seed=range({2 * count},{2 * count + 2})", "--tag", batch]
        return Command("add", [*ADD, *seeds], batch=batch)
    if kind in ("pause", "resume"):
        return Command(kind, ["queue", kind], paused=kind == "pause")
    names = tuple(rng.sample(sorted(expected.fields), min(rng.randint(1, 3), len(expected.fields))))
    words = [name if rng.random() < 0.5 else str(int(name[:4])) for name in names]
    match kind:
        case "cancel":
            return Command(kind, ["queue", kind, *words], names, {"cancelled": lambda _: True})
        case "hold" | "release":
            return Command(kind, ["queue", kind, *words], names, {"held": lambda _: kind == "hold"})
        case "note":
            text = f"note {count}"
            return Command(kind, ["queue", kind, *words, "--text", text], names, {"note": lambda _: text})
        case "tag":
            tag = f"tag-{count}"
            options = ["--add", tag]
            return Command(kind, ["queue", kind, *words, *options], names, {"tags": lambda old: (*old, tag)})
        case "priority":
            options = ["--priority", str(count)]
            return Command(kind, ["queue", "move", *words, *options], names, {"priority": lambda _: count})
        case "move":
            return Command(kind, ["queue", kind, words[0], "--first"], names[:1], first=True)
    name = rng.choice([name for name in expected.fields if "-pretrain-" in name])
    again: dict[str, Changed] = {"cancelled": lambda _: False, "held": lambda _: False}
    return Command(kind, ["queue", "retry", name], (name,), again)


def _settle(runs: Path, expected: Expected) -> None:
    """One more change, and what must be true after it."""
    with change(runs, lambda _: None) as opened:
        paused = opened.identity.paused
    found, unreadable = look(runs)
    assert not unreadable
    expected.settled(found, paused, runs)
    assert not list(runs.glob(".[0-9]*")), "a run that was being made was left"
    with Database(runs / DATABASE).reading() as connection:
        assert connection is not None
        assert load_rows(connection).keys() == {run.name for run in found}
    assert integrity(runs) == "ok"


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_fifty_queue_commands_killed_at_random_lose_nothing_that_was_acknowledged(
    rotui: Commands, tmp_path: Path, seed: int
) -> None:
    rng, expected = random.Random(seed), Expected()
    usual: dict[str, float] = {}
    kills = count = 0
    identity = ""
    while kills < 50:
        count += 1
        command = _command(rng, expected, count)
        after = None if command.kind not in usual else rng.uniform(0, 1.15) * usual[command.kind]
        began = time.monotonic()
        code = rotui(*command.arguments, runs=tmp_path, kill_after=after)
        assert code in (0, KILLED), rotui.log.read_text()
        if code == 0:
            usual[command.kind] = time.monotonic() - began
        kills += code == KILLED
        assert integrity(tmp_path) == "ok"
        expected.took(command, acknowledged=code == 0)
        found, unreadable = look(tmp_path)
        assert not unreadable
        known = read_identity(tmp_path)
        assert known is not None
        assert known.id == (identity := identity or known.id)
        expected.hold_of(found, known.paused, tmp_path)
        if code == 0 or command.kind in ("move", "retry") or rng.random() < 0.5:
            _settle(tmp_path, expected)
    assert rotui("queue", "resume", runs=tmp_path) == 0
    expected.paused = {False}
    _settle(tmp_path, expected)


@pytest.mark.parametrize(
    ("failpoint", "is_whole"),
    [
        *((f"staged:{number}", False) for number in (1, 3, 6)),
        ("before-commit", False),
        ("committed", True),
        *((f"revealed:{number}", True) for number in (1, 3, 6)),
    ],
)
def test_a_sweep_that_is_killed_there_is_whole_after_the_next_command_or_not_there(
    rotui: Commands, tmp_path: Path, failpoint: str, is_whole: bool
) -> None:
    assert rotui(*ADD, runs=tmp_path) == 0
    assert rotui(*ADD, "--set", "seed=1,2,3", runs=tmp_path, failpoint=failpoint) == KILLED
    assert integrity(tmp_path) == "ok"
    assert {1, 2} <= statuses(tmp_path).keys()
    assert rotui("queue", "note", "1", "--text", "next", runs=tmp_path) == 0
    assert list(statuses(tmp_path)) == ([*range(1, 9)] if is_whole else [1, 2])
    assert not list(tmp_path.glob(".[0-9]*"))
    assert rotui(*ADD, "--set", "seed=1,2,3", "--json", runs=tmp_path) == 0
    states = [json.loads(line)["state"] for line in rotui.log.read_text().splitlines()]
    assert states == ["joined" if is_whole else "queued"] * 6
    assert len(statuses(tmp_path)) == 8


@pytest.mark.parametrize("number", [1, 3, 6])
def test_a_sweep_whose_settling_is_killed_again_and_again_is_whole_in_the_end(
    rotui: Commands, tmp_path: Path, number: int
) -> None:
    assert rotui(*ADD, "--set", "seed=1,2,3", runs=tmp_path, failpoint="committed") == KILLED
    shown = 0
    while shown + number <= 6:
        assert rotui("queue", "pause", runs=tmp_path, failpoint=f"settled:{number}") == KILLED
        shown += number
        assert len(statuses(tmp_path)) == shown
        assert integrity(tmp_path) == "ok"
    assert rotui("queue", "pause", runs=tmp_path) == 0
    assert list(statuses(tmp_path)) == [*range(1, 7)]
    assert not list(tmp_path.glob(".[0-9]*"))


@pytest.mark.parametrize(("failpoint", "left"), [("committed", 2), ("revealed:3", 8)])
def test_no_half_sweep_is_there_where_the_database_is_lost_as_well(
    rotui: Commands, tmp_path: Path, failpoint: str, left: int
) -> None:
    assert rotui(*ADD, runs=tmp_path) == 0
    assert rotui(*ADD, "--set", "seed=1,2,3", runs=tmp_path, failpoint=failpoint) == KILLED
    for file in tmp_path.glob(f"{DATABASE}*"):
        file.unlink()
    assert rotui("queue", "note", "1", "--text", "next", runs=tmp_path) == 0
    assert len(statuses(tmp_path)) == left
    assert not list(tmp_path.glob(".[0-9]*"))


CHANGES = {
    "cancel": (["cancel", "1", "2"], "cancelled", True),
    "hold": (["hold", "1", "2"], "held", True),
    "release": (["release", "1", "2"], "held", False),
    "note": (["note", "1", "2", "--text", "new"], "note", "new"),
    "tag": (["tag", "1", "2", "--add", "new", "--remove", "old"], "tags", ("new",)),
    "priority": (["move", "1", "2", "--priority", "7"], "priority", 7),
    "retry": (["retry", "1", "2"], "held", False),
}


@pytest.mark.parametrize("failpoint", ["before-commit", "committed"])
@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_that_is_killed_there_reads_the_same_before_and_after_the_next_command(
    rotui: Commands, tmp_path: Path, kind: str, failpoint: str
) -> None:
    words, key, value = CHANGES[kind]
    assert rotui(*ADD, "--tag", "old", "--hold", "--note", "old", runs=tmp_path) == 0
    assert rotui("queue", *words, runs=tmp_path, failpoint=failpoint) == KILLED
    assert integrity(tmp_path) == "ok"
    seen = look(tmp_path)[0]
    if failpoint == "committed":
        assert [getattr(_entry(tmp_path, run.name), key) for run in seen] == [value] * 2
    assert rotui("queue", "pause", runs=tmp_path) == 0
    assert look(tmp_path)[0] == seen
    assert rotui("queue", *words, runs=tmp_path) == 0
    assert [getattr(_entry(tmp_path, run.name), key) for run in look(tmp_path)[0]] == [value] * 2
    with Database(tmp_path / DATABASE).reading() as connection:
        assert connection is not None
        entries = [json.loads(row.entry)[key] for row in load_rows(connection).values()]
        assert entries == [list(value) if isinstance(value, tuple) else value] * 2


@pytest.mark.parametrize("failpoint", ["before-commit", "committed"])
def test_a_pause_that_is_killed_there_is_kept_or_not_but_its_resume_is(
    rotui: Commands, tmp_path: Path, failpoint: str
) -> None:
    assert rotui(*ADD, runs=tmp_path) == 0
    assert rotui("queue", "pause", runs=tmp_path, failpoint=failpoint) == KILLED
    assert rotui("queue", "pause", runs=tmp_path) == 0
    assert rotui("queue", "list", runs=tmp_path) == 0
    assert "the queue is paused" in rotui.log.read_text()
    assert rotui("queue", "resume", runs=tmp_path, failpoint=failpoint) == KILLED
    assert rotui("queue", "resume", runs=tmp_path) == 0
    assert rotui("queue", "list", runs=tmp_path) == 0
    assert "paused" not in rotui.log.read_text()


@pytest.mark.parametrize(
    "failpoint", ["begun:1", "begun:2", "before-commit:1", "before-commit:2", "committed:1", "committed:2"]
)
def test_a_worker_that_is_killed_there_leaves_runs_that_end_with_the_same_bytes(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path, failpoint: str
) -> None:
    assert rotui(*ADD, runs=tmp_path) == 0
    assert rotui(*WORK, runs=tmp_path, failpoint=failpoint) == KILLED
    assert integrity(tmp_path) == "ok"
    assert set(statuses(tmp_path).values()) <= {"queued", "interrupted", "finished"}
    assert rotui(*WORK, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path) == unbroken
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_change_goes_on_when_who_held_the_writer_lock_is_killed(rotui: Commands, tmp_path: Path) -> None:
    """Six sweeps at once, two of them killed while they hold the lock; the other four are whole."""
    adds = [
        rotui.start(
            "queue",
            "add",
            *SMALL,
            "--set",
            'stages=["supervised-random"]',
            "--set",
            f"seed=range({10 * number},{10 * number + 3})",
            runs=tmp_path,
            failpoint="staged:2" if number in (1, 4) else "",
        )
        for number in range(6)
    ]
    codes = [add.wait(PATIENCE) for add in adds]
    assert codes == [KILLED if number in (1, 4) else 0 for number in range(6)]
    assert rotui("queue", "pause", runs=tmp_path) == 0
    seeds = sorted(run.seed for run in look(tmp_path)[0])
    assert seeds == [10 * number + each for number in (0, 2, 3, 5) for each in range(3)]
    assert len(statuses(tmp_path)) == 12
    assert integrity(tmp_path) == "ok"
