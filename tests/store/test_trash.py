"""Deleting runs: which may go, that they come back whole, and that their numbers stay taken."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from rotui.errors import InputError, StoreError
from rotui.profile.schema import Profile
from rotui.store import trash
from rotui.store.adding import Wishes, add_plan
from rotui.store.claiming import claim
from rotui.store.identity import read_identity
from rotui.store.layout import DATABASE, TRASH
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory, lock_run
from rotui.store.session import look
from rotui.store.trash import delete_runs, empty_trash, restore_runs, trashed
from rotui.study.planning import Point, plan
from rotui.study.records import RunResult

KILLED = """
import sys
from pathlib import Path
from rotui.store.trash import delete_runs, empty_trash, restore_runs
action = {"delete": delete_runs, "restore": restore_runs}.get(sys.argv[1])
runs_dir = Path(sys.argv[2])
action(runs_dir, sys.argv[3:], print) if action else empty_trash(runs_dir, print)
"""


def killed_at(failpoint: str, action: str, runs_dir: Path, *names: str) -> None:
    """Does it in a process of its own, which is killed there."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, action, str(runs_dir), *names],
        env={**os.environ, "ROTUI_FAILPOINT": failpoint},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def queue_study(runs_dir: Path, *stages: str, seed: int = 42) -> list[str]:
    """Queues the stages, and names what was queued in the order of the plan."""
    profile = Profile.model_validate(
        {"name": "small", "stages": stages, "seed": seed, "data": {"name": "digits"}}
    )
    return [*add_plan(runs_dir, plan([Point(profile)]), Wishes(), {}, print).names.values()]


def begin(runs_dir: Path, name: str) -> RunDirectory:
    directory = claim(runs_dir, {name}, lambda _: "", print).directory
    assert directory is not None
    return directory


def finish(directory: RunDirectory, result: RunResult) -> None:
    (directory.path / "model.safetensors").write_bytes(b"weights")
    directory.finish(result, "")


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def numbers(runs_dir: Path) -> list[int]:
    runs, unreadable = look(runs_dir)
    assert unreadable == []
    return [run.number for run in runs]


