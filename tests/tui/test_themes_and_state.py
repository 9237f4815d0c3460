"""Themes in every place, and what is remembered of a user's arrangement between two sessions."""

import json
from pathlib import Path

import pytest
from rich.segment import Segment
from sample_runs import Console, begin, curve, finish, in_console, on_screen, queue_profiles, small

from rotui.tui.places import PLACES
from rotui.tui.themes import DEFAULT_THEME, THEMES
from rotui.tui.view_state import ViewState, keymap_path, state_path

NAMES = [theme.name for theme in THEMES]


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered stays in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """A finished run, one that was interrupted and one that waits."""
    names = queue_profiles(tmp_path / "runs", *(small(seed) for seed in range(3)))
    finish(tmp_path / "runs" / names[0])
    begin(tmp_path / "runs" / names[1], curve(9)).close()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "none.toml").write_text('[data]\nname = "folder"\npath = "nowhere"\n')
    return tmp_path / "runs"


def segments(console: Console) -> list[Segment]:
    return [each for strip in console.app.screen._compositor.render_strips() for each in strip]


def backgrounds(console: Console) -> set[str]:
    """The colours behind what is on the screen."""
    return {str(each.style.bgcolor) for each in segments(console) if each.style and each.style.bgcolor}


def test_each_theme_is_applied_in_every_place(runs_dir: Path) -> None:
    looks: dict[str, set[str]] = {}

    async def check(console: Console) -> None:
        await console.press("tab", "enter")
        for place in PLACES:
            await console.press(place.key)
            await console.until(lambda place=place: console.app.current_mode == place.mode)
            for name in NAMES:
                assert console.app.theme == name
                assert place.name in on_screen(console)[0]
                looks[name] = looks.get(name, set()) | backgrounds(console)
                await console.press("ctrl+t")
        assert not any("error" in told.lower() for told in console.told)

    in_console(runs_dir, check)
    assert len({frozenset(look) for look in looks.values()}) == len(THEMES)


def test_the_next_theme_is_a_key_away_and_is_there_the_next_time(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        assert console.app.theme == DEFAULT_THEME
        await console.press("ctrl+t")
        assert console.told == [f"theme {NAMES[1]}"]

    async def again(console: Console) -> None:
        assert console.app.theme == NAMES[1]
        for name in (*NAMES[2:], NAMES[0]):
            await console.press("ctrl+t")
            assert console.app.theme == name

    in_console(runs_dir, check)
    assert json.loads(state_path().read_bytes())["theme"] == NAMES[1]
    in_console(runs_dir, again, state=ViewState.load())
    assert ViewState.load().theme == NAMES[0]


@pytest.mark.parametrize("theme", ["", "no such theme", "\x1b[31m"])
def test_a_theme_that_is_none_is_the_default(runs_dir: Path, theme: str) -> None:
    async def check(console: Console) -> None:
        assert console.app.theme == DEFAULT_THEME

    in_console(runs_dir, check, state=ViewState(theme=theme))


def is_grey(segment: Segment) -> bool:
    style = segment.style
    colours = [each for each in (style.color, style.bgcolor) if each is not None] if style else []
    return all(len(set(each.get_truecolor())) == 1 if not each.is_default else True for each in colours)


@pytest.mark.parametrize("theme", NAMES)
def test_without_colours_everything_is_still_told(
    runs_dir: Path, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []

    async def check(console: Console) -> None:
        await console.until(lambda: " ".join(on_screen(console)).count("validation") == 2)
        told.append(on_screen(console))
        assert all(map(is_grey, segments(console))) == console.app.no_color

    in_console(runs_dir, check, state=ViewState(theme=theme))
    monkeypatch.setenv("NO_COLOR", "1")
    in_console(runs_dir, check, state=ViewState(theme=theme))
    assert told[0] == told[1]
    assert any("↻ interrupted" in line for line in told[1])


def test_what_was_arranged_is_there_the_next_time() -> None:
    state = ViewState(
        theme="rotui-light",
        filter="acc>60 [x]",
        tables={"runs": {"sort": "best", "reverse": True, "columns": ["number", "宽"]}},
        hidden_panes=["profiles"],
        log_y=True,
        smoothing=0.6,
        keymap={"app.help": "f1"},
    )
    state.save()
    loaded = ViewState.load()
    assert loaded == state.model_copy(update={"keymap": {}})
    assert "keymap" not in json.loads(state_path().read_bytes())


def test_without_anything_kept_all_is_as_it_comes() -> None:
    assert ViewState.load() == ViewState()
    assert not state_path().exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"smoothing": 7}', b'{"theme": 1}', b'{"tables": [1]}'],
)
def test_a_damaged_file_is_as_if_there_was_none_and_is_written_anew(content: bytes) -> None:
    state_path().parent.mkdir(parents=True)
    state_path().write_bytes(content)
    assert ViewState.load() == ViewState()
    ViewState(theme="rotui-light").save()
    assert ViewState.load().theme == "rotui-light"


def test_what_another_version_kept_is_passed_over() -> None:
    state_path().parent.mkdir(parents=True)
    state_path().write_text(json.dumps({"theme": "rotui-ansi", "panes": 3, "zoom": {"of": "tomorrow"}}))
    assert ViewState.load() == ViewState(theme="rotui-ansi")


def test_a_home_that_cannot_be_written_keeps_nobody_in(runs_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a directory")

    async def check(console: Console) -> None:
        await console.press("ctrl+t", "q")
        await console.until(lambda: console.app._exit)

    in_console(runs_dir, check, state=ViewState.load())
    assert (tmp_path / "state").read_text() == "not a directory"


def test_keys_that_are_directories_or_no_text_are_none() -> None:
    keymap_path().mkdir(parents=True)
    assert ViewState.load().keymap == {}
    keymap_path().rmdir()
    keymap_path().write_text('"a.b" = "x"\n"c.d" = 3\n[e]\nf = "y"\n')
    assert ViewState.load().keymap == {"a.b": "x"}
