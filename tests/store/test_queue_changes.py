"""What users change of the queue: on disk when the call returns, or refused with nothing changed."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rotui.errors import InputError, StoreError
from rotui.profile.schema import Profile
from rotui.store import session
from rotui.store.adding import Wishes, add_plan
from rotui.store.claiming import claim
from rotui.store.listing import ListedRun
from rotui.store.ordering import in_turn
from rotui.store.queue import Place, Queue, check_note, check_tags
from rotui.store.queue_entry import read_entry
from rotui.store.run_directory import RunDirectory
from rotui.store.session import look, writer_lock
from rotui.study.planning import Plan, Point, plan
from rotui.study.records import EpochRecord, RunResult


def study(*seeds: int) -> Plan:
    return plan(Point(Profile(name="small", stages=("supervised-random",), seed=seed)) for seed in seeds)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Four queued runs, numbered 1 to 4."""
    add_plan(tmp_path / "runs", study(0, 1, 2, 3), Wishes(note="kept", tags=("a", "b")), {}, print)
    return tmp_path / "runs"


@pytest.fixture
def queue(runs_dir: Path) -> Queue:
    return Queue(runs_dir, print)


@pytest.fixture
def names(runs_dir: Path) -> list[str]:
    """The runs' names; `names[n]` is that of run n, `names[0]` of none."""
    return ["", *(run.name for run in look(runs_dir)[0])]


@pytest.fixture
def end(
    runs_dir: Path, epoch: Callable[..., EpochRecord], result: RunResult
) -> Callable[[str, str], RunDirectory]:
    """Begins a run and has it end in the state that is asked for."""

    def end(name: str, status: str) -> RunDirectory:
        directory = claim(runs_dir, {name}, lambda _: "", print).directory
        assert directory is not None
        if status == "finished":
            directory.append_epoch(epoch(1))
            (directory.path / "model.safetensors").write_bytes(b"weights")
            directory.finish(result, "")
        elif status == "failed":
            directory.fail("loss is nan")
        elif status == "stopped":
            directory.stop("asked")
        return directory

    return end


def order(runs_dir: Path) -> list[int]:
    return [run.number for run in in_turn(look(runs_dir)[0])]


def run(runs_dir: Path, name: str) -> ListedRun:
    return next(run for run in look(runs_dir)[0] if run.name == name)


def wishes(runs_dir: Path) -> dict[str, bytes]:
    """What is on disk of what users want."""
    of_runs = [path for name in ("queue", "state") for path in runs_dir.glob(f"[0-9]*/{name}.json")]
    found = [*of_runs, runs_dir / ".store.json"]
    return {str(path.relative_to(runs_dir)): path.read_bytes() for path in found}


def test_notes_tags_priority_and_holds_are_on_disk_at_once(
    runs_dir: Path, queue: Queue, names: list[str]
) -> None:
    queue.note(names[1:3], "naïve [bold]\n\x1b[31m")
    queue.tag(names[1:3], ["c", "a", "c"], ["b"])
    queue.prioritise([names[2]], -4)
    queue.hold([names[3]])
    entry = read_entry(runs_dir / names[2])
    assert entry is not None
    assert (entry.note, entry.tags, entry.priority) == ("naïve [bold]\n\x1b[31m", ("a", "c"), -4)
    assert (run(runs_dir, names[2]).note, run(runs_dir, names[2]).tags) == (entry.note, entry.tags)
    assert [each.status for each in look(runs_dir)[0]] == ["queued", "queued", "held", "queued"]
    assert order(runs_dir) == [1, 4, 2]
    queue.release([names[3]])
    queue.note([names[1]], "")
    queue.tag([names[4]], [], ["a", "nowhere"])
    assert [each.status for each in look(runs_dir)[0]] == ["queued"] * 4
    assert [each.tags for each in look(runs_dir)[0][2:]] == [("a", "b"), ("b",)]
    assert run(runs_dir, names[1]).note == ""


