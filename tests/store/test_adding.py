"""Queueing a plan: whole or not at all, each run once, under numbers that are never given again."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rotui.errors import StoreError
from rotui.profile.loading import dump_profile
from rotui.profile.schema import Profile
from rotui.store.adding import Queued, Wishes, add_plan
from rotui.store.claiming import claim
from rotui.store.past_runs import PastRun, read_run, read_state
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.store.session import change, look
from rotui.study.planning import Plan, Point, plan
from rotui.study.records import EpochRecord, RunResult

CHILD = """
import sys
from pathlib import Path
from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.study.planning import Point, plan
seeds = range(int(sys.argv[2]))
made = plan(Point(Profile(name="small", stages=("supervised-random",), seed=seed)) for seed in seeds)
add_plan(Path(sys.argv[1]), made, Wishes(), {}, print)
"""
KILLED = -9
MINE, OTHER = "1" * 64, "2" * 64


def study(*stages: str, seeds: int = 1, name: str = "small", smoothing: float = 0.1) -> Plan:
    values = {"name": name, "stages": stages or ("supervised-random",)}
    values |= {"loss": {"label_smoothing": smoothing}}
    return plan(Point(Profile.model_validate({**values, "seed": seed})) for seed in range(seeds))


def unwritable_last(made: Plan) -> Plan:
    """The plan with settings in its last run that no file can hold."""
    *others, last = made.runs
    spoiled = last.profile.model_copy(update={"description": "\ud800"})
    return replace(made, runs=(*others, replace(last, profile=spoiled)))


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def finish(epoch: Callable[..., EpochRecord], result: RunResult) -> Callable[[Path, str], Path]:
    """Begins a queued run, as a worker that sees the images `MINE` does, and finishes it."""

    def finish(runs_dir: Path, name: str) -> Path:
        directory = begin(runs_dir, name)
        directory.append_epoch(epoch(1))
        (directory.path / "model.safetensors").write_bytes(b"weights")
        directory.finish(result, hashlib.sha256(b"weights").hexdigest())
        return directory.path

    return finish


def begin(runs_dir: Path, name: str, identity: str = MINE) -> RunDirectory:
    directory = claim(runs_dir, {name}, lambda _: "", print).directory
    assert directory is not None
    directory.write_provenance({"data_identity": identity})
    return directory


def add(runs_dir: Path, made: Plan, identity: str = MINE, **wishes: Any) -> Queued:
    """Queues the plan, every run of which would see the images `identity`."""
    return add_plan(runs_dir, made, Wishes(**wishes), dict.fromkeys(keys(made), identity), print)


def keys(made: Plan) -> list[str]:
    return [run.key for run in made.runs]


def runs(runs_dir: Path) -> list[PastRun]:
    found, unreadable = look(runs_dir)
    assert unreadable == []
    return [read_run(runs_dir / run.name) for run in found]


def visible(runs_dir: Path) -> list[str]:
    return sorted(path.name for path in runs_dir.glob("[0-9]*"))


def hidden(runs_dir: Path) -> list[str]:
    return sorted(path.name for path in runs_dir.glob(".[0-9]*"))


def numbers(runs_dir: Path) -> list[int]:
    return [int(name.partition("-")[0]) for name in visible(runs_dir)]


def test_what_is_queued_is_on_disk_as_it_was_resolved(runs_dir: Path) -> None:
    made = study("pretrain", "finetune-pretrained")
    told = add(
        runs_dir, made, study="mine", priority=3, held=True, note="n", tags=("a", "b"), command=("rotui", "x")
    )
    assert (told.finished, told.joined) == (frozenset(), frozenset())
    assert visible(runs_dir) == [told.names[key] for key in keys(made)]
    assert hidden(runs_dir) == []
    pretrain, finetune = runs(runs_dir)
    for past, run in zip((pretrain, finetune), made.runs, strict=True):
        assert (past.key, past.stage, past.profile, past.parent) == (
            run.key,
            run.stage_name,
            run.profile,
            run.parent,
        )
        assert (past.path / "profile.toml").read_text() == dump_profile(run.profile)
        assert (past.status, past.study) == ("held", "mine")
        assert past.entry is not None
        assert (past.entry.priority, past.entry.note, past.entry.tags) == (3, "n", ("a", "b"))
        assert past.entry.queued_by == ("rotui", "x")
    assert finetune.parent_run == pretrain.name
    assert pretrain.entry is not None
    assert finetune.entry is not None
    assert pretrain.entry.batch == finetune.entry.batch
    assert pretrain.entry.position < finetune.entry.position


def test_equal_runs_are_one_run_however_many_studies_ask_for_it(runs_dir: Path) -> None:
    first = add(runs_dir, study("pretrain", "finetune-pretrained"))
    again = add(runs_dir, study("pretrain", "finetune-pretrained"))
    assert again.names == first.names
    assert again.joined == set(first.names)
    other = study("supervised-pretrained", name="other")
    joined = add(runs_dir, other)
    assert joined.names[other.runs[0].key] == first.names[other.runs[0].key]
    assert joined.joined == {other.runs[0].key}
    assert numbers(runs_dir) == [1, 2, 3]
    assert runs(runs_dir)[2].parent_run == visible(runs_dir)[0]


def test_a_finished_run_is_taken_and_a_fresh_one_only_where_it_is_asked_for(
    runs_dir: Path, finish: Callable[[Path, str], Path]
) -> None:
    made = study("pretrain", "finetune-pretrained")
    first = add(runs_dir, made)
    for name in first.names.values():
        finish(runs_dir, name)
    again = add(runs_dir, made)
    assert (again.names, again.finished, again.joined) == (first.names, set(keys(made)), frozenset())
    fresh = add(runs_dir, made, fresh=True)
    assert (fresh.finished, fresh.joined) == (frozenset(), frozenset())
    assert numbers(runs_dir) == [1, 2, 3, 4]
    assert runs(runs_dir)[3].parent_run == fresh.names[made.runs[0].key] == runs(runs_dir)[2].name


def test_a_sweep_that_cannot_be_made_whole_is_not_made_at_all(runs_dir: Path) -> None:
    add(runs_dir, study(seeds=1))
    before = look(runs_dir)
    with pytest.raises(StoreError, match=r"profile\.toml"):
        add(runs_dir, unwritable_last(study(seeds=4)))
    assert (numbers(runs_dir), hidden(runs_dir)) == ([1], [])
    assert look(runs_dir) == before
    assert len(add(runs_dir, study(seeds=4)).names) == 4
    assert len(visible(runs_dir)) == 4


def test_a_sweep_that_cannot_be_made_whole_leaves_what_it_would_join_as_it_was(runs_dir: Path) -> None:
    failed, held = add(runs_dir, study(seeds=2)).names.values()
    begin(runs_dir, failed).fail("loss is nan")
    Queue(runs_dir, print).hold([held])
    before = look(runs_dir)
    assert [run.status for run in before[0]] == ["failed", "held"]
    with pytest.raises(StoreError, match=r"profile\.toml"):
        add(runs_dir, unwritable_last(study(seeds=3)))
    assert look(runs_dir) == before


def test_a_sweep_whose_first_run_has_no_place_is_not_made_at_all(runs_dir: Path, tmp_path: Path) -> None:
    add(runs_dir, study(seeds=1))
    runs_dir.rename(tmp_path / "away")
    runs_dir.write_text("mine")
    with pytest.raises(StoreError, match="nothing can be queued there"):
        add(runs_dir, study(seeds=3))
    assert runs_dir.read_text() == "mine"
    assert numbers(tmp_path / "away") == [1]


def queue_in_another_process(runs_dir: Path, seeds: int, failpoint: str) -> int:
    environment = {**os.environ, "ROTUI_FAILPOINT": failpoint}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(runs_dir), str(seeds)], check=False, env=environment
    )
    return done.returncode


@pytest.mark.parametrize("failpoint", ["staged:1", "staged:3", "before-commit:1"])
def test_a_crash_before_the_commit_leaves_nothing(runs_dir: Path, failpoint: str) -> None:
    add(runs_dir, study(name="other", smoothing=0.3))
    before = look(runs_dir)
    assert queue_in_another_process(runs_dir, 3, failpoint) == KILLED
    assert hidden(runs_dir)
    assert look(runs_dir) == before
    with change(runs_dir, print) as opened:
        assert opened.runs == before[0]
    assert hidden(runs_dir) == []
    assert len(add(runs_dir, study(seeds=3)).joined) == 0
    assert len(visible(runs_dir)) == 4


@pytest.mark.parametrize("failpoint", ["committed:1", "revealed:1", "revealed:3"])
def test_a_crash_after_the_commit_is_finished_by_the_next_change(runs_dir: Path, failpoint: str) -> None:
    assert queue_in_another_process(runs_dir, 3, failpoint) == KILLED
    Queue(runs_dir, print).pause()
    assert hidden(runs_dir) == []
    assert numbers(runs_dir) == [1, 2, 3]
    assert [run.status for run in look(runs_dir)[0]] == ["queued"] * 3
    assert len(add(runs_dir, study(seeds=3)).joined) == 3


@pytest.mark.parametrize("database", ["removed", "emptied", "garbage"])
@pytest.mark.parametrize(("failpoint", "whole"), [("staged:3", 0), ("committed:1", 0), ("revealed:1", 3)])
def test_without_the_database_a_sweep_is_whole_once_one_of_it_is_shown_and_gone_otherwise(
    runs_dir: Path, failpoint: str, whole: int, database: str
) -> None:
    made = add(runs_dir, study(name="other", smoothing=0.3))
    assert queue_in_another_process(runs_dir, 3, failpoint) == KILLED
    for log in runs_dir.glob("queue.sqlite3*"):
        log.unlink()
    if database != "removed":
        (runs_dir / "queue.sqlite3").write_bytes(b"garbage" * 1000 if database == "garbage" else b"")
    with change(runs_dir, print) as opened:
        assert [run.number for run in opened.runs] == list(range(1, 2 + whole))
    assert hidden(runs_dir) == []
    assert visible(runs_dir)[0] in made.names.values()


def test_a_sweep_that_crashed_twice_while_it_was_settled_is_whole(runs_dir: Path) -> None:
    assert queue_in_another_process(runs_dir, 3, "committed:1") == KILLED
    assert queue_in_another_process(runs_dir, 3, "settled:1") == KILLED
    assert queue_in_another_process(runs_dir, 3, "settled:1") == KILLED
    assert len(visible(runs_dir)) == 2
    Queue(runs_dir, print).pause()
    assert (numbers(runs_dir), hidden(runs_dir)) == ([1, 2, 3], [])


def test_a_number_is_never_given_again(runs_dir: Path) -> None:
    names = list(add(runs_dir, study(seeds=3)).names.values())
    shutil.rmtree(runs_dir / names[2])
    add(runs_dir, study(name="b", smoothing=0.2))
    assert numbers(runs_dir) == [1, 2, 4]
    for path in runs_dir.glob("[0-9]*"):
        shutil.rmtree(path)
    add(runs_dir, study(seeds=2))
    assert numbers(runs_dir) == [5, 6]


def test_numbers_in_the_trash_and_of_stray_names_count_as_given(runs_dir: Path) -> None:
    names = list(add(runs_dir, study(seeds=2)).names.values())
    (runs_dir / ".trash").mkdir()
    (runs_dir / names[1]).rename(runs_dir / ".trash" / "0007-small")
    (runs_dir / ".store.json").unlink()
    add(runs_dir, study(name="b", smoothing=0.2))
    assert numbers(runs_dir) == [1, 8]
    (runs_dir / "0020-notes.txt").write_text("")
    (runs_dir / ".0030-hidden").mkdir()
    (runs_dir / "12-short").mkdir()
    (runs_dir / "best-0099").mkdir()
    add(runs_dir, study(name="c", smoothing=0.3))
    assert max(run.number for run in look(runs_dir)[0]) == 31


def test_without_what_the_directory_remembers_no_number_that_is_there_is_given_again(runs_dir: Path) -> None:
    add(runs_dir, study(seeds=2))
    (runs_dir / ".store.json").write_bytes(b"")
    (runs_dir / "queue.sqlite3").unlink()
    assert add(runs_dir, study(seeds=2)).joined
    add(runs_dir, study(name="b", smoothing=0.2))
    assert numbers(runs_dir) == [1, 2, 3]


def test_a_failed_run_is_queued_again_where_it_lies(runs_dir: Path) -> None:
    made = study()
    [name] = add(runs_dir, made, note="kept").names.values()
    begin(runs_dir, name).fail("loss is nan")
    assert read_state(runs_dir / name).status == "failed"
    told = add(runs_dir, made)
    assert (dict(told.names), told.joined) == ({made.runs[0].key: name}, set(keys(made)))
    [run] = look(runs_dir)[0]
    assert (run.status, run.reason, run.note) == ("queued", "", "kept")
    assert visible(runs_dir) == [name]


@pytest.mark.parametrize("how", ["stopped", "interrupted", "cancelled", "held"])
def test_a_run_that_waits_for_someone_is_joined_and_taken_up_again(runs_dir: Path, how: str) -> None:
    made = study()
    [name] = add(runs_dir, made).names.values()
    if how in ("stopped", "interrupted"):
        directory = begin(runs_dir, name)
        directory.stop("asked") if how == "stopped" else directory.close()
    else:
        queue = Queue(runs_dir, print)
        queue.cancel([name]) if how == "cancelled" else queue.hold([name])
    assert look(runs_dir)[0][0].status == how
    assert add(runs_dir, made).joined
    assert claim(runs_dir, None, lambda _: "", print).directory is not None


def test_a_run_that_is_being_trained_is_joined_and_left_alone(runs_dir: Path) -> None:
    made = study()
    [name] = add(runs_dir, made).names.values()
    directory = begin(runs_dir, name)
    state = (runs_dir / name / "state.json").read_bytes()
    assert add(runs_dir, made).joined
    assert (runs_dir / name / "state.json").read_bytes() == state
    assert look(runs_dir)[0][0].status == "running"
    directory.close()


def test_a_run_that_saw_other_images_is_not_taken(
    runs_dir: Path, finish: Callable[[Path, str], Path]
) -> None:
    made = study(seeds=2)
    finished, unfinished = add(runs_dir, made).names.values()
    finish(runs_dir, finished)
    begin(runs_dir, unfinished).stop("asked")
    same = add(runs_dir, made, MINE)
    assert (len(same.finished), len(same.joined)) == (1, 1)
    changed = add(runs_dir, made, OTHER)
    assert (changed.finished, changed.joined) == (frozenset(), frozenset())
    assert numbers(runs_dir) == [1, 2, 3, 4]


def test_without_the_images_a_finished_run_is_taken_at_its_word(
    runs_dir: Path, finish: Callable[[Path, str], Path]
) -> None:
    made = study()
    [name] = add(runs_dir, made).names.values()
    finish(runs_dir, name)
    assert add_plan(runs_dir, made, Wishes(), {}, print).finished == set(keys(made))


def damage_weights(path: Path) -> None:
    (path / "model.safetensors").write_bytes(b"weightz")


def remove_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()


@pytest.mark.parametrize("spoil", [damage_weights, remove_weights])
def test_a_pre_training_whose_weights_are_damaged_is_trained_again_for_what_starts_from_it(
    runs_dir: Path, finish: Callable[[Path, str], Path], spoil: Callable[[Path], None]
) -> None:
    made = study("pretrain", "finetune-pretrained")
    pretrain, finetune = made.runs
    first = finish(runs_dir, add(runs_dir, study("pretrain")).names[pretrain.key])
    waiting = add(runs_dir, made)
    assert waiting.finished == {pretrain.key}
    spoil(first)
    notices: list[str] = []
    told = add_plan(runs_dir, made, Wishes(), dict.fromkeys(keys(made), MINE), notices.append)
    assert told.names[pretrain.key] != first.name
    assert told.finished == frozenset()
    assert told.names[finetune.key] == waiting.names[finetune.key]
    assert read_state(runs_dir / told.names[finetune.key]).parent_run == told.names[pretrain.key]
    assert ["sha256" in notice for notice in notices] == [True] * (spoil is damage_weights)


def test_damaged_weights_that_nothing_needs_are_no_reason_to_train_again(
    runs_dir: Path, finish: Callable[[Path, str], Path]
) -> None:
    made = study("pretrain")
    [name] = add(runs_dir, made).names.values()
    damage_weights(finish(runs_dir, name))
    assert add(runs_dir, made).finished == set(keys(made))


@pytest.mark.parametrize(
    ("file", "content"),
    [("metrics.csv", b""), ("result.json", b"{"), ("provenance.json", b"["), ("profile.toml", b"\xff")],
)
def test_a_finished_run_that_cannot_be_read_counts_as_absent(
    runs_dir: Path, finish: Callable[[Path, str], Path], file: str, content: bytes
) -> None:
    made = study()
    [name] = add(runs_dir, made).names.values()
    finish(runs_dir, name)
    assert add(runs_dir, made).finished
    (runs_dir / name / file).write_bytes(content)
    told = add(runs_dir, made)
    assert told.names[made.runs[0].key] != name
    assert (runs_dir / name / file).read_bytes() == content


def copied_in(runs_dir: Path, elsewhere: Path) -> Path:
    [path] = elsewhere.glob("0001-*")
    return shutil.copytree(path, runs_dir / f"0090-{path.name}")


def test_a_finished_run_from_elsewhere_is_taken(
    runs_dir: Path, tmp_path: Path, finish: Callable[[Path, str], Path]
) -> None:
    made = study()
    [name] = add(tmp_path / "there", made).names.values()
    finish(tmp_path / "there", name)
    add(runs_dir, study(name="mine", smoothing=0.3))
    copied = copied_in(runs_dir, tmp_path / "there")
    assert add(runs_dir, made).names == {made.runs[0].key: copied.name}


def test_a_run_that_waits_elsewhere_is_not_joined_and_one_that_was_begun_there_is_gone_on_with(
    runs_dir: Path, tmp_path: Path
) -> None:
    made = study()
    [name] = add(tmp_path / "there", made).names.values()
    add(runs_dir, study(name="mine", smoothing=0.3))
    waiting = copied_in(runs_dir, tmp_path / "there")
    told = add(runs_dir, made)
    assert told.joined == frozenset()
    assert told.names[made.runs[0].key] not in (name, waiting.name)
    shutil.rmtree(runs_dir / told.names[made.runs[0].key])
    shutil.rmtree(waiting)
    begin(tmp_path / "there", name).stop("asked")
    begun = copied_in(runs_dir, tmp_path / "there")
    assert claim(runs_dir, {begun.name}, lambda _: "", print).directory is None
    assert add(runs_dir, made).names[made.runs[0].key] == begun.name
    assert claim(runs_dir, {begun.name}, lambda _: "", print).directory is not None


def test_a_note_and_tags_from_elsewhere_stay_when_a_run_is_gone_on_with(
    runs_dir: Path, tmp_path: Path
) -> None:
    made = study()
    [name] = add(tmp_path / "there", made, note="from there", tags=("theirs",)).names.values()
    begin(tmp_path / "there", name).stop("asked")
    add(runs_dir, study(name="mine", smoothing=0.3))
    copied = copied_in(runs_dir, tmp_path / "there")
    Queue(runs_dir, print).tag([copied.name], ["mine"], [])
    add(runs_dir, made)
    run = next(run for run in look(runs_dir)[0] if run.name == copied.name)
    assert (run.own, run.note, run.tags) == (True, "from there", ("theirs", "mine"))


def test_a_fresh_study_does_not_start_from_an_old_pre_training(
    runs_dir: Path, finish: Callable[[Path, str], Path]
) -> None:
    made = study("pretrain", "finetune-pretrained")
    old = add(runs_dir, made)
    finish(runs_dir, old.names[made.runs[0].key])
    fresh = add(runs_dir, made, fresh=True)
    child = read_state(runs_dir / fresh.names[made.runs[1].key])
    assert child.parent_run == fresh.names[made.runs[0].key] != old.names[made.runs[0].key]


def test_a_plan_without_runs_queues_nothing(runs_dir: Path) -> None:
    assert add(runs_dir, Plan((), ())) == Queued({})
    assert visible(runs_dir) == []


def test_what_is_queued_is_written_once_and_never_changed_by_a_later_plan(runs_dir: Path) -> None:
    add(runs_dir, study(seeds=2), note="first")
    before = contents(runs_dir)
    add(runs_dir, study(seeds=3), note="second")
    assert {name: raw for name, raw in contents(runs_dir).items() if name in before} == before


def contents(runs_dir: Path) -> Mapping[str, bytes]:
    found = [path for path in runs_dir.glob("[0-9]*/*") if path.is_file()]
    return {str(path.relative_to(runs_dir)): path.read_bytes() for path in found}


def test_a_state_names_the_run_its_place_and_its_time(runs_dir: Path) -> None:
    [name] = add(runs_dir, study(), study="mine").names.values()
    values = json.loads((runs_dir / name / "state.json").read_text())
    assert (values["number"], values["study"], values["status"]) == (1, "mine", "queued")
    assert values["created"] == values["changed"]
    assert (runs_dir / name / "run.log").read_text() == f"{values['created']} queued\n"
