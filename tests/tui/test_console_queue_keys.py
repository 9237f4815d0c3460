"""The queue in the first place: its rows with state, progress and time, and what its keys leave on disk."""

import json
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_runs import Console, begin, curve, finish, in_console, queue_profiles, refresh, small

from rotui.profile.schema import Profile
from rotui.store.identity import read_identity
from rotui.store.layout import PROGRESS
from rotui.store.listing import ListedRun
from rotui.store.ordering import in_order
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.store.session import look
from rotui.tui.widgets.virtual_table import VirtualTable

HERE = {"host": platform.node(), "device": "cpu", "device_name": "processor", "threads": 1}


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered stays in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Four queued runs."""
    queue_profiles(tmp_path / "runs", *(quick(seed) for seed in range(1, 5)))
    return tmp_path / "runs"


@pytest.fixture
def going_on(runs_dir: Path) -> Iterator[RunDirectory]:
    """The second of them is being trained: 20 of 50 epochs, a quarter of the next, 2 seconds each."""
    directory = begin(runs_dir / name(runs_dir, 2), curve(20))
    told = {"epoch": 21, "step": 1, "steps": 4, "images_per_second": 50.0, "seconds_per_epoch": 2.0}
    (directory.path / PROGRESS).write_text(json.dumps(told))
    refresh(runs_dir)
    yield directory
    directory.close()


def quick(seed: int, **values: object) -> Profile:
    return small(seed, compute={"threads": 1}, **values)


def by_number(runs_dir: Path) -> dict[int, ListedRun]:
    return {run.number: run for run in look(runs_dir)[0]}


def name(runs_dir: Path, number: int) -> str:
    return by_number(runs_dir)[number].name


def order(runs_dir: Path) -> list[int]:
    """The numbers of the queue's runs in its order, as the directory has it."""
    return [run.number for run in in_order(look(runs_dir)[0])]


def queue(console: Console) -> "VirtualTable[ListedRun]":
    return console.app.screen.query_one("#queue", VirtualTable)


def rows(console: Console) -> list[str]:
    """The words of each row."""
    return [" ".join(line.removeprefix("▸").split()) for line in console.text("#queue").splitlines()[1:]]


def shows(console: Console, *numbers: int) -> bool:
    return [run.number for run in queue(console).rows] == [*numbers]


@pytest.mark.usefixtures("going_on")
def test_each_run_stands_in_the_queues_order_with_its_state_share_and_time(runs_dir: Path) -> None:
    Queue(runs_dir, print).hold([name(runs_dir, 1)])
    Queue(runs_dir, print).prioritise([name(runs_dir, 4)], 1)

    async def check(console: Console) -> None:
        await console.until(lambda: shows(console, 2, 4, 3, 1))
        told = rows(console)
        assert told[0].startswith("2 supervised-random 2 ▶ running ━━━━╌╌╌╌╌╌ 40% 1 min 00 s")
        assert told[0].endswith("50/s")
        assert told[1].startswith("4 supervised-random 4 · queued ╌╌╌╌╌╌╌╌╌╌ 0%")
        assert told[2].startswith("3 supervised-random 3 · queued")
        assert told[3].startswith("1 supervised-random 1 ‖ held")

    in_console(runs_dir, check, (200, 50))


def test_the_time_until_each_run_is_done_comes_from_what_was_measured_here(
    runs_dir: Path, going_on: RunDirectory
) -> None:
    finish(runs_dir / name(runs_dir, 1), **HERE)

    async def check(console: Console) -> None:
        await console.until(lambda: len(rows(console)) > 2 and "min" in rows(console)[1])
        whole = 50 * 61.5
        left = 59.5
        assert [console.app.snapshot.arrivals[name(runs_dir, number)] for number in (2, 3, 4)] == (
            pytest.approx([left, left + whole, left + 2 * whole])
        )
        assert "~52 min" in rows(console)[1]
        assert "~1 h 43 min" in rows(console)[2]
        assert "~1 h 43 min left" in console.text("#place-line")
        going_on.stop("asked")
        refresh(runs_dir)
        await console.until(lambda: "■ stopped" in rows(console)[0])
        assert "~30 min 45 s" in rows(console)[0]

    in_console(runs_dir, check, (200, 50))