@pytest.mark.parametrize("status", ["finished", "failed", "stopped"])
def test_a_run_that_is_over_takes_notes_and_tags(
    runs_dir: Path, queue: Queue, names: list[str], end: Callable[[str, str], RunDirectory], status: str
) -> None:
    end(names[1], status)
    queue.note([names[1]], "the best")
    queue.tag([names[1]], ["paper"], [])
    assert (run(runs_dir, names[1]).note, run(runs_dir, names[1]).tags) == ("the best", ("a", "b", "paper"))
    assert run(runs_dir, names[1]).status == status


def test_a_pause_lasts_until_the_queue_is_resumed(runs_dir: Path, queue: Queue) -> None:
    queue.pause()
    assert json.loads((runs_dir / ".store.json").read_text())["paused"] is True
    Queue(runs_dir, print).note([], "")
    add_plan(runs_dir, study(9), Wishes(), {}, print)
    assert claim(runs_dir, None, lambda _: "", print).paused
    queue.resume()
    assert json.loads((runs_dir / ".store.json").read_text())["paused"] is False
    assert not claim(runs_dir, None, lambda _: "", print).paused


def test_what_is_cancelled_is_out_of_the_queue_until_it_is_retried(
    runs_dir: Path, queue: Queue, names: list[str], end: Callable[[str, str], RunDirectory]
) -> None:
    end(names[2], "stopped")
    queue.cancel(names[1:3])
    assert [each.status for each in look(runs_dir)[0]] == ["cancelled", "cancelled", "queued", "queued"]
    assert order(runs_dir) == [3, 4]
    queue.retry(names[1:3])
    assert [each.status for each in look(runs_dir)[0]] == ["queued", "stopped", "queued", "queued"]
    assert order(runs_dir) == [1, 2, 3, 4]
    assert run(runs_dir, names[1]).note == "kept"


def test_a_failed_run_that_is_retried_waits_at_its_old_place(
    runs_dir: Path, queue: Queue, names: list[str], end: Callable[[str, str], RunDirectory]
) -> None:
    end(names[1], "failed")
    assert order(runs_dir) == [2, 3, 4]
    queue.retry([names[1]])
    assert order(runs_dir) == [1, 2, 3, 4]
    assert run(runs_dir, names[1]).reason == ""


def test_what_is_being_trained_can_be_cancelled_held_and_noted_while_it_is(
    runs_dir: Path, queue: Queue, names: list[str], end: Callable[[str, str], RunDirectory]
) -> None:
    directory = end(names[1], "")
    state = (directory.path / "state.json").read_bytes()
    queue.note([names[1]], "soon over")
    queue.cancel([names[1]])
    queue.hold([names[1]])
    entry = read_entry(directory.path)
    assert entry is not None
    assert (entry.cancelled, entry.held, entry.note) == (True, True, "soon over")
    assert (directory.path / "state.json").read_bytes() == state
    assert run(runs_dir, names[1]).status == "running"
    directory.stop("cancelled")
    assert run(runs_dir, names[1]).status == "cancelled"


@pytest.mark.parametrize("status", ["finished", "failed"])
@pytest.mark.parametrize("refused", [Queue.cancel, Queue.hold])
def test_what_has_ended_cannot_be_cancelled_or_held_and_nothing_is_changed(
    runs_dir: Path,
    queue: Queue,
    names: list[str],
    end: Callable[[str, str], RunDirectory],
    status: str,
    refused: Callable[[Queue, list[str]], None],
) -> None:
    end(names[2], status)
    before = wishes(runs_dir)
    with pytest.raises(InputError, match=f"run 2 is {status} already"):
        refused(queue, [names[1], names[2], names[3]])
    assert wishes(runs_dir) == before


def test_what_is_finished_cannot_be_retried_and_nothing_is_changed(
    runs_dir: Path, queue: Queue, names: list[str], end: Callable[[str, str], RunDirectory]
) -> None:
    end(names[1], "failed")
    end(names[2], "finished")
    queue.cancel([names[3]])
    before = wishes(runs_dir)
    with pytest.raises(InputError, match="run 2 is finished"):
        queue.retry([names[1], names[3], names[2]])
    assert wishes(runs_dir) == before
    assert order(runs_dir) == [4]


