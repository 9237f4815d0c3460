"""The index spares reading directories that have not changed, and never says anything else than they do."""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from begun_runs import begin_run, queue_run

from rotui.errors import StoreError
from rotui.profile.schema import Profile
from rotui.store import index
from rotui.store.adding import Wishes, add_plan
from rotui.store.database import Database
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.store.session import change, look, writer_lock
from rotui.study.planning import PlannedRun, Point, plan

FILE = "queue.sqlite3"


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Three queued runs."""
    profiles = [Profile(name="small", stages=("supervised-random",), seed=seed) for seed in range(3)]
    made = plan([Point(profile) for profile in profiles])
    add_plan(tmp_path / "runs", made, Wishes(note="kept", tags=("a",)), {}, print)
    return tmp_path / "runs"


def names(runs_dir: Path) -> list[str]:
    runs, unreadable = look(runs_dir)
    assert unreadable == []
    return [run.name for run in runs]


def rows(runs_dir: Path) -> dict[str, str]:
    with closing(sqlite3.connect(runs_dir / FILE)) as connection:
        return dict(connection.execute("SELECT name, state FROM runs"))


def refresh(runs_dir: Path) -> None:
    """A change that changes nothing."""
    with change(runs_dir, print):
        pass


@contextmanager
def count_readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the runs whose directories are read within the block."""
    read: list[str] = []
    row_of = index.row_of

    def counted(path: Path, name: str = "") -> index.Row:
        read.append(path.name)
        return row_of(path, name)

    with monkeypatch.context() as patch:
        patch.setattr(index, "row_of", counted)
        yield read


def test_only_directories_that_changed_are_read(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = names(runs_dir)
    with count_readings(monkeypatch) as read:
        look(runs_dir)
        refresh(runs_dir)
        assert read == []
        RunDirectory.begin(runs_dir / second).stop("asked")
        assert [run.status for run in look(runs_dir)[0]] == ["queued", "stopped", "queued"]
        assert read == [second]
        refresh(runs_dir)
        read.clear()
        look(runs_dir)
        assert read == []
    assert '"stopped"' in rows(runs_dir)[second]
    assert '"queued"' in rows(runs_dir)[first]


def test_a_wish_that_was_written_by_hand_is_seen(runs_dir: Path) -> None:
    entry = runs_dir / names(runs_dir)[0] / "queue.json"
    entry.write_text(json.dumps(json.loads(entry.read_text()) | {"note": "by hand"}))
    assert look(runs_dir)[0][0].note == "by hand"
    refresh(runs_dir)
    assert look(runs_dir)[0][0].note == "by hand"


def test_a_run_is_running_only_while_a_process_holds_it_whatever_the_index_says(runs_dir: Path) -> None:
    name = names(runs_dir)[0]
    directory = RunDirectory.begin(runs_dir / name)
    refresh(runs_dir)
    assert '"running"' in rows(runs_dir)[name]
    assert look(runs_dir)[0][0].status == "running"
    directory.close()
    assert look(runs_dir)[0][0].status == "interrupted"
    refresh(runs_dir)
    with change(runs_dir, print) as opened:
        assert opened.runs[0].status == "interrupted"


def test_a_directory_that_was_copied_in_is_shown_and_one_that_is_removed_is_gone(
    runs_dir: Path, tmp_path: Path, planned: PlannedRun
) -> None:
    elsewhere = begin_run(tmp_path / "elsewhere", planned, study="theirs")
    elsewhere.stop("asked")
    first, *others = names(runs_dir)
    shutil.copytree(elsewhere.path, runs_dir / elsewhere.name)
    shutil.rmtree(runs_dir / first)
    expected = [elsewhere.name, *others]
    assert names(runs_dir) == expected
    refresh(runs_dir)
    assert names(runs_dir) == expected
    assert set(rows(runs_dir)) == set(expected)
    copied = look(runs_dir)[0][0]
    assert (copied.status, copied.own, copied.study) == ("stopped", False, "theirs")


def test_a_renamed_directory_is_one_run_under_its_new_name(runs_dir: Path) -> None:
    first, *others = names(runs_dir)
    (runs_dir / first).rename(runs_dir / "0009-best")
    assert names(runs_dir) == [*others, "0009-best"]
    refresh(runs_dir)
    assert set(rows(runs_dir)) == {*others, "0009-best"}


def test_a_directory_in_the_place_of_another_is_read_anew(runs_dir: Path) -> None:
    first, second, third = names(runs_dir)
    shutil.rmtree(runs_dir / first)
    shutil.copytree(runs_dir / second, runs_dir / first)
    Queue(runs_dir, print).note([third], "other")
    assert [run.seed for run in look(runs_dir)[0]] == [1, 1, 2]


def test_the_database_of_another_runs_directory_says_nothing_here(
    runs_dir: Path, tmp_path: Path, planned: PlannedRun
) -> None:
    before = look(runs_dir)
    others = tmp_path / "others"
    for _ in range(3):
        queue_run(others, planned)
    path = others / "0001-small-supervised-random-seed0"
    next(others.glob("0001-*")).rename(path)
    Queue(others, print).note([path.name], "theirs")
    for log in runs_dir.glob(f"{FILE}-*"):
        log.unlink()
    shutil.copy(others / FILE, runs_dir / FILE)
    assert path.name in [run.name for run in before[0]]
    assert look(runs_dir) == before
    refresh(runs_dir)
    assert look(runs_dir) == before
    assert set(rows(runs_dir)) == set(names(runs_dir))


@pytest.mark.parametrize("column", ["summary", "state", "entry", "profile", "key", "number", "state_stamp"])
def test_a_row_that_its_digest_does_not_vouch_for_is_not_believed(runs_dir: Path, column: str) -> None:
    before = look(runs_dir)
    name = before[0][1].name
    with closing(sqlite3.connect(runs_dir / FILE)) as connection:
        connection.execute(f"UPDATE runs SET {column} = {column} || '1' WHERE name = ?", [name])
        connection.commit()
    assert look(runs_dir) == before
    (runs_dir / name / "state.json").write_bytes(b"")
    with change(runs_dir, print) as opened:
        assert [run.name for run in opened.runs] == [run.name for run in before[0] if run.name != name]
        assert len(opened.unreadable) == 1
    assert (runs_dir / name / "state.json").read_bytes() == b""


def test_a_row_that_lies_is_put_right_by_the_next_change(runs_dir: Path) -> None:
    before = look(runs_dir)
    with closing(sqlite3.connect(runs_dir / FILE)) as connection:
        connection.execute("UPDATE runs SET summary = replace(summary, 'kept', 'lies')")
        connection.commit()
    assert look(runs_dir) == before
    refresh(runs_dir)
    with closing(sqlite3.connect(runs_dir / FILE)) as connection:
        summaries = [text for (text,) in connection.execute("SELECT summary FROM runs")]
    assert len(summaries) == 3
    assert all('"kept"' in text for text in summaries)


def test_a_summary_that_another_rotui_wrote_is_read_anew(runs_dir: Path) -> None:
    before = look(runs_dir)
    with Database(runs_dir / FILE).writing(index.load_rows) as (connection, found):
        fewer, more, _ = found.values()
        summary = json.loads(fewer.summary)
        del summary["settings"]
        fewer = replace(fewer, summary=json.dumps(summary)).vouched()
        more = replace(more, summary=json.dumps({**json.loads(more.summary), "later": 1})).vouched()
        index.save_rows(connection, [fewer, more])
    assert look(runs_dir) == before
    refresh(runs_dir)
    assert look(runs_dir) == before


def test_a_rebuild_says_what_was_said_before_and_keeps_the_old_database(runs_dir: Path) -> None:
    Queue(runs_dir, print).move([names(runs_dir)[2]], "first")
    before, rows_before = look(runs_dir), rows(runs_dir)
    for path in runs_dir.glob(f"{FILE}-*"):
        path.unlink()
    raw = (runs_dir / FILE).read_bytes()
    assert Queue(runs_dir, print).rebuild() == before[0]
    assert look(runs_dir) == before
    assert rows(runs_dir) == rows_before
    [kept] = runs_dir.glob(f"{FILE}.replaced-*")
    assert kept.read_bytes() == raw
    Queue(runs_dir, print).rebuild()
    assert len([*runs_dir.glob(f"{FILE}.replaced-*")]) == 2


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 100], ids=["gone", "empty", "garbage"])
def test_a_rebuild_needs_no_database_that_can_be_read(runs_dir: Path, content: bytes | None) -> None:
    before = look(runs_dir)
    for path in runs_dir.glob(f"{FILE}*"):
        path.unlink()
    if content is not None:
        (runs_dir / FILE).write_bytes(content)
    assert Queue(runs_dir, print).rebuild() == before[0]
    assert [path.read_bytes() for path in runs_dir.glob(f"{FILE}.replaced-*")] == [
        each for each in [content] if each is not None
    ]


