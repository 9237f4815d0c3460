"""Whose turn it is: by priority and place, after what a run starts from, and never twice."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rotui.errors import StoreError
from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.store.claiming import Claim, claim
from rotui.store.past_runs import PastRun, read_run
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory, lock_run
from rotui.store.session import look
from rotui.study.planning import Plan, Point, plan
from rotui.study.records import EpochRecord, RunResult


def study(*stages: str, seeds: tuple[int, ...] = (0,)) -> Plan:
    values = {"name": "small", "stages": stages or ("supervised-random",)}
    return plan(Point(Profile.model_validate({**values, "seed": seed})) for seed in seeds)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def queue(runs_dir: Path) -> Queue:
    return Queue(runs_dir, print)


@pytest.fixture
def finish(epoch: Callable[..., EpochRecord], result: RunResult) -> Callable[[RunDirectory | None], None]:
    def finish(directory: RunDirectory | None) -> None:
        assert directory is not None
        directory.append_epoch(epoch(1))
        (directory.path / "model.safetensors").write_bytes(b"weights")
        directory.finish(result, "")

    return finish


def add(runs_dir: Path, made: Plan, **wishes: Any) -> list[str]:
    """Queues the plan; the names of its runs."""
    return list(add_plan(runs_dir, made, Wishes(**wishes), {}, print).names.values())


def take(
    runs_dir: Path,
    only: set[str] | None = None,
    refuse: Callable[[PastRun], str] = lambda _: "",
    notice: Callable[[str], None] = print,
) -> Claim:
    return claim(runs_dir, only, refuse, notice)


def take_all(runs_dir: Path) -> list[int]:
    """The numbers of all runs that can begin now, in their turn; each is stopped only at the end."""
    taken: list[RunDirectory] = []
    while (directory := take(runs_dir).directory) is not None:
        taken.append(directory)
    for directory in taken:
        directory.stop("asked")
    return [directory.state.number for directory in taken]


def statuses(runs_dir: Path) -> list[str]:
    return [run.status for run in look(runs_dir)[0]]


def test_a_claimed_run_is_held_running_and_what_it_was_is_told(runs_dir: Path) -> None:
    [name] = add(runs_dir, study())
    claimed = take(runs_dir)
    assert claimed.directory is not None
    assert claimed.past is not None
    assert (claimed.directory.name, claimed.past.status, claimed.parent) == (name, "queued", None)
    assert (claimed.left, claimed.paused) == ({}, False)
    assert statuses(runs_dir) == ["running"]
    with pytest.raises(StoreError, match="another process is training this run"):
        RunDirectory.begin(runs_dir / name)
    assert take(runs_dir) == Claim()
    claimed.directory.close()


def test_each_run_is_taken_once_in_the_order_in_which_it_was_queued(runs_dir: Path) -> None:
    add(runs_dir, study(seeds=(5, 3)))
    add(runs_dir, study(seeds=(9, 1)))
    assert take_all(runs_dir) == [1, 2, 3, 4]


def test_priority_goes_before_place(runs_dir: Path, queue: Queue) -> None:
    names = add(runs_dir, study(seeds=(0, 1, 2, 3)))
    add(runs_dir, study(seeds=(8,)), priority=1)
    queue.prioritise([names[2]], 9)
    queue.prioritise([names[0]], -1)
    queue.move([names[3]], "first")
    assert take_all(runs_dir) == [3, 5, 4, 2, 1]


def test_what_starts_from_a_pre_training_waits_until_it_is_finished(
    runs_dir: Path, finish: Callable[[RunDirectory | None], None]
) -> None:
    pretrain, finetune, random = add(runs_dir, study("pretrain", "finetune-pretrained", "finetune-random"))
    begun = take(runs_dir)
    assert begun.directory is not None
    assert begun.directory.name == pretrain
    assert look(runs_dir)[0][1].reason == "waits for run 1"
    other = take(runs_dir).directory
    assert other is not None
    assert other.name == random
    assert take(runs_dir).directory is None
    finish(begun.directory)
    waited = take(runs_dir)
    assert waited.directory is not None
    assert (waited.directory.name, waited.parent) == (finetune, runs_dir / pretrain)
    other.close()
    waited.directory.close()


def test_a_pre_training_has_the_priority_of_what_waits_for_it(runs_dir: Path, queue: Queue) -> None:
    add(runs_dir, study(seeds=(0,)), priority=3)
    _, finetune = add(runs_dir, study("pretrain", "finetune-pretrained"))
    queue.prioritise([finetune], 5)
    assert take_all(runs_dir) == [2, 1]
    queue.prioritise([finetune], 2)
    assert take_all(runs_dir) == [1, 2]
    queue.prioritise([finetune], 5)
    queue.hold([finetune])
    assert take_all(runs_dir) == [1, 2]


def test_held_and_cancelled_runs_are_left_and_none_is_taken_while_the_queue_is_paused(
    runs_dir: Path, queue: Queue
) -> None:
    names = add(runs_dir, study(seeds=(0, 1, 2)))
    queue.hold([names[0]])
    queue.cancel([names[1]])
    queue.pause()
    assert take(runs_dir) == Claim(paused=True)
    queue.resume()
    assert take_all(runs_dir) == [3]
    queue.release([names[0]])
    queue.retry([names[1]])
    assert take_all(runs_dir) == [1, 2, 3]


def test_stopped_and_interrupted_runs_are_taken_up_in_their_turn(
    runs_dir: Path, finish: Callable[[RunDirectory | None], None]
) -> None:
    add(runs_dir, study(seeds=(0, 1, 2, 3)))
    interrupted, stopped, failed = (take(runs_dir).directory for _ in range(3))
    assert interrupted is not None
    assert stopped is not None
    assert failed is not None
    interrupted.close()
    stopped.stop("asked")
    failed.fail("loss is nan")
    again = take(runs_dir)
    assert again.past is not None
    assert again.directory is not None
    assert (again.past.number, again.past.status, again.directory.state.resumes) == (1, "interrupted", 1)
    finish(again.directory)
    assert take_all(runs_dir) == [2, 4]
    assert statuses(runs_dir) == ["finished", "stopped", "failed", "stopped"]


@pytest.mark.parametrize(("spoil", "word"), [("fail", "failed"), ("cancel", "was cancelled")])
def test_what_starts_from_a_run_that_did_not_finish_is_skipped_until_that_is_retried(
    runs_dir: Path, queue: Queue, spoil: str, word: str
) -> None:
    pretrain, *waiting = add(runs_dir, study("pretrain", "finetune-pretrained", "supervised-pretrained"))
    if spoil == "fail":
        directory = take(runs_dir).directory
        assert directory is not None
        directory.fail("loss is nan")
    else:
        queue.cancel([pretrain])
    queue.hold([waiting[0]])
    assert statuses(runs_dir)[1:] == ["skipped", "skipped"]
    assert {run.reason for run in look(runs_dir)[0][1:]} == {f"run 1, which it starts from, {word}"}
    assert take(runs_dir).directory is None
    queue.retry([pretrain])
    assert statuses(runs_dir) == ["queued", "held", "queued"]
    assert take_all(runs_dir) == [1]


def test_a_skipped_run_that_is_retried_brings_back_what_it_starts_from(runs_dir: Path, queue: Queue) -> None:
    _, finetune = add(runs_dir, study("pretrain", "finetune-pretrained"))
    directory = take(runs_dir).directory
    assert directory is not None
    directory.fail("loss is nan")
    queue.retry([finetune])
    assert statuses(runs_dir) == ["queued", "queued"]
    assert take_all(runs_dir) == [1]


def test_a_run_whose_pre_training_is_not_here_is_skipped_and_says_so(runs_dir: Path) -> None:
    pretrain, _ = add(runs_dir, study("pretrain", "finetune-pretrained"))
    shutil.rmtree(runs_dir / pretrain)
    assert take(runs_dir) == Claim()
    [run] = look(runs_dir)[0]
    assert (run.status, run.reason) == ("skipped", f"{pretrain}, which it starts from, is not here")


def test_a_run_that_this_process_cannot_train_is_passed_over_with_the_reason(runs_dir: Path) -> None:
    names = add(runs_dir, study(seeds=(0, 1, 2)))
    asked: list[str] = []

    def refuse(past: PastRun) -> str:
        asked.append(past.name)
        return "was begun elsewhere" if past.number < 3 else ""

    claimed = take(runs_dir, refuse=refuse)
    assert claimed.directory is not None
    assert claimed.directory.name == names[2]
    assert claimed.left == dict.fromkeys(names[:2], "was begun elsewhere")
    assert asked == names
    claimed.directory.close()
    assert [read_run(runs_dir / name).status for name in names[:2]] == ["queued", "queued"]


def test_only_runs_that_are_asked_for_are_taken(runs_dir: Path) -> None:
    names = add(runs_dir, study(seeds=(0, 1, 2)))
    claimed = take(runs_dir, only={names[1], "0009-nowhere"})
    assert claimed.directory is not None
    assert claimed.directory.name == names[1]
    assert take(runs_dir, only={names[1]}).directory is None
    assert take(runs_dir, only=set()).directory is None
    claimed.directory.close()


def test_a_run_whose_lock_is_still_held_is_passed_over(runs_dir: Path) -> None:
    names = add(runs_dir, study(seeds=(0, 1)))
    held = lock_run(runs_dir / names[0])
    claimed = take(runs_dir)
    assert claimed.directory is not None
    assert claimed.directory.name == names[1]
    held.release()
    claimed.directory.close()
    again = take(runs_dir).directory
    assert again is not None
    assert again.name == names[0]
    again.close()


def test_a_run_that_was_copied_from_elsewhere_is_shown_and_not_taken(
    runs_dir: Path, queue: Queue, tmp_path: Path
) -> None:
    add(runs_dir, study(seeds=(0,)))
    add(tmp_path / "there", study(seeds=(7,)))
    [there] = (tmp_path / "there").glob("0001-*")
    copied = shutil.copytree(there, runs_dir / f"0090-{there.name}")
    assert [(run.number, run.status, run.own) for run in look(runs_dir)[0]] == [
        (1, "queued", True),
        (90, "queued", False),
    ]
    assert take_all(runs_dir) == [1]
    assert take(runs_dir, only={copied.name}).directory is None
    queue.retry([copied.name])
    assert take(runs_dir, only={copied.name}).directory is not None


def test_a_run_that_was_copied_into_an_empty_directory_is_not_taken_unasked(
    runs_dir: Path, queue: Queue, tmp_path: Path
) -> None:
    add(tmp_path / "there", study())
    [there] = (tmp_path / "there").glob("0001-*")
    copied = shutil.copytree(there, runs_dir / there.name)
    assert take(runs_dir) == Claim()
    assert statuses(runs_dir) == ["queued"]
    queue.retry([copied.name])
    assert take_all(runs_dir) == [1]


def test_threads_that_take_at_once_get_each_run_once(runs_dir: Path) -> None:
    add(runs_dir, study(seeds=tuple(range(10))))
    with ThreadPoolExecutor(4) as threads:
        claimed = list(threads.map(lambda _: take(runs_dir), range(14)))
    taken = [each.directory for each in claimed if each.directory is not None]
    assert sorted(directory.state.number for directory in taken) == list(range(1, 11))
    for directory in taken:
        directory.close()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(200))


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" + path.read_bytes())


def gone(path: Path) -> None:
    path.unlink()


FILES = ("state.json", "profile.toml", "queue.json", "metrics.csv", "provenance.json", "run.log", "lock")
DAMAGED = [
    (file, damage)
    for file in FILES
    for damage in (emptied, zeroed, no_text, gone)
    if (file, damage) != ("queue.json", gone)  # a run without one is not of this queue
]


@pytest.mark.parametrize(("file", "damage"), DAMAGED)
@pytest.mark.parametrize("status", ["queued", "stopped"])
def test_a_damaged_file_of_a_waiting_run_holds_up_nothing(
    runs_dir: Path, queue: Queue, status: str, file: str, damage: Callable[[Path], None]
) -> None:
    names = add(runs_dir, study(seeds=(0, 1)), note="kept")
    if status == "stopped":
        begun = take(runs_dir).directory
        assert begun is not None
        begun.write_provenance({"data_identity": "x"})
        begun.stop("asked")
    queue.note([names[1]], "indexes all")
    run = runs_dir / names[0]
    before, profile = read_run(run), (run / "profile.toml").read_bytes()
    if not (run / file).exists():
        (run / file).write_text("{")
    damage(run / file)
    claimed = take(runs_dir)
    assert claimed.directory is not None
    assert claimed.past is not None
    assert (claimed.directory.name, claimed.past.status) == (names[0], status)
    assert claimed.past.key == before.key
    assert claimed.past.profile == before.profile
    assert claimed.past.entry == before.entry
    assert (run / "profile.toml").read_bytes() == profile
    claimed.directory.stop("asked")
    assert take_all(runs_dir) == [1, 2]


@pytest.mark.parametrize("length", [0, 1, 40, 150, 300, 600, -200, -30, -1])
def test_settings_that_were_cut_off_are_not_taken_for_others(runs_dir: Path, length: int) -> None:
    """What is left of the file may well be a whole profile by itself, of default settings."""
    [name] = add(runs_dir, study())
    profile = runs_dir / name / "profile.toml"
    raw, before = profile.read_bytes(), read_run(runs_dir / name)
    profile.write_bytes(raw[:length])
    claimed = take(runs_dir)
    assert claimed.past is not None
    assert claimed.past.profile == before.profile
    assert profile.read_bytes() == raw
    assert claimed.directory is not None
    claimed.directory.close()


def test_a_run_that_cannot_be_read_or_put_right_holds_up_no_other(runs_dir: Path) -> None:
    names = add(runs_dir, study(seeds=(0, 1)))
    for path in runs_dir.glob("queue.sqlite3*"):
        path.unlink()
    (runs_dir / names[0] / "profile.toml").write_bytes(b"\xff")
    claimed = take(runs_dir)
    assert claimed.directory is not None
    assert claimed.directory.name == names[1]
    assert (runs_dir / names[0] / "profile.toml").read_bytes() == b"\xff"
    assert "profile.toml: damaged" in look(runs_dir)[1][0]
    claimed.directory.close()


def test_a_finished_state_without_numbers_holds_up_no_other(runs_dir: Path) -> None:
    names = add(runs_dir, study(seeds=(0, 1)))
    state = runs_dir / names[0] / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"status": "finished"}))
    assert take_all(runs_dir) == [2]