@pytest.mark.parametrize(
    ("moved", "place", "beside", "expected"),
    [
        ([3], "first", 0, [3, 1, 2, 4]),
        ([4, 2], "first", 0, [4, 2, 1, 3]),
        ([1], "last", 0, [2, 3, 4, 1]),
        ([3, 1], "last", 0, [2, 4, 3, 1]),
        ([4], "before", 2, [1, 4, 2, 3]),
        ([4, 1], "before", 3, [2, 4, 1, 3]),
        ([1], "after", 2, [2, 1, 3, 4]),
        ([4, 1], "after", 2, [2, 4, 1, 3]),
        ([2], "after", 4, [1, 3, 4, 2]),
        ([3], "before", 1, [3, 1, 2, 4]),
        ([1], "first", 0, [1, 2, 3, 4]),
        ([4], "last", 0, [1, 2, 3, 4]),
        ([2], "before", 3, [1, 2, 3, 4]),
        ([4, 3, 2, 1], "first", 0, [4, 3, 2, 1]),
        ([4, 3, 2, 1], "last", 0, [4, 3, 2, 1]),
        ([2, 3, 4], "before", 1, [2, 3, 4, 1]),
    ],
)
def test_runs_move_in_the_order_given(
    runs_dir: Path,
    queue: Queue,
    names: list[str],
    moved: list[int],
    place: Place,
    beside: int,
    expected: list[int],
) -> None:
    queue.move([names[number] for number in moved], place, names[beside])
    assert order(runs_dir) == expected
    queue.note([names[1]], "the order stays")
    assert order(runs_dir) == expected


def test_runs_move_among_those_of_their_priority(runs_dir: Path, queue: Queue, names: list[str]) -> None:
    queue.prioritise([names[3], names[4]], 5)
    assert order(runs_dir) == [3, 4, 1, 2]
    queue.move([names[2]], "first")
    assert order(runs_dir) == [3, 4, 2, 1]
    queue.move([names[3]], "last")
    assert order(runs_dir) == [4, 3, 2, 1]


def test_any_number_of_moves_to_one_place_stays_in_order(
    runs_dir: Path, queue: Queue, names: list[str]
) -> None:
    """A position halfway between two others is one that a number can hold only some fifty times over."""
    for turn in range(70):
        moved, other = (2, 3) if turn % 2 else (3, 2)
        queue.move([names[moved]], "after", names[1])
        assert order(runs_dir) == [1, moved, other, 4], turn


@pytest.mark.parametrize(("moved", "expected"), [([1, 2], [3, 4, 1, 2, 5]), ([1, 2, 3], [4, 1, 2, 3, 5])])
def test_what_is_queued_later_goes_after_what_was_moved_last(
    runs_dir: Path, queue: Queue, names: list[str], moved: list[int], expected: list[int]
) -> None:
    queue.move([names[number] for number in moved], "last")
    queue.move([names[number] for number in moved], "last")
    add_plan(runs_dir, study(9), Wishes(), {}, print)
    assert order(runs_dir) == expected


@pytest.mark.parametrize("beside", ["0009-nowhere", "", "finished", "itself"])
def test_a_place_beside_what_does_not_wait_is_refused_and_nothing_is_changed(
    runs_dir: Path, queue: Queue, names: list[str], end: Callable[[str, str], RunDirectory], beside: str
) -> None:
    end(names[4], "finished")
    before = wishes(runs_dir)
    beside = {"finished": names[4], "itself": names[1]}.get(beside, beside)
    with pytest.raises(InputError, match="is not waiting in the queue"):
        queue.move([names[1], names[2]], "before", beside)
    assert wishes(runs_dir) == before


