"""Files that cannot be read: written again from the index or kept aside, and never overwritten."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.store.claiming import claim
from rotui.store.past_runs import read_run
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.store.session import change, look
from rotui.study.planning import Plan, Point, plan
from rotui.study.records import METRIC_COLUMNS, EpochRecord, RunResult

DAMAGE = [b"", b"{", b"\xff\xfe\x00", bytes(300), b"[1]", b"null", None]
DAMAGE_NAMES = ["empty", "torn", "no text", "zeroed", "a list", "null", "gone"]


def study(*seeds: int) -> Plan:
    return plan(Point(Profile(name="small", stages=("supervised-random",), seed=seed)) for seed in seeds)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Two queued runs."""
    add_plan(tmp_path / "runs", study(0, 1), Wishes(note="kept", tags=("a",), priority=2), {}, print)
    return tmp_path / "runs"


@pytest.fixture
def run(runs_dir: Path) -> Path:
    """The first of them."""
    return runs_dir / look(runs_dir)[0][0].name


@pytest.fixture
def finished(runs_dir: Path, run: Path, epoch: Callable[..., EpochRecord], result: RunResult) -> Path:
    """The first of them, finished and indexed."""
    directory = begin(runs_dir, run)
    directory.write_provenance({"data_identity": "x"})
    directory.append_epoch(epoch(1))
    (run / "model.safetensors").write_bytes(b"weights")
    directory.finish(result, "")
    changed(runs_dir)
    return run


def begin(runs_dir: Path, run: Path) -> RunDirectory:
    directory = claim(runs_dir, {run.name}, lambda _: "", print).directory
    assert directory is not None
    return directory


def changed(runs_dir: Path) -> list[str]:
    """Does a change that changes nothing; what it gave notice of."""
    notices: list[str] = []
    with change(runs_dir, notices.append):
        pass
    return notices


def damage(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


def kept_aside(file: Path) -> list[bytes]:
    return [path.read_bytes() for path in file.parent.glob(f"{file.name}.unreadable-*")]


def lose_database(runs_dir: Path) -> None:
    for path in runs_dir.glob("queue.sqlite3*"):
        path.unlink()


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        *(("state.json", content) for content in DAMAGE),
        *(("queue.json", content) for content in DAMAGE[:-1]),  # without one a run is not of this queue
    ],
    ids=[*(f"state {name}" for name in DAMAGE_NAMES), *(f"queue {name}" for name in DAMAGE_NAMES[:-1])],
)
def test_what_cannot_be_read_of_a_waiting_run_is_written_again_from_the_index(
    runs_dir: Path, run: Path, file: str, content: bytes | None
) -> None:
    before, raw = look(runs_dir), (run / file).read_bytes()
    damage(run / file, content)
    notices = changed(runs_dir)
    assert (run / file).read_bytes() == raw
    assert look(runs_dir) == before
    assert kept_aside(run / file) == ([content] if content is not None else [])
    assert len(notices) == 1
    assert f"{run.name}/{file}" in notices[0]
    assert changed(runs_dir) == []


def test_all_files_of_a_run_at_once_are_written_again_from_the_index(runs_dir: Path, run: Path) -> None:
    before = look(runs_dir)
    files = {name: (run / name).read_bytes() for name in ("state.json", "profile.toml", "queue.json")}
    for name in files:
        (run / name).write_bytes(b"\xff" + name.encode())
    assert len(changed(runs_dir)) == 3
    assert {name: (run / name).read_bytes() for name in files} == files
    assert [kept_aside(run / name) for name in files] == [[b"\xff" + name.encode()] for name in files]
    assert look(runs_dir) == before


def test_what_is_damaged_again_is_kept_aside_again(runs_dir: Path, run: Path) -> None:
    raw = (run / "state.json").read_bytes()
    for content in (b"first", b"second"):
        (run / "state.json").write_bytes(content)
        changed(runs_dir)
    assert sorted(kept_aside(run / "state.json")) == [b"first", b"second"]
    assert (run / "state.json").read_bytes() == raw