def test_a_rebuild_after_a_crash_while_a_study_was_queued_keeps_it_whole(runs_dir: Path) -> None:
    """The last two of three runs that were committed are not shown yet, and the index goes."""
    before = names(runs_dir)
    for name in before[1:]:
        (runs_dir / name).rename(runs_dir / f".{name}.new")
    assert [run.name for run in Queue(runs_dir, print).rebuild()] == before
    assert names(runs_dir) == before


def test_to_look_changes_and_locks_nothing(runs_dir: Path) -> None:
    damaged, whole, _ = names(runs_dir)
    (runs_dir / damaged / "queue.json").write_bytes(b"")
    shutil.copytree(runs_dir / whole, runs_dir / ".0009-staged.new")
    before = {path: path.read_bytes() for path in files(runs_dir)}
    with writer_lock(runs_dir):
        assert [run.name for run in look(runs_dir)[0]] == names_but(runs_dir, damaged)
    assert {path: path.read_bytes() for path in files(runs_dir)} == before


def test_a_directory_that_cannot_be_written_is_listed(runs_dir: Path) -> None:
    before = look(runs_dir)
    shared = Path(tempfile.mkdtemp())
    try:
        copied = shutil.copytree(runs_dir, shared / "runs", ignore=shutil.ignore_patterns(f"{FILE}-*"))
        for path in (shared, copied, *copied.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        with as_another_user():
            assert look(copied) == before
    finally:
        for path in (shared, *shared.rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(shared)


def test_no_directory_is_no_runs_and_a_file_is_an_error(tmp_path: Path) -> None:
    assert look(tmp_path / "none") == ([], [])
    assert not (tmp_path / "none").exists()
    (tmp_path / "plain").write_text("")
    with pytest.raises(StoreError, match="plain"):
        look(tmp_path / "plain")


def names_but(runs_dir: Path, left_out: str) -> list[str]:
    return sorted(path.name for path in runs_dir.glob("0*") if path.name != left_out)


def files(runs_dir: Path) -> list[Path]:
    """All that a look may not touch: it opens the database's empty log and shared memory."""
    found = [path for path in runs_dir.rglob("*") if path.is_file()]
    return [path for path in found if not path.name.startswith(f"{FILE}-")]


@contextmanager
def as_another_user() -> Iterator[None]:
    """Root writes everywhere, and becomes nobody for the block."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