CHANGES: list[Callable[[Queue, list[str]], None]] = [
    Queue.cancel,
    Queue.hold,
    Queue.release,
    Queue.retry,
    lambda queue, names: queue.note(names, "new"),
    lambda queue, names: queue.tag(names, ["new"], []),
    lambda queue, names: queue.prioritise(names, 1),
    lambda queue, names: queue.move(names, "first"),
]
CHANGE_NAMES = ["cancel", "hold", "release", "retry", "note", "tag", "prioritise", "move"]


@pytest.mark.parametrize("changed", CHANGES, ids=CHANGE_NAMES)
def test_a_run_that_is_gone_is_refused_and_nothing_is_changed(
    runs_dir: Path, queue: Queue, names: list[str], changed: Callable[[Queue, list[str]], None]
) -> None:
    """It was there when the user chose it."""
    before = wishes(runs_dir)
    with pytest.raises((InputError, StoreError), match="0009-gone"):
        changed(queue, [names[1], "0009-gone"])
    assert wishes(runs_dir) == before
    assert not (runs_dir / "0009-gone").exists()


def test_texts_have_limits(runs_dir: Path, queue: Queue, names: list[str]) -> None:
    queue.note([names[1]], "é" * 1000)
    queue.tag([names[1]], ["é" * 40], [])
    before = wishes(runs_dir)
    with pytest.raises(InputError, match="1001 characters"):
        queue.note([names[1]], "x" * 1001)
    for tag in ("", "  ", "\n", "x" * 41):
        with pytest.raises(InputError, match="is no tag"):
            queue.tag([names[1]], ["fine", tag], [])
    assert wishes(runs_dir) == before
    check_note("")
    check_tags(["x" * 40])


@pytest.mark.parametrize(
    "changed",
    [lambda queue, names: queue.note(names, "\udcff"), lambda queue, names: queue.tag(names, ["\udcff"], [])],
    ids=["note", "tag"],
)
def test_bytes_that_are_no_text_are_refused_and_nothing_is_changed(
    runs_dir: Path, queue: Queue, names: list[str], changed: Callable[[Queue, list[str]], None]
) -> None:
    """As a shell passes them on: Python has them as lone surrogates."""
    before = wishes(runs_dir)
    with pytest.raises(InputError):
        changed(queue, names[1:])
    assert wishes(runs_dir) == before


def test_changes_at_the_same_time_are_all_there(runs_dir: Path, names: list[str]) -> None:
    def tag(number: int) -> None:
        Queue(runs_dir, print).tag(names[1:], [f"tag-{number}"], [])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(tag, range(24)))
    for each in look(runs_dir)[0]:
        assert set(each.tags) == {"a", "b", *(f"tag-{number}" for number in range(24))}


def test_a_queue_that_another_process_keeps_is_told_and_nothing_is_changed(
    runs_dir: Path, queue: Queue, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WRITER_SECONDS", 0.05)
    before = wishes(runs_dir)
    with writer_lock(runs_dir), pytest.raises(StoreError, match=r"\.lock: another process has held it"):
        queue.note([names[1]], "late")
    assert wishes(runs_dir) == before
    queue.note([names[1]], "in time")
    assert run(runs_dir, names[1]).note == "in time"


def test_a_note_on_a_run_from_elsewhere_does_not_queue_it(
    runs_dir: Path, queue: Queue, tmp_path: Path
) -> None:
    add_plan(tmp_path / "there", study(7), Wishes(), {}, print)
    [there] = (tmp_path / "there").glob("0001-*")
    (there / "queue.json").unlink()
    there.rename(runs_dir / "0090-copied")
    queue.note(["0090-copied"], "theirs")
    queue.tag(["0090-copied"], ["x"], [])
    copied = run(runs_dir, "0090-copied")
    assert (copied.note, copied.tags, copied.own, copied.status) == ("theirs", ("x",), False, "queued")
    assert 90 not in order(runs_dir)
    queue.retry(["0090-copied"])
    assert order(runs_dir) == [1, 2, 3, 4, 90]
    assert run(runs_dir, "0090-copied").note == "theirs"