@pytest.mark.parametrize("content", [b"name = ", b"{", b"\xff"])
@pytest.mark.parametrize("file", ["state.json", "profile.toml"])
def test_without_the_index_what_cannot_be_read_is_left_and_told(
    runs_dir: Path, run: Path, file: str, content: bytes
) -> None:
    lose_database(runs_dir)
    (run / file).write_bytes(content)
    before = contents(run)
    assert changed(runs_dir) == []
    assert contents(run) == before
    runs, unreadable = look(runs_dir)
    assert [each.number for each in runs] == [2]
    assert len(unreadable) == 1
    assert f"{run.name}/{file}: damaged" in unreadable[0]


def test_without_the_index_a_wish_that_cannot_be_read_is_kept_aside_and_told(
    runs_dir: Path, run: Path
) -> None:
    lose_database(runs_dir)
    (run / "queue.json").write_bytes(b"torn")
    notices = changed(runs_dir)
    assert kept_aside(run / "queue.json") == [b"torn"]
    assert len(notices) == 1
    assert "queue.json" in notices[0]
    assert [each.own for each in look(runs_dir)[0]] == [False, True]
    Queue(runs_dir, print).retry([run.name])
    assert [each.own for each in look(runs_dir)[0]] == [True, True]


def test_without_the_index_measurements_that_cannot_be_read_are_kept_aside_and_begun_anew(
    runs_dir: Path, run: Path, epoch: Callable[..., EpochRecord]
) -> None:
    directory = begin(runs_dir, run)
    directory.append_epoch(epoch(1))
    directory.write_provenance({"data_identity": "x"})
    directory.stop("asked")
    lose_database(runs_dir)
    (run / "metrics.csv").write_bytes(b"\xff")
    (run / "provenance.json").write_bytes(b"{")
    assert len(changed(runs_dir)) == 2
    assert kept_aside(run / "metrics.csv") == [b"\xff"]
    assert kept_aside(run / "provenance.json") == [b"{"]
    assert (run / "metrics.csv").read_text() == ",".join(METRIC_COLUMNS) + "\n"
    past = read_run(run)
    assert (past.status, past.epochs, past.provenance) == ("stopped", (), {})


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", None], ids=["empty", "torn", "no text", "gone"])
@pytest.mark.parametrize("file", ["metrics.csv", "result.json"])
@pytest.mark.parametrize("has_index", [True, False], ids=["index", "no index"])
def test_what_a_finished_run_measured_is_left_as_it_is(
    runs_dir: Path, finished: Path, file: str, content: bytes | None, has_index: bool
) -> None:
    if not has_index:
        lose_database(runs_dir)
    damage(finished / file, content)
    before = contents(finished)
    assert changed(runs_dir) == []
    assert contents(finished) == before
    if not has_index:
        assert [each.number for each in look(runs_dir)[0]] == [2]
        assert f"{finished.name}/{file}" in look(runs_dir)[1][0]
    claimed = claim(runs_dir, None, lambda _: "", print).directory
    assert claimed is not None
    assert claimed.name != finished.name
    claimed.close()


@pytest.mark.parametrize("content", [b"", b"{", bytes(300)], ids=["empty", "torn", "zeroed"])
def test_the_state_of_a_finished_run_is_written_again_from_the_index_and_nothing_else_is(
    runs_dir: Path, finished: Path, content: bytes
) -> None:
    before, listed = contents(finished), look(runs_dir)
    (finished / "state.json").write_bytes(content)
    changed(runs_dir)
    after = contents(finished)
    [aside] = after.keys() - before.keys()
    assert after.pop(aside) == content
    assert after == before
    assert look(runs_dir) == listed


def test_a_run_that_is_being_trained_is_left_to_who_trains_it(runs_dir: Path, run: Path) -> None:
    directory = begin(runs_dir, run)
    before = contents(run)
    for name in ("queue.json", "state.json"):
        (run / name).write_bytes(b"torn")
        assert changed(runs_dir) == []
        assert contents(run) == before | {name: b"torn"}
        (run / name).write_bytes(before[name])
    directory.stop("asked")
    assert read_run(run).status == "stopped"


@pytest.mark.parametrize("content", DAMAGE, ids=DAMAGE_NAMES)
def test_what_the_directory_remembers_is_made_again_where_it_cannot_be_read(
    runs_dir: Path, content: bytes | None
) -> None:
    before, store = look(runs_dir), runs_dir / ".store.json"
    raw = store.read_bytes()
    damage(store, content)
    assert [each.number for each in look(runs_dir)[0]] == [1, 2]
    notices = changed(runs_dir)
    assert store.read_bytes() == raw
    assert look(runs_dir) == before
    assert kept_aside(store) == ([content] if content is not None else [])
    assert [".store.json" in notice for notice in notices] == ([True] if content is not None else [])
    assert claim(runs_dir, None, lambda _: "", print).directory is not None
    add_plan(runs_dir, study(7), Wishes(), {}, print)
    assert [each.number for each in look(runs_dir)[0]] == [1, 2, 3]


