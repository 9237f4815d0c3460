"""Runs that another process trains, told as events: begun, written and ended here as it would."""

from collections.abc import Callable
from pathlib import Path

import pytest
from begun_runs import queue_run

from rotui.store.layout import PROGRESS
from rotui.store.live_progress import ProgressWriter, read_progress
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.store.session import look
from rotui.store.watching import Watcher
from rotui.study.events import (
    EpochEnded,
    Event,
    RunContinued,
    RunFailed,
    RunFinished,
    RunPaused,
    RunSkipped,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord, RunResult


class Watching:
    """A watcher, and what it posted at its last look."""

    def __init__(self, runs_dir: Path, only: set[str] | None = None) -> None:
        self._runs_dir = runs_dir
        self._events: list[Event] = []
        self.watcher = Watcher(runs_dir, only, self._events.append)

    def look(self) -> list[Event]:
        self._events.clear()
        self.watcher.look(look(self._runs_dir)[0])
        return list(self._events)


@pytest.fixture
def queued(tmp_path: Path, planned: PlannedRun) -> Path:
    return queue_run(tmp_path / "runs", planned)


@pytest.fixture
def watching(queued: Path) -> Watching:
    return Watching(queued.parent)


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_a_run_is_told_from_its_begin_to_its_end_and_everything_once(
    queued: Path,
    watching: Watching,
    planned: PlannedRun,
    epoch: Callable[..., EpochRecord],
    result: RunResult,
) -> None:
    assert watching.look() == []
    directory = RunDirectory.begin(queued)
    assert watching.look() == [RunStarted(planned, queued.name)]
    assert watching.look() == []
    for number in (1, 2):
        directory.append_epoch(epoch(number, 10.0 * number))
        assert watching.look() == [EpochEnded(planned, epoch(number, 10.0 * number))]
    assert watching.look() == []
    directory.finish(result, "")
    assert watching.look() == [RunFinished(planned, result)]
    assert watching.look() == []


def test_epochs_that_were_there_when_the_watch_began_are_told_as_restored(
    queued: Path, watching: Watching, epoch: Callable[..., EpochRecord]
) -> None:
    directory = RunDirectory.begin(queued)
    for number in (1, 2, 3):
        directory.append_epoch(epoch(number))
    started, *epochs = watching.look()
    assert isinstance(started, RunStarted)
    assert [(event.record.epoch, event.restored) for event in epochs] == [(1, True), (2, True), (3, False)]
    directory.append_epoch(epoch(4))
    assert [event.restored for event in watching.look()] == [False]
    directory.close()


@pytest.mark.parametrize(
    ("end", "kind"), [(RunDirectory.fail, RunFailed), (RunDirectory.stop, RunStopped)], ids=["fail", "stop"]
)
def test_how_a_run_ended_is_told_with_the_reason(
    queued: Path,
    watching: Watching,
    planned: PlannedRun,
    end: Callable[[RunDirectory, str], None],
    kind: type[RunFailed | RunStopped],
) -> None:
    directory = RunDirectory.begin(queued)
    watching.look()
    end(directory, "loss is nan")
    assert watching.look() == [kind(planned, "loss is nan")]
    assert watching.look() == []


def test_a_run_whose_process_died_is_told_as_stopped(queued: Path, watching: Watching) -> None:
    directory = RunDirectory.begin(queued)
    watching.look()
    directory.close()
    assert kinds(watching.look()) == [RunStopped]
    assert watching.look() == []


def test_a_wait_for_room_and_its_end_are_told(queued: Path, watching: Watching, planned: PlannedRun) -> None:
    directory = RunDirectory.begin(queued)
    watching.look()
    directory.pause("waits for room: 2 MB")
    assert watching.look() == [RunPaused(planned, "waits for room: 2 MB")]
    assert watching.look() == []
    directory.go_on()
    assert watching.look() == [RunContinued(planned)]
    directory.close()


def test_a_run_that_waits_for_room_when_the_watch_begins_is_told_as_begun_and_paused(
    queued: Path, watching: Watching
) -> None:
    directory = RunDirectory.begin(queued)
    directory.pause("waits for room")
    assert kinds(watching.look()) == [RunStarted, RunPaused]
    directory.close()


def test_a_run_that_is_taken_up_again_is_told_again_without_its_old_epochs(
    queued: Path, watching: Watching, epoch: Callable[..., EpochRecord]
) -> None:
    directory = RunDirectory.begin(queued)
    directory.append_epoch(epoch(1))
    watching.look()
    directory.stop("asked")
    watching.look()
    directory = RunDirectory.begin(queued)
    directory.append_epoch(epoch(2))
    started, ended = watching.look()
    assert isinstance(started, RunStarted)
    assert isinstance(ended, EpochEnded)
    assert ended.record.epoch == 2
    directory.close()


def test_steps_are_told_from_what_the_other_process_leaves_word_of(
    queued: Path, watching: Watching, planned: PlannedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    directory = RunDirectory.begin(queued)
    writer = ProgressWriter(queued)
    watching.look()
    for step in range(1, 6):
        now[0] += 0.5
        writer(1, step, 8, 128)
    assert watching.look() == [StepEnded(planned, 1, 4, 8, 256)]  # word is left once a second
    assert watching.look() == []
    progress = read_progress(queued)
    assert progress is not None
    assert (progress.images_per_second, progress.seconds_per_epoch) == (256.0, 4.0)
    for content in (b"", b"{", b"[1]", b'{"epoch": 1}', b'{"more": 1}', b"\xff"):
        (queued / PROGRESS).write_bytes(content)
        assert watching.look() == []
    directory.stop("asked")
    writer.remove()
    assert not (queued / PROGRESS).exists()


def test_word_of_steps_that_a_dead_process_left_is_not_told(queued: Path, watching: Watching) -> None:
    directory = RunDirectory.begin(queued)
    watching.look()
    (queued / PROGRESS).write_text(
        '{"epoch": 1, "step": 1, "steps": 2, "images_per_second": 1.0, "seconds_per_epoch": 1.0}'
    )
    directory.fail("loss is nan")
    assert kinds(watching.look()) == [RunFailed]


def test_only_runs_that_are_asked_for_or_going_on_are_told(
    tmp_path: Path, planned: PlannedRun, queued: Path
) -> None:
    others = [queue_run(tmp_path / "runs", planned) for _ in range(2)]
    everything, first = Watching(queued.parent), Watching(queued.parent, {queued.name})
    going_on = [RunDirectory.begin(path) for path in (queued, others[0])]
    assert [event.directory for event in everything.look()] == [queued.name, others[0].name]
    assert [event.directory for event in first.look()] == [queued.name]
    for directory in going_on:
        directory.fail("loss is nan")
    assert kinds(everything.look()) == [RunFailed, RunFailed]
    assert kinds(first.look()) == [RunFailed]
    assert Watching(queued.parent).look() == []


def test_runs_that_this_process_trains_are_left_out(queued: Path, watching: Watching) -> None:
    watching.watcher.own.add(queued.name)
    directory = RunDirectory.begin(queued)
    assert watching.look() == []
    directory.fail("loss is nan")
    assert watching.look() == []


def test_what_is_asked_for_and_held_or_cancelled_or_skipped_is_told_once(
    queued: Path, planned: PlannedRun
) -> None:
    watching, queue = Watching(queued.parent, {queued.name}), Queue(queued.parent, print)
    queue.hold([queued.name])
    assert watching.look() == [RunSkipped(planned, "held")]
    assert watching.look() == []
    queue.cancel([queued.name])
    assert watching.look() == [RunSkipped(planned, "cancelled")]
    queue.retry([queued.name])
    assert watching.look() == []
    queue.hold([queued.name])
    assert watching.look() == [RunSkipped(planned, "held")]


def test_what_starts_from_a_failed_run_is_told_as_skipped_with_the_reason(
    tmp_path: Path, planned: PlannedRun, queued: Path
) -> None:
    child = queue_run(tmp_path / "runs", planned, parent_run=queued.name)
    watching = Watching(queued.parent, {queued.name, child.name})
    RunDirectory.begin(queued).fail("loss is nan")
    assert watching.look() == [
        RunFailed(planned, "loss is nan"),
        RunSkipped(planned, "run 1, which it starts from, failed"),
    ]


def test_a_run_that_ended_before_the_watch_began_is_told_with_its_epochs_if_it_is_asked_for(
    tmp_path: Path, finished: RunDirectory
) -> None:
    events = Watching(tmp_path / "runs", {finished.name}).look()
    assert kinds(events) == [EpochEnded, EpochEnded, RunFinished]
    assert Watching(tmp_path / "runs").look() == []


def test_a_run_that_is_gone_is_no_longer_told(queued: Path, watching: Watching) -> None:
    directory = RunDirectory.begin(queued)
    watching.look()
    directory.close()
    queued.rename(queued.parent / ".gone")
    assert watching.look() == []
