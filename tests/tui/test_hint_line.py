"""The last line of every place: the keys of what has the focus, as many as there is room for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from sample_runs import Console, in_console, on_screen, queue_profiles, small

from rotui.store.identity import read_identity
from rotui.store.queue import Queue
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.hint_line import HintLine

WIDTHS = (12, 40, 50, 80, 120, 200)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered stays in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    queue_profiles(tmp_path / "runs", small(1))
    return tmp_path / "runs"


def hints(console: Console) -> str:
    return console.text("#hints").strip()


def says(console: Console, text: str) -> Callable[[], bool]:
    return lambda: text in hints(console)


def test_what_is_done_to_a_run_is_hinted_only_where_one_is_queued(tmp_path: Path) -> None:
    none = tmp_path / "none"

    async def check(console: Console) -> None:
        await console.until(says(console, "Pause"))
        assert "Cancel" not in hints(console)
        (name,) = queue_profiles(none, small(1))
        await console.until(says(console, "x Cancel  h Hold"))
        Queue(none, print).cancel([name])
        await console.until(lambda: "Cancel" not in hints(console))

    in_console(none, check)


def test_hints_fit_in_every_width_and_the_ways_to_help_and_out_stay(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        console.app.screen.query_one("#queue").focus()
        await console.until(says(console, "Open"))
        counts = []
        for width in WIDTHS:
            await console.pilot.resize_terminal(width, 20)
            await console.until(lambda width=width: cell_len(on_screen(console)[0]) == width)
            await console.pilot.pause()
            line = console.app.screen.query_one("#hints", HintLine)
            assert cell_len(on_screen(console)[-1]) == width
            assert line.render().cell_len <= max(width - 2, 14)
            if width >= 40:
                assert hints(console).endswith("? Help  q Quit")
            whole = [hint for _, hint in line._placed()]
            assert all(f"{hint.key} {hint.description}" in hints(console) for hint in whole if width >= 40)
            counts.append(len(whole))
        assert counts == sorted(counts)
        assert counts[-1] > counts[1]

    in_console(runs_dir, check)


def test_hints_follow_the_focus_with_its_own_keys_first(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.until(says(console, "e Edit"))
        assert "Open" not in hints(console)
        console.app.screen.query_one("#queue").focus()
        await console.until(says(console, "Open"))
        assert hints(console).index("Open") < hints(console).index("e Edit")
        console.app.screen.query_one("#accuracy").focus()
        await console.until(says(console, "l Log"))
        assert "Open" not in hints(console)
        await console.press("enter", "1", "question_mark", "escape")
        await console.until(says(console, "l Log"))

    in_console(runs_dir, check, (200, 30))


def test_hidden_keys_are_not_hinted_and_none_stands_twice(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.until(says(console, "e Edit"))
        active = [each.binding for each in console.app.screen.active_bindings.values()]
        hidden = {each.description for each in active if not each.show} - {
            each.description for each in active if each.show
        }
        parts = [part.split(" ", 1)[1] for part in hints(console).split("  ") if part.strip()]
        assert not hidden & set(parts)
        assert len(parts) == len(set(parts))

    in_console(runs_dir, check, (200, 30))


def test_a_click_on_a_hint_does_what_its_key_does(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        console.app.screen.query_one("#queue").focus()
        await console.until(says(console, "Open"))
        line = console.text("#hints")
        await console.pilot.click("#hints", offset=(line.index("? Help") + 2, 0))
        await console.until(lambda: type(console.app.screen).__name__ == "HelpScreen")
        await console.press("escape")
        await console.pilot.click("#hints", offset=(line.index("Pause") + 2, 0))
        await console.until(lambda: read_identity(runs_dir).paused)
        await console.pilot.click("#hints", offset=(line.index("Open") + 2, 0))
        await console.until(lambda: console.app.current_mode == "run")

    in_console(runs_dir, check, (200, 30))


def test_a_click_beside_the_hints_does_nothing(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        line = console.text("#hints")
        gap = line.index("? Help") - 3
        assert line[gap] == " "
        await console.pilot.click("#hints", offset=(gap, 0))
        await console.pilot.click("#hints", offset=(0, 0))
        assert console.app.screen_stack == [console.app.screen]
        assert not read_identity(runs_dir).paused

    in_console(runs_dir, check, (160, 30))


def test_the_users_keys_are_hinted_as_they_are(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.until(says(console, "f5 Edit"))
        assert hints(console).endswith("f1 Help  ^x Quit")

    keymap = {"console.edit": "f5", "app.help": "f1", "app.leave": "ctrl+x"}
    in_console(runs_dir, check, (120, 30), ViewState(keymap=keymap))