def test_a_flipped_bit_of_what_the_directory_remembers_takes_no_run_out_of_the_queue(runs_dir: Path) -> None:
    store = runs_dir / ".store.json"
    raw = store.read_bytes()
    lost = []
    for place in range(0, 8 * len(raw), 5):
        byte, bit = divmod(place, 8)
        store.write_bytes(raw[:byte] + bytes([raw[byte] ^ 1 << bit]) + raw[byte + 1 :])
        with change(runs_dir, lambda _: None) as opened:
            if not all(each.own for each in opened.runs):
                lost.append((byte, bit))
        for aside in runs_dir.glob(".store.json.unreadable-*"):
            aside.unlink()
    assert lost == []


def test_runs_that_were_copied_in_do_not_decide_whose_directory_it_is(runs_dir: Path, tmp_path: Path) -> None:
    add_plan(tmp_path / "there", study(5), Wishes(), {}, print)
    [there] = (tmp_path / "there").glob("0001-*")
    shutil.copytree(there, runs_dir / "0090-copied")
    (runs_dir / ".store.json").write_bytes(b"")
    changed(runs_dir)
    assert [each.own for each in look(runs_dir)[0]] == [True, True, False]


def test_stale_files_of_every_name_change_nothing(runs_dir: Path, run: Path) -> None:
    before = look(runs_dir)
    for name in (".store.json.1f.tmp", ".reserve", ".queue.sqlite3.1f.tmp", ".reserve.1f.tmp"):
        (runs_dir / name).write_bytes(b"torn")
    for name in (".state.json.1f.tmp", ".queue.json.1f.tmp", ".progress.json.7.tmp", ".metrics.csv.1f.tmp"):
        (run / name).write_bytes(b"torn")
    (runs_dir / ".lock").write_bytes(b"\x00\xff" * 100)
    (run / "lock").write_bytes(b"12345\n")
    (run / "progress.json").write_bytes(b"{")
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / ".epoch-000001-step-00000000.1f.tmp").mkdir()
    assert changed(runs_dir) == []
    assert look(runs_dir) == before
    directory = claim(runs_dir, None, lambda _: "", print).directory
    assert directory is not None
    assert directory.path == run
    directory.close()


def test_torn_last_lines_are_dropped_when_a_run_is_taken_up(
    runs_dir: Path, run: Path, epoch: Callable[..., EpochRecord]
) -> None:
    directory = begin(runs_dir, run)
    directory.append_epoch(epoch(1))
    directory.close()
    whole = {name: (run / name).read_bytes() for name in ("metrics.csv", "run.log")}
    for name in whole:
        with (run / name).open("ab") as file:
            file.write(b"2,1.5,\xff")
    assert len(read_run(run).epochs) == 1
    taken = begin(runs_dir, run)
    assert {name: (run / name).read_bytes() for name in whole} == whole
    taken.close()


def test_a_staged_run_that_cannot_be_read_is_removed_only_if_it_was_never_committed(
    runs_dir: Path, run: Path
) -> None:
    committed = run.rename(runs_dir / f".{run.name}.new")
    shutil.copytree(committed, runs_dir / ".0009-never.new")
    for staged in (committed, runs_dir / ".0009-never.new"):
        (staged / "queue.json").write_bytes(b"torn")
        (staged / "state.json").write_bytes(b"torn")
    changed(runs_dir)
    assert not list(runs_dir.glob(".0*"))
    assert [(each.number, each.note, each.own) for each in look(runs_dir)[0]] == [
        (1, "kept", True),
        (2, "kept", True),
    ]


def test_a_state_from_the_index_is_the_newest_that_was_recorded(runs_dir: Path, run: Path) -> None:
    begin(runs_dir, run).fail("loss is nan")
    changed(runs_dir)
    (run / "state.json").write_bytes(b"")
    changed(runs_dir)
    assert json.loads((run / "state.json").read_text())["reason"] == "loss is nan"
    assert look(runs_dir)[0][0].status == "failed"