def indexed(runs_dir: Path) -> list[str]:
    with closing(sqlite3.connect(runs_dir / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in connection.execute("SELECT name FROM runs ORDER BY name")]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def pair(runs_dir: Path) -> tuple[str, str]:
    """A pre-training and the fine-tuning that starts from it, both queued."""
    first, second = queue_study(runs_dir, "pretrain", "finetune-pretrained")
    return first, second


def test_a_deleted_run_is_whole_in_the_trash_and_comes_back_the_same(
    runs_dir: Path, result: RunResult
) -> None:
    first, second = queue_study(runs_dir, "supervised-random"), queue_study(runs_dir, "finetune-random")
    finish(begin(runs_dir, first[0]), result)
    Queue(runs_dir, print).note(first, "kept [red]")
    before, files = look(runs_dir), contents(runs_dir / first[0])
    delete_runs(runs_dir, first, print)
    assert (numbers(runs_dir), trashed(runs_dir)) == ([2], first)
    assert indexed(runs_dir) == second
    assert contents(runs_dir / TRASH / first[0]) == files
    restore_runs(runs_dir, first, print)
    assert look(runs_dir) == before
    assert trashed(runs_dir) == []
    assert indexed(runs_dir) == [*first, *second]
    assert contents(runs_dir / first[0]) == files


def test_a_run_that_waited_waits_again_in_its_place(runs_dir: Path) -> None:
    first, second = (queue_study(runs_dir, "supervised-random", seed=seed)[0] for seed in (1, 2))
    Queue(runs_dir, print).move([second], "first")
    delete_runs(runs_dir, [second], print)
    assert claim(runs_dir, {second}, lambda _: "", print).directory is None
    restore_runs(runs_dir, [second], print)
    taken = claim(runs_dir, None, lambda _: "", print).directory
    assert taken is not None
    assert taken.name == second
    taken.stop("")
    assert numbers(runs_dir) == [1, 2]
    assert first in indexed(runs_dir)


def test_a_run_that_is_being_trained_is_refused_and_nothing_is_deleted(
    runs_dir: Path, result: RunResult
) -> None:
    names = [queue_study(runs_dir, "supervised-random", seed=seed)[0] for seed in (1, 2)]
    directory = begin(runs_dir, names[1])
    with pytest.raises(InputError, match=f"{names[1]}: is being trained .*cancel"):
        delete_runs(runs_dir, names, print)
    assert (numbers(runs_dir), trashed(runs_dir)) == ([1, 2], [])
    directory.pause("the disk is full")
    with pytest.raises(InputError, match="is being trained"):
        delete_runs(runs_dir, names, print)
    directory.go_on()
    finish(directory, result)
    delete_runs(runs_dir, names, print)
    assert trashed(runs_dir) == names


def test_a_run_that_has_ended_and_is_still_locked_is_refused(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "ENDING_SECONDS", 0.05)
    [name] = queue_study(runs_dir, "supervised-random")
    lock = lock_run(runs_dir / name)
    with pytest.raises(InputError, match="is being trained"):
        delete_runs(runs_dir, [name], print)
    lock.release()
    delete_runs(runs_dir, [name], print)
    assert trashed(runs_dir) == [name]


@pytest.mark.parametrize("status", ["queued", "held", "stopped", "interrupted", "running"])
def test_a_pre_training_that_an_unfinished_run_starts_from_is_refused(
    runs_dir: Path, pair: tuple[str, str], result: RunResult, status: str
) -> None:
    parent, child = pair
    if status in ("queued", "held"):
        if status == "held":
            Queue(runs_dir, print).hold([child])
    else:
        finish(begin(runs_dir, parent), result)
        directory = begin(runs_dir, child)
        if status == "stopped":
            directory.stop("asked to")
        elif status == "interrupted":
            directory.close()
    assert look(runs_dir)[0][1].status == status
    with pytest.raises(InputError, match=f"{parent}: run 2 starts from it .delete or cancel"):
        delete_runs(runs_dir, [parent], print)
    assert (numbers(runs_dir), trashed(runs_dir)) == ([1, 2], [])


def test_all_that_waits_for_a_pre_training_is_named(runs_dir: Path) -> None:
    names = queue_study(runs_dir, "pretrain", "finetune-pretrained", "supervised-pretrained")
    with pytest.raises(InputError, match="runs 2, 3 start from it"):
        delete_runs(runs_dir, names[:1], print)
    with pytest.raises(InputError, match="run 3 starts from it"):
        delete_runs(runs_dir, names[:2], print)
    delete_runs(runs_dir, names, print)
    assert (numbers(runs_dir), trashed(runs_dir)) == ([], names)


@pytest.mark.parametrize("end", ["finished", "failed", "cancelled"])
def test_a_pre_training_goes_where_what_started_from_it_has_ended(
    runs_dir: Path, pair: tuple[str, str], result: RunResult, end: str
) -> None:
    parent, child = pair
    finish(begin(runs_dir, parent), result)
    if end == "finished":
        finish(begin(runs_dir, child), result)
    elif end == "failed":
        begin(runs_dir, child).fail("out of memory")
    else:
        Queue(runs_dir, print).cancel([child])
    delete_runs(runs_dir, [parent], print)
    assert [run.status for run in look(runs_dir)[0]] == [end]


def test_runs_are_never_moved_over_others(runs_dir: Path) -> None:
    [name] = queue_study(runs_dir, "supervised-random")
    copy = shutil.copytree(runs_dir / name, runs_dir.parent / "elsewhere")
    delete_runs(runs_dir, [name], print)
    shutil.copytree(copy, runs_dir / name)
    with pytest.raises(InputError, match="there is a run of this name"):
        restore_runs(runs_dir, [name], print)
    with pytest.raises(InputError, match="one of this name is in the trash"):
        delete_runs(runs_dir, [name], print)
    assert (numbers(runs_dir), trashed(runs_dir)) == ([1], [name])
    shutil.rmtree(runs_dir / name)
    (runs_dir / name).mkdir()
    with pytest.raises(InputError, match="there is a run of this name"):
        restore_runs(runs_dir, [name], print)
    assert contents(runs_dir / TRASH / name) == contents(copy)


def test_numbers_are_not_given_again_when_the_trash_is_emptied(runs_dir: Path) -> None:
    [name] = queue_study(runs_dir, "supervised-random")
    copied = runs_dir / "0050-copied"
    shutil.copytree(runs_dir / name, copied)
    delete_runs(runs_dir, [copied.name], print)
    assert empty_trash(runs_dir, print) == [copied.name]
    assert [*(runs_dir / TRASH).iterdir()] == []
    shutil.copytree(runs_dir / name, runs_dir / TRASH / "0060-put-there")
    empty_trash(runs_dir, print)
    [added] = queue_study(runs_dir, "finetune-random")
    assert added.startswith("0061-")
    assert empty_trash(runs_dir, print) == []


@pytest.mark.parametrize("file", ["state.json", "profile.toml", "metrics.csv"])
def test_a_run_that_cannot_be_read_can_be_taken_away_and_brought_back(
    runs_dir: Path, result: RunResult, file: str
) -> None:
    [name] = queue_study(runs_dir, "supervised-random")
    finish(begin(runs_dir, name), result)
    Queue(runs_dir, print).rebuild()
    (runs_dir / DATABASE).unlink()
    (runs_dir / name / file).write_bytes(b"\xff")
    files = contents(runs_dir / name)
    delete_runs(runs_dir, [name], print)
    assert (look(runs_dir), trashed(runs_dir)) == (([], []), [name])
    restore_runs(runs_dir, [name], print)
    assert len(look(runs_dir)[1]) == 1
    assert contents(runs_dir / name) == files


@pytest.mark.parametrize("name", ["", ".", "..", "../runs", TRASH, "0002-none", "queue.sqlite3", "/etc"])
@pytest.mark.parametrize("action", [delete_runs, restore_runs])
def test_only_runs_are_moved(runs_dir: Path, name: str, action: Callable[..., None]) -> None:
    names = queue_study(runs_dir, "supervised-random")
    with pytest.raises(InputError, match=r"no such run|is not in the trash \(it is empty\)"):
        action(runs_dir, [*names[: action is delete_runs], name], print)
    assert (numbers(runs_dir), trashed(runs_dir)) == ([1], [])


def test_a_trash_that_cannot_be_made_leaves_the_run_in_its_place(runs_dir: Path) -> None:
    names = queue_study(runs_dir, "supervised-random")
    (runs_dir / TRASH).write_text("")
    with pytest.raises(StoreError, match=r"\.trash"):
        delete_runs(runs_dir, names, print)
    assert numbers(runs_dir) == [1]


@pytest.mark.parametrize("place", [1, 2])
def test_a_kill_between_two_moves_leaves_each_run_whole_in_one_place(
    runs_dir: Path, pair: tuple[str, str], place: int
) -> None:
    files = {name: contents(runs_dir / name) for name in pair}
    killed_at(f"moved:{place}", "delete", runs_dir, *pair)
    there, gone = [run.name for run in look(runs_dir)[0]], trashed(runs_dir)
    assert (there, gone) == ([*pair[: 2 - place]], [*pair[2 - place :]])
    assert "skipped" not in {run.status for run in look(runs_dir)[0]}
    killed_at("moved:1", "restore", runs_dir, *gone)
    restore_runs(runs_dir, trashed(runs_dir), print)
    assert {name: contents(runs_dir / name) for name in pair} == files
    Queue(runs_dir, print).pause()
    assert indexed(runs_dir) == [*pair]
    assert [run.status for run in look(runs_dir)[0]] == ["queued", "queued"]


def test_a_kill_while_the_trash_is_emptied_leaves_no_half_a_run_to_restore(runs_dir: Path) -> None:
    names = [queue_study(runs_dir, "supervised-random", seed=seed)[0] for seed in (1, 2)]
    delete_runs(runs_dir, names, print)
    killed_at("emptying", "empty", runs_dir)
    assert trashed(runs_dir) == []
    assert len([*(runs_dir / TRASH).iterdir()]) == 2
    [added] = queue_study(runs_dir, "supervised-random", seed=3)
    assert added.startswith("0003-")
    delete_runs(runs_dir, [added], print)
    assert empty_trash(runs_dir, print) == [added]
    assert [*(runs_dir / TRASH).iterdir()] == []


def test_a_link_to_a_run_elsewhere_is_removed_and_the_run_is_not(runs_dir: Path) -> None:
    [name] = queue_study(runs_dir, "supervised-random")
    elsewhere = runs_dir.parent / "large disk"
    (runs_dir / name).rename(elsewhere)
    (runs_dir / name).symlink_to(elsewhere)
    delete_runs(runs_dir, [name], print)
    assert empty_trash(runs_dir, print) == [name]
    assert json.loads((elsewhere / "state.json").read_text())["number"] == 1


def test_a_run_is_begun_or_deleted_and_never_both(runs_dir: Path) -> None:
    names = [queue_study(runs_dir, "supervised-random", seed=seed)[0] for seed in range(10)]
    begun: list[RunDirectory] = []
    deleted: list[str] = []

    def begin_all() -> None:
        for _ in names:
            directory = claim(runs_dir, None, lambda _: "", print).directory
            if directory is not None:
                begun.append(directory)

    def delete_all() -> None:
        for name in reversed(names):
            try:
                delete_runs(runs_dir, [name], print)
            except InputError:
                continue
            deleted.append(name)

    threads = [Thread(target=begin_all), Thread(target=delete_all)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([*(directory.name for directory in begun), *deleted]) == names
    assert trashed(runs_dir) == sorted(deleted)
    statuses = {run.name: run.status for run in look(runs_dir)[0]}
    assert statuses == dict.fromkeys((directory.name for directory in begun), "running")
    identity = read_identity(runs_dir)
    assert identity is not None
    assert identity.highest == 10
    for directory in begun:
        directory.close()


def test_no_trash_is_an_empty_one(runs_dir: Path) -> None:
    assert trashed(runs_dir) == []
    assert empty_trash(runs_dir, print) == []
    assert not runs_dir.exists()
