"""A run that ends is told wherever one is, with a bell; a bad profile is mended in the user's editor."""

import os
import sys
import time
from pathlib import Path

import pexpect
import pytest
from open_console import OpenConsole
from sample_runs import (
    CLASSES,
    PATIENCE,
    Console,
    begin,
    curve,
    finish,
    in_console,
    queue_profiles,
    refresh,
    small,
)

from rotui.store.queue import Queue
from rotui.store.trash import delete_runs, restore_runs
from rotui.study.records import RunResult

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered stays in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def bells(console: Console) -> list[None]:
    """Grows by one whenever the bell rings."""
    rung: list[None] = []
    console.app.bell = lambda: rung.append(None)
    return rung


def test_a_run_that_ends_is_told_with_how_it_ended_and_a_bell(runs_dir: Path) -> None:
    names = queue_profiles(runs_dir, small(1), small(2))
    going_on = [begin(runs_dir / name, curve(3)) for name in names]
    refresh(runs_dir)

    async def check(console: Console) -> None:
        rung = bells(console)
        await console.until(lambda: len(console.app.snapshot.active) == 2)
        await console.press("3")
        going_on[0].fail("out of memory \x1b[31m[b]in[/b] layer4")
        await console.until_told(": out of memory \\x1b[31m[b]in[/b] layer4")
        assert console.told[0].startswith("1 supervised-random: failed, best ")
        going_on[1].finish(RunResult.of(curve(3), CLASSES), "")
        await console.until_told("2 supervised-random: finished, best ")
        assert len(rung) == 2

    in_console(runs_dir, check)


def test_a_run_that_began_and_ended_between_two_looks_is_told_too(runs_dir: Path) -> None:
    (name,) = queue_profiles(runs_dir, small(1))

    async def check(console: Console) -> None:
        rung = bells(console)
        begin(runs_dir / name, ()).fail("its data is gone")
        refresh(runs_dir)
        await console.until(lambda: console.app.snapshot.runs[0].status == "failed")
        await console.until_told("1 supervised-random: failed: its data is gone")
        assert len(rung) == 1

    in_console(runs_dir, check)


def test_what_ended_before_the_console_opened_or_was_cancelled_here_rings_no_bell(runs_dir: Path) -> None:
    first, second = queue_profiles(runs_dir, small(1), small(2))
    finish(runs_dir / first)
    refresh(runs_dir)

    async def check(console: Console) -> None:
        rung = bells(console)
        Queue(runs_dir, print).cancel([second])
        await console.until(lambda: not console.app.snapshot.queue)
        await console.pilot.pause()
        assert (rung, console.told) == ([], [])

    in_console(runs_dir, check)


def test_what_is_brought_back_from_the_trash_is_no_news(runs_dir: Path) -> None:
    first, second = queue_profiles(runs_dir, small(1), small(2))
    finish(runs_dir / first)
    refresh(runs_dir)
    time.sleep(0.01)

    async def check(console: Console) -> None:
        rung = bells(console)
        await console.until(lambda: len(console.app.snapshot.runs) == 2)
        delete_runs(runs_dir, [first], print)
        await console.until(lambda: len(console.app.snapshot.runs) == 1)
        restore_runs(runs_dir, [first], print)
        await console.until(lambda: len(console.app.snapshot.runs) == 2)
        begin(runs_dir / second, ()).fail("its data is gone")
        refresh(runs_dir)
        await console.until_told("2 supervised-random: failed: its data is gone")
        assert (len(rung), len(console.told)) == (1, 1)

    in_console(runs_dir, check)


def test_an_editor_that_is_not_there_is_told_and_the_console_goes_on(tmp_path: Path) -> None:
    console = OpenConsole(tmp_path, EDITOR="no-such-editor", VISUAL=None)
    try:
        console.wait_for("quick")
        console.press("e")
        console.wait_for("no-such-editor: No such file or directory")
        console.press("2")
        console.wait_for("experiments")
        console.press("q")
        assert console.wait() == 0
    finally:
        console.end()


def test_enter_on_a_bad_profile_opens_its_file_and_what_was_mended_is_good(tmp_path: Path) -> None:
    bad = tmp_path / "profiles" / "bad.toml"
    bad.parent.mkdir()
    bad.write_text("seed = -1\n")
    editor = tmp_path / "an editor"
    editor.write_text(f'#!/bin/sh\nprintf "%s" "$#:$2" > {tmp_path}/told\ncp "{tmp_path}/mended" "$2"\n')
    editor.chmod(0o755)
    (tmp_path / "mended").write_text('title = "Mended by hand"\n')
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROTUI_")}
    own = {"EDITOR": f"'{editor}' --wait", "TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY)}
    kept.pop("VISUAL", None)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "rotui"],
        env=kept | own,
        dimensions=(30, 120),
        timeout=PATIENCE,
        encoding="utf-8",
    )
    try:
        child.expect("1 faults")
        child.send("\r")
        child.expect("Mended by hand")
        assert (tmp_path / "told").read_text() == "2:profiles/bad.toml"
        child.send("q")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
