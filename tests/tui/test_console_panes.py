"""The panes of the first place: zoomed, hidden, and in every width of screen."""

from pathlib import Path

import pytest
from rich.cells import cell_len
from sample_runs import Console, begin, curve, in_console, on_screen, queue_profiles, small

from rotui.tui.view_state import ViewState
from rotui.tui.widgets.virtual_table import VirtualTable

SIZES = ((50, 24), (80, 24), (120, 40), (200, 50))


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered, and the profiles that are looked for, stay in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def shown(console: Console, *selectors: str) -> list[bool]:
    """Which of these widgets has cells on the screen."""
    return [bool(console.app.screen.query_one(selector).region.area) for selector in selectors]


def test_the_focused_pane_takes_the_whole_screen_and_gives_it_back(runs_dir: Path) -> None:
    queue_profiles(runs_dir, small(1))

    async def check(console: Console) -> None:
        screen = console.app.screen
        for selector in ("#queue", "#accuracy", "#loss"):
            await console.press("tab")
            before = screen.query_one(selector).size
            assert screen.query_one(selector).has_focus
            await console.press("z")
            assert screen.maximized is screen.query_one(selector)
            assert screen.query_one(selector).size.width > 110
            assert screen.query_one(selector).size.height > before.height
            await console.press("z")
            assert screen.maximized is None
            assert screen.query_one(selector).size == before

    in_console(runs_dir, check)


def test_profiles_that_were_hidden_stay_so_the_next_time(runs_dir: Path) -> None:
    queue_profiles(runs_dir, small(1))

    async def hide(console: Console) -> None:
        width = console.app.screen.query_one("#queue").size.width
        await console.press("tab", "b")
        assert not console.app.screen.query_one("#profiles-pane").display
        assert console.app.screen.query_one("#queue").size.width > width

    async def show(console: Console) -> None:
        assert not console.app.screen.query_one("#profiles-pane").display
        await console.press("b")
        assert console.app.screen.query_one("#profiles-pane").display

    in_console(runs_dir, hide)
    in_console(runs_dir, show, state=ViewState.load())
    assert ViewState.load().hidden_panes == []


def test_with_the_profiles_hidden_keys_still_reach_the_queue(runs_dir: Path) -> None:
    queue_profiles(runs_dir, small(1), small(2))

    async def check(console: Console) -> None:
        assert console.app.screen.focused is not None
        assert console.app.screen.focused.region.area
        await console.press("down")
        assert console.app.screen.query_one("#queue", VirtualTable).cursor_row.number == 2

    in_console(runs_dir, check, state=ViewState(hidden_panes=["profiles"]))


def test_in_fifty_columns_the_profiles_are_there_while_one_chooses(runs_dir: Path) -> None:
    queue_profiles(runs_dir, small(1))

    async def check(console: Console) -> None:
        assert shown(console, "#profiles", "#queue") == [True, False]
        assert "b Profiles" in console.text("#hints")
        await console.press("b")
        await console.until(lambda: shown(console, "#profiles", "#queue") == [False, True])
        assert console.app.screen.query_one("#queue").has_focus
        assert shown(console, "#accuracy", "#loss") == [True, False]
        assert "supervised-random" in console.text("#queue")
        await console.press("b")
        await console.until(lambda: shown(console, "#profiles", "#queue") == [True, False])
        assert console.app.screen.query_one("#profiles").has_focus
        await console.press("tab")
        assert console.app.view_state.hidden_panes == []

    in_console(runs_dir, check, (50, 24))


def test_no_line_is_wider_than_the_screen_and_the_keys_are_told_below(runs_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    for name, text in (("wide", 'title = "宽的 العربية \U0001f600"'), ("宽" * 30, "seed = -1")):
        (tmp_path / "profiles" / f"{name}.toml").write_text(text, encoding="utf-8")
    names = queue_profiles(runs_dir, small(1), small(2))
    going_on = begin(runs_dir / names[0], curve(9))

    async def check(console: Console) -> None:
        for size in SIZES:
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: cell_len(on_screen(console)[0]) == size[0])
            await console.pilot.pause()
            lines = on_screen(console)
            assert len(lines) == size[1]
            assert {cell_len(line) for line in lines} == {size[0]}
            assert "e Edit" in lines[-1]
            assert lines[-1].rstrip().endswith("? Help  q Quit")
            assert "1 Console" in lines[0]

    in_console(runs_dir, check)
    going_on.close()


def test_hiding_the_profiles_while_one_chooses_goes_on_in_the_queue(runs_dir: Path) -> None:
    queue_profiles(runs_dir, small(1), small(2))

    async def check(console: Console) -> None:
        assert console.app.screen.query_one("#profiles").has_focus
        await console.press("b", "down")
        assert console.app.screen.query_one("#queue", VirtualTable).cursor_row.number == 2

    in_console(runs_dir, check)