def test_why_a_run_waits_is_told(runs_dir: Path) -> None:
    queue_profiles(runs_dir, quick(9, stages=("finetune-pretrained",)))

    async def check(console: Console) -> None:
        assert "waits for run 5" in rows(console)[5]
        Queue(runs_dir, print).cancel([name(runs_dir, 5)])
        await console.until(lambda: "- skipped" in rows(console)[4])
        assert "run 5, which it starts from, was cancelled" in rows(console)[4]

    in_console(runs_dir, check, (200, 50))


def test_the_queue_is_paused_and_goes_on_by_the_same_key(runs_dir: Path) -> None:
    def paused() -> bool:
        identity = read_identity(runs_dir)
        return identity is not None and identity.paused

    async def check(console: Console) -> None:
        await console.press("p")
        await console.until_told("paused: what is being trained goes on")
        assert paused()
        await console.until(lambda: "PAUSED" in console.text("#place-line"))
        await console.press("p")
        await console.until_told("the queue goes on")
        assert not paused()
        await console.until(lambda: "PAUSED" not in console.text("#place-line"))

    in_console(runs_dir, check)


def test_the_run_under_the_cursor_is_cancelled_and_leaves_the_queue(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("tab", "down", "x")
        await console.until(lambda: shows(console, 1, 3, 4))
        assert "2: cancelled (R in Runs queues it again)" in console.told
        assert queue(console).cursor_row.number == 3

    in_console(runs_dir, check)
    assert {number: run.status for number, run in by_number(runs_dir).items()} == {
        1: "queued",
        2: "cancelled",
        3: "queued",
        4: "queued",
    }


def test_marked_runs_are_cancelled_together_and_the_others_stay(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("tab", "space", "down", "space", "x")
        await console.until(lambda: shows(console, 2, 4))
        assert "1, 3: cancelled (R in Runs queues it again)" in console.told
        await console.press("x")
        await console.until(lambda: shows(console, 2))

    in_console(runs_dir, check)


def test_a_run_that_ended_meanwhile_is_not_cancelled_and_that_is_told(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        console.app.feed.stop()
        finish(runs_dir / name(runs_dir, 1))
        await console.press("tab", "x")
        await console.until_told("run 1 is finished already")

    in_console(runs_dir, check)
    assert by_number(runs_dir)[1].status == "finished"


def test_a_run_is_held_and_released_by_the_same_key(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("tab", "h")
        await console.until(lambda: "‖ held" in rows(console)[3])
        assert (order(runs_dir), by_number(runs_dir)[1].status) == ([2, 3, 4, 1], "held")
        assert queue(console).cursor_row.number == 1
        await console.press("h")
        await console.until(lambda: "· queued" in rows(console)[3] or "· queued" in rows(console)[0])
        await console.until(lambda: shows(console, 1, 2, 3, 4))

    in_console(runs_dir, check)
    assert by_number(runs_dir)[1].status == "queued"


def test_marked_runs_are_held_and_released_together(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("tab", "space", "space", "h")
        await console.until(lambda: shows(console, 3, 4, 1, 2))
        assert [by_number(runs_dir)[number].status for number in (1, 2, 3)] == ["held", "held", "queued"]
        await console.press("h")
        await console.until(lambda: shows(console, 1, 2, 3, 4))

    in_console(runs_dir, check)


def test_a_run_moves_up_down_and_to_the_front_with_the_cursor_on_it(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("tab", "end")
        for key, wanted in (
            ("K", [1, 2, 4, 3]),
            ("K", [1, 4, 2, 3]),
            ("J", [1, 2, 4, 3]),
            ("T", [4, 1, 2, 3]),
            ("K", [4, 1, 2, 3]),
        ):
            await console.press(key)
            await console.until(lambda wanted=wanted: shows(console, *wanted))
            assert order(runs_dir) == wanted
            assert queue(console).cursor_row.number == 4
        await console.press("end", "J")
        assert order(runs_dir) == [4, 1, 2, 3]

    in_console(runs_dir, check)


def test_the_one_marked_run_moves_and_not_the_one_under_the_cursor(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("tab", "down", "down", "space", "T")
        await console.until(lambda: shows(console, 3, 1, 2, 4))
        assert queue(console).cursor_row.number == 4
        await console.press("space", "T", "K")
        assert [told for told in console.told if "moved" in told] == ["3: moved to the front"]

    in_console(runs_dir, check)
    assert order(runs_dir) == [3, 1, 2, 4]


def test_keys_of_an_empty_queue_do_nothing(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("x", "h", "K", "J", "T", "tab", "x", "enter", "space")
        assert console.told == []
        assert console.app.current_mode == "console"

    in_console(tmp_path / "none", check)
