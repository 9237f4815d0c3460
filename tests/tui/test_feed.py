"""The feed: the newest snapshot of a runs directory, read again only where something changed."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sample_runs import PATIENCE, Console, begin, curve, finish, in_console, queue_profiles, refresh, small

import rotui.tui.live.feed
import rotui.tui.live.snapshot_reader
from rotui.store.layout import DATABASE, METRICS, PROGRESS, STATE, STORE
from rotui.store.queue import Queue
from rotui.store.session import look
from rotui.study.machine import Machine
from rotui.tui.live.feed import Feed
from rotui.tui.live.messages import TrainerChanged
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.live.snapshot_reader import SnapshotReader
from rotui.tui.live.trainer import Trainer

HERE = Machine("box", 1)
MEASURED = {"host": "box", "device": "cpu", "device_name": "processor", "threads": 1}
TRAIN = """
import sys
from pathlib import Path
from rotui.store.run_directory import RunDirectory
directory = RunDirectory.begin(Path(sys.argv[1]))
print("begun", flush=True)
sys.stdin.read()
"""


class Fed(Feed):
    """A feed whose snapshots are kept."""

    def __init__(self, runs_dir: Path) -> None:
        super().__init__(runs_dir, HERE, self._keep)
        self.snapshots: list[Snapshot] = []
        self.looks: list[None] = []

    def _keep(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    @property
    def newest(self) -> Snapshot:
        return self.snapshots[-1] if self.snapshots else Snapshot()

    def until(self, holds: Callable[[Snapshot], object]) -> Snapshot:
        """Waits for a snapshot of which something is so."""
        end = time.monotonic() + PATIENCE
        while not holds(self.newest):
            assert time.monotonic() < end, f"never came about: {self.newest}"
            time.sleep(0.005)
        return self.newest

    def rest(self) -> None:
        """Waits until it has looked a few times more."""
        looks = len(self.looks)
        self.until(lambda _: len(self.looks) > looks + 4 or not self._thread.is_alive())
        assert self._thread.is_alive()


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def feed(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fed]:
    """A feed that has begun, looks often and counts its looks."""
    made, read = Fed(runs_dir), SnapshotReader.read

    def counted(reader: SnapshotReader, wanted: frozenset[str]) -> Snapshot:
        made.looks.append(None)
        return read(reader, wanted)

    monkeypatch.setattr(SnapshotReader, "read", counted)
    monkeypatch.setattr(rotui.tui.live.feed, "SECONDS", 0.01)
    made.start()
    yield made
    made.stop()
    made._thread.join(PATIENCE)
    assert not made._thread.is_alive()


def progress(**values: object) -> str:
    told = {"epoch": 2, "step": 1, "steps": 2, "images_per_second": 9.0, "seconds_per_epoch": 3.0}
    return json.dumps({**told, **values})


def statuses(snapshot: Snapshot) -> list[str]:
    return [run.status for run in snapshot.runs]


def test_a_directory_that_is_not_there_has_no_runs_until_one_is_queued(runs_dir: Path, feed: Fed) -> None:
    assert feed.until(lambda told: told.version).runs == ()
    queue_profiles(runs_dir, small(1))
    told = feed.until(lambda told: told.runs)
    assert told.queue == told.runs
    assert told.ready == {told.runs[0].name}


def test_a_snapshot_is_posted_and_the_runs_are_read_only_when_something_changed(
    runs_dir: Path, feed: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    feed.until(lambda told: told.runs)
    feed.rest()
    reads: list[Path] = []

    def counted(folder: Path) -> object:
        reads.append(folder)
        return look(folder)

    monkeypatch.setattr(rotui.tui.live.snapshot_reader, "look", counted)
    posts = len(feed.snapshots)
    feed.rest()
    assert (len(feed.snapshots), reads) == (posts, [])
    Queue(runs_dir, print).note([name], "seen")
    feed.until(lambda told: told.runs[0].note == "seen")
    feed.rest()
    posts = len(feed.snapshots)
    reads.clear()
    feed.rest()
    assert (len(feed.snapshots), reads) == (posts, [])


def test_a_version_rises_with_the_runs_and_only_then(runs_dir: Path, feed: Fed) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    going_on = begin(runs_dir / name, curve(1))
    refresh(runs_dir)
    feed.until(lambda told: statuses(told) == ["running"])
    feed.rest()
    version = feed.newest.version
    (runs_dir / name / PROGRESS).write_text(progress())
    told = feed.until(lambda told: told.live)
    assert (told.version, told.live[name].images_per_second) == (version, 9.0)
    going_on.append_epoch(curve(2)[1])
    told = feed.until(lambda told: told.runs[0].epochs == 2)
    assert told.version > version
    assert told.queue == told.runs
    feed.rest()
    assert feed.newest.version == told.version
    going_on.close()


def test_an_epoch_more_is_listed_without_looking_at_the_other_runs(
    runs_dir: Path, feed: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = queue_profiles(runs_dir, small(1), small(2), small(3))
    going_on, beside = begin(runs_dir / first, curve(1)), begin(runs_dir / second, curve(2))
    refresh(runs_dir)
    feed.until(lambda told: statuses(told) == ["running", "running", "queued"])
    feed.rest()
    reads: list[Path] = []

    def counted(folder: Path) -> object:
        reads.append(folder)
        return look(folder)

    monkeypatch.setattr(rotui.tui.live.snapshot_reader, "look", counted)
    going_on.append_epoch(curve(2, 50.0)[1])
    told = feed.until(lambda told: told.runs[0].epochs == 2)
    assert reads == []
    looked, _ = look(runs_dir)
    assert told.runs == tuple(looked)
    assert [run.name for run in told.queue] == [first, second, third]
    assert told.queue[0] == told.runs[0]
    assert told.run(first) == looked[0]
    feed.rest()
    assert feed.newest is told
    for directory in (going_on, beside):
        directory.close()
    assert feed.until(lambda told: "running" not in statuses(told)).runs[0].epochs == 2


def test_damage_to_the_epochs_of_a_run_that_goes_on_is_told_and_so_is_their_return(
    runs_dir: Path, feed: Fed
) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    going_on = begin(runs_dir / name, curve(3))
    refresh(runs_dir)
    feed.until(lambda told: statuses(told) == ["running"] and told.runs[0].epochs == 3)
    whole = (runs_dir / name / METRICS).read_bytes()
    (runs_dir / name / METRICS).write_bytes(b"damaged\n")
    assert METRICS in feed.until(lambda told: told.unreadable).unreadable[0]
    (runs_dir / name / METRICS).write_bytes(whole)
    feed.look_now(afresh=True)
    assert feed.until(lambda told: not told.unreadable).runs[0].epochs == 3
    going_on.close()


def test_epochs_that_were_trained_again_are_listed_as_they_are_now(runs_dir: Path, feed: Fed) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    going_on = begin(runs_dir / name, curve(3, 90.0))
    refresh(runs_dir)
    feed.until(lambda told: statuses(told) == ["running"] and told.runs[0].epochs == 3)
    again = curve(3, 40.0)
    going_on.rewrite_epochs(again)
    best = max(epoch.validation_accuracy for epoch in again)
    told = feed.until(lambda told: told.runs[0].best == best)
    assert (told.runs[0].epochs, told.queue) == (3, told.runs)
    going_on.close()


def test_a_feed_that_holds_back_looks_when_it_is_told_to(
    runs_dir: Path, feed: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    feed.until(lambda told: told.runs)
    monkeypatch.setattr(rotui.tui.live.feed, "HELD_BACK_SECONDS", 10 * PATIENCE)
    monkeypatch.setattr(rotui.tui.live.feed, "EAGER_SECONDS", 0.0)
    feed.hold_back(True)
    end, before = time.monotonic() + PATIENCE, -1
    while len(feed.looks) > before:
        assert time.monotonic() < end
        before = len(feed.looks)
        time.sleep(0.2)
    Queue(runs_dir, print).note([name], "seen")
    time.sleep(0.1)
    assert feed.newest.runs[0].note == ""
    monkeypatch.setattr(rotui.tui.live.feed, "EAGER_SECONDS", 10 * PATIENCE)
    feed.look_now()
    feed.until(lambda told: told.runs[0].note == "seen")
    feed.rest()


def test_a_console_that_trains_on_the_processor_looks_seldom_and_where_its_worker_changes(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_profiles(runs_dir, small(1))
    looks, read = list[None](), SnapshotReader.read

    def counted(reader: SnapshotReader, wanted: frozenset[str]) -> Snapshot:
        looks.append(None)
        return read(reader, wanted)

    async def rests(console: Console) -> bool:
        before = len(looks)
        await console.pilot.pause(0.3)
        return len(looks) == before

    async def check(console: Console) -> None:
        await console.until(lambda: len(looks) > 5)
        monkeypatch.setattr(Trainer, "current", ("0001-small",))
        console.app.trainer.takes_processor = True
        console.app.post_message(TrainerChanged())
        end = time.monotonic() + PATIENCE
        while not await rests(console):
            assert time.monotonic() < end
        before = len(looks)
        console.app.post_message(TrainerChanged())
        await console.until(lambda: len(looks) == before + 1)
        monkeypatch.setattr(Trainer, "current", ())
        console.app.post_message(TrainerChanged())
        await console.until(lambda: len(looks) > before + 5)

    monkeypatch.setattr(SnapshotReader, "read", counted)
    monkeypatch.setattr(rotui.tui.live.feed, "SECONDS", 0.01)
    monkeypatch.setattr(rotui.tui.live.feed, "HELD_BACK_SECONDS", 10 * PATIENCE)
    monkeypatch.setattr(rotui.tui.live.feed, "EAGER_SECONDS", 0.0)
    in_console(runs_dir, check)


def test_a_run_that_waits_for_room_is_told_though_only_its_own_file_changed(
    runs_dir: Path, feed: Fed
) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    going_on = begin(runs_dir / name, curve(1))
    refresh(runs_dir)
    feed.until(lambda told: statuses(told) == ["running"])
    feed.rest()
    going_on.pause("the disk is full")
    told = feed.until(lambda told: statuses(told) == ["paused"])
    assert told.runs[0].reason == "the disk is full"
    going_on.close()


def test_a_run_that_comes_while_the_others_are_read_is_seen_the_next_time(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = SnapshotReader(runs_dir, HERE)
    queue_profiles(runs_dir, small(1))

    def look_and_queue(folder: Path) -> object:
        found = look(folder)
        if len(found[0]) == 1:
            queue_profiles(runs_dir, small(2))
        return found

    monkeypatch.setattr(rotui.tui.live.snapshot_reader, "look", look_and_queue)
    assert [len(reader.read(frozenset()).runs) for _ in range(3)] == [1, 2, 2]


def test_a_run_whose_process_was_killed_is_interrupted_though_no_file_changed(
    runs_dir: Path, feed: Fed
) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    words = [sys.executable, "-c", TRAIN, str(runs_dir / name)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        refresh(runs_dir)
        told = feed.until(lambda told: statuses(told) == ["running"])
        assert told.ready == frozenset()
        feed.rest()
        before = files(runs_dir / name)
        process.kill()
    told = feed.until(lambda told: statuses(told) == ["interrupted"])
    assert files(runs_dir / name) == before
    assert told.ready == {name}
    assert told.active == ()


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and the time it was changed."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_epochs_are_read_of_what_goes_on_and_of_what_is_wanted(runs_dir: Path, feed: Fed) -> None:
    first, second = queue_profiles(runs_dir, small(1), small(2))
    finish(runs_dir / first)
    going_on = begin(runs_dir / second, curve(3))
    refresh(runs_dir)
    feed.until(lambda told: {name: len(epochs) for name, epochs in told.epochs.items()} == {second: 3})
    feed.want(frozenset({first, "0099-nowhere"}))
    told = feed.until(lambda told: first in told.epochs)
    assert {name: len(epochs) for name, epochs in told.epochs.items()} == {first: 50, second: 3}
    going_on.append_epoch(curve(4)[3])
    assert feed.until(lambda told: len(told.epochs[second]) == 4).epochs[second][3].epoch == 4
    whole = (runs_dir / first / METRICS).read_text()
    for damaged in ("damaged\n", f"{whole.splitlines()[0]}\ndamaged\n"):
        (runs_dir / first / METRICS).write_text(damaged)
        feed.until(lambda told: told.epochs.get(first) == ())
        (runs_dir / first / METRICS).write_text(whole)
        feed.until(lambda told: len(told.epochs[first]) == 50)
    going_on.close()


def test_what_can_begin_and_when_each_run_is_done_are_told(runs_dir: Path, feed: Fed) -> None:
    threads = {"compute": {"threads": 1}}
    names = queue_profiles(runs_dir, small(1, **threads), small(2, **threads), small(3, **threads))
    (pretrain, tuned) = queue_profiles(runs_dir, small(4, stages=("finetune-pretrained",)))
    finish(runs_dir / names[0], **MEASURED)
    Queue(runs_dir, print).hold([names[1]])
    told = feed.until(lambda told: told.arrivals and told.ready == {names[2], pretrain})
    assert told.arrivals == {names[2]: pytest.approx(50 * 61.5)}
    assert told.seconds_left is None
    Queue(runs_dir, print).cancel([pretrain, tuned])
    assert feed.until(lambda told: told.seconds_left).seconds_left == pytest.approx(50 * 61.5)


def test_a_paused_queue_is_told_and_a_damaged_word_of_it_is_none(runs_dir: Path, feed: Fed) -> None:
    queue_profiles(runs_dir, small(1))
    Queue(runs_dir, print).pause()
    feed.until(lambda told: told.paused)
    (runs_dir / STORE).write_text("{")
    told = feed.until(lambda told: not told.paused)
    assert (told.trouble, len(told.runs)) == ("", 1)


def test_directories_that_cannot_be_read_are_told_beside_the_others(runs_dir: Path, feed: Fed) -> None:
    first, second = queue_profiles(runs_dir, small(1), small(2))
    feed.until(lambda told: len(told.runs) == 2)
    (runs_dir / "0009-damaged").mkdir()
    (runs_dir / "0009-damaged" / STATE).write_text("{")
    told = feed.until(lambda told: told.unreadable)
    assert "0009-damaged" in told.unreadable[0]
    assert [run.name for run in told.runs] == [first, second]
    (runs_dir / "0009-damaged").rename(runs_dir.parent / "elsewhere")
    feed.until(lambda told: not told.unreadable)


def test_a_directory_that_cannot_be_used_is_told_and_then_seen_again(runs_dir: Path, feed: Fed) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    feed.until(lambda told: told.ready)
    aside = runs_dir.parent / DATABASE
    (runs_dir / DATABASE).rename(aside)
    with closing(sqlite3.connect(runs_dir / DATABASE)) as newer:
        newer.execute("PRAGMA user_version = 99")
    told = feed.until(lambda told: told.trouble)
    assert "newer" in told.trouble
    assert told.ready == frozenset()
    assert [run.name for run in told.runs] == [name]
    feed.rest()
    posts = len(feed.snapshots)
    feed.rest()
    assert len(feed.snapshots) == posts
    aside.rename(runs_dir / DATABASE)
    told = feed.until(lambda told: not told.trouble)
    assert (told.ready, len(told.queue)) == ({name}, 1)


@pytest.mark.parametrize("word", ["[]", progress(steps=0), progress(epoch="x")], ids=["list", "zero", "text"])
def test_word_of_progress_that_makes_no_sense_does_not_end_the_feed(
    runs_dir: Path, feed: Fed, word: str
) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    going_on = begin(runs_dir / name, curve(1))
    refresh(runs_dir)
    feed.until(lambda told: told.active)
    (runs_dir / name / PROGRESS).write_text(word)
    feed.rest()
    (runs_dir / name / PROGRESS).write_text(progress())
    feed.until(lambda told: told.live)
    going_on.close()
