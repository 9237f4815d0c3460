"""Runs directories that earlier versions wrote: this one reads them, with their databases and without."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rotui.store.checkpoints import newest_checkpoint, newest_environment
from rotui.store.identity import read_identity
from rotui.store.migrations import MIGRATIONS
from rotui.store.ordering import in_turn
from rotui.store.past_runs import read_run
from rotui.store.session import change, look
from rotui.store.weights_digest import weights_are_whole

FIXTURES = Path(__file__).parents[1] / "fixtures"
SCHEMAS = sorted(FIXTURES.glob("schema-*"))


@pytest.fixture(params=SCHEMAS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def runs_dir(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder / "runs", tmp_path / "runs")


@pytest.fixture
def expected(folder: Path) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = json.loads((folder / "expected.json").read_text())
    return values


def listed(runs_dir: Path, expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is listed now, of the values that the version which wrote the runs listed."""
    runs, unreadable = look(runs_dir)
    assert unreadable == []
    values = [run.to_json(runs_dir) for run in runs]
    return [{key: each[key] for key in then} for each, then in zip(values, expected, strict=True)]


def test_there_is_a_fixture_of_this_version() -> None:
    assert f"schema-{len(MIGRATIONS)}" in [folder.name for folder in SCHEMAS]


def test_the_fixture_is_small_and_needs_no_log(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    assert not [path.name for path in files if path.name.endswith(("-wal", "-shm", "-journal"))]


def test_runs_notes_tags_and_statuses_are_read(runs_dir: Path, expected: list[dict[str, Any]]) -> None:
    assert listed(runs_dir, expected) == expected
    assert {run["status"] for run in expected} == {"finished", "stopped", "failed", "queued"}
    assert all(run["note"] and run["tags"] for run in expected)


def test_a_change_keeps_the_runs_the_order_and_the_pause(
    runs_dir: Path, expected: list[dict[str, Any]]
) -> None:
    notices: list[str] = []
    with change(runs_dir, notices.append) as opened:
        assert opened.identity.paused
        assert opened.identity.highest == len(expected)
        assert [run.number for run in in_turn(opened.runs)] == [4, 2]
    assert notices == []
    assert listed(runs_dir, expected) == expected
    assert not list(runs_dir.glob("queue.sqlite3.unreadable-*"))


def test_without_its_database_the_same_is_read(runs_dir: Path, expected: list[dict[str, Any]]) -> None:
    (runs_dir / "queue.sqlite3").unlink()
    assert listed(runs_dir, expected) == expected
    with change(runs_dir, print) as opened:
        assert [run.number for run in in_turn(opened.runs)] == [4, 2]
    assert listed(runs_dir, expected) == expected


def test_without_what_the_directory_remembers_the_runs_are_still_its_own(
    runs_dir: Path, expected: list[dict[str, Any]]
) -> None:
    before = read_identity(runs_dir)
    (runs_dir / ".store.json").unlink()
    with change(runs_dir, print) as opened:
        assert before is not None
        assert (opened.identity.id, opened.identity.highest) == (before.id, before.highest)
        assert [run.number for run in in_turn(opened.runs)] == [4, 2]
    assert listed(runs_dir, expected) == expected


def test_its_rows_restore_states_that_are_lost(runs_dir: Path, expected: list[dict[str, Any]]) -> None:
    for run in expected:
        (runs_dir / run["name"] / "state.json").write_bytes(b"")
    assert look(runs_dir)[0] == []
    with change(runs_dir, print) as opened:
        assert opened.unreadable == []
    assert listed(runs_dir, expected) == expected


def test_its_database_is_of_the_schema_that_its_name_says(folder: Path, runs_dir: Path) -> None:
    with closing(sqlite3.connect(runs_dir / "queue.sqlite3")) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        assert folder.name == f"schema-{version}"
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_files_of_its_runs_are_read(runs_dir: Path) -> None:
    finished, stopped, failed, _ = (read_run(path) for path in sorted(runs_dir.glob("0*")))
    assert finished.result is not None
    assert finished.result.probes["pretrained"].linear_accuracy == 70.0
    assert weights_are_whole(finished.path, finished.weights_sha256)
    assert stopped.provenance["environment"] == newest_environment(stopped.path)
    checkpoint, damaged = newest_checkpoint(stopped.path, stopped.key)
    assert checkpoint is not None
    assert (checkpoint.manifest.epoch, checkpoint.state, damaged) == (1, b"not a network", [])
    assert failed.reason == "loss is nan in epoch 1"


def test_the_script_makes_a_fixture_of_this_version_and_overwrites_none(tmp_path: Path) -> None:
    script = [sys.executable, str(FIXTURES / "make_fixture.py"), str(tmp_path)]
    subprocess.run(script, check=True)
    [made] = tmp_path.iterdir()
    assert made.name == f"schema-{len(MIGRATIONS)}"
    expected = json.loads((made / "expected.json").read_text())
    assert listed(made / "runs", expected) == expected
    there = (made / "expected.json").read_bytes()
    assert subprocess.run(script, check=False, stderr=subprocess.DEVNULL).returncode != 0
    assert (made / "expected.json").read_bytes() == there
