"""Every key is found: in the help of the place one is in, in the palette, and under the user's own keys."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sample_runs import Console, in_console, queue_profiles, small
from textual.binding import Binding
from textual.dom import DOMNode

import rotui.tui
from rotui.store.identity import read_identity
from rotui.tui.leaving import LeaveDialog
from rotui.tui.places import PLACES
from rotui.tui.screens.help import HelpScreen
from rotui.tui.view_state import ViewState, keymap_path

OTHER_WAYS_OUT = {"app.leave-too", "app.interrupt"}
"""Keys that mean what another one does, and stand with it."""
BAD_KEYMAPS = (
    b"\xff\xfe",
    b"= 1",
    b'"console.edit" = 7\n"no.such" = "f8"\n[console]\nedit = "f8"',
    b'"console.edit" = ""',
    b'"console.edit" = ",,"\n"app.help" = "no such key"\n"place.runs" = "\\u001b[31m"',
)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered, and the user's keys, stay in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    queue_profiles(tmp_path / "runs", small(1))
    return tmp_path / "runs"


def declared() -> Iterator[tuple[type[DOMNode], Binding]]:
    """Every binding that a class of the console declares."""
    for module in pkgutil.walk_packages(rotui.tui.__path__, "rotui.tui."):
        import_module(module.name)
    for each in sorted(subclasses(DOMNode), key=lambda kind: (kind.__module__, kind.__name__)):
        if each.__module__.startswith("rotui.tui."):
            yield from ((each, binding) for binding in vars(each).get("BINDINGS", ()))


def subclasses(kind: type) -> set[type]:
    return {each for direct in kind.__subclasses__() for each in (direct, *subclasses(direct))}


def test_every_key_has_a_name_a_meaning_and_an_id_of_its_own() -> None:
    found = list(declared())
    assert len(found) > 100
    identities = [binding.id for _, binding in found]
    assert sorted(identities) == sorted(set(identities))
    for kind, binding in found:
        assert binding.id, (kind, binding)
        assert binding.description, (kind, binding)
        if kind not in (LeaveDialog, HelpScreen) and binding.id not in OTHER_WAYS_OUT:
            assert binding.tooltip, (kind, binding)


def rows(console: Console) -> str:
    """What the table of keys says, with single blanks."""
    keys = console.app.screen.query_one("#keys")
    return " ".join(" ".join(keys.render_line(y).text for y in range(keys.size.height)).split())


def test_the_help_has_every_key_of_the_place_below(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        for focused in ("#profiles", "#queue", "#accuracy"):
            console.app.screen.query_one(focused).focus()
            await console.pilot.pause()
            active = [each.binding for each in console.app.screen.active_bindings.values()]
            own = [binding for binding in active if binding.id and not binding.system]
            keys = [console.app.get_key_display(binding) for binding in own]
            await console.press("question_mark")
            assert isinstance(console.app.screen, HelpScreen)
            told = rows(console)
            assert {binding.id for binding in own} - set(told.split()) <= OTHER_WAYS_OUT
            assert all(" ".join(binding.tooltip.split()) in told for binding in own if binding.tooltip)
            assert all(key in told.split() for key in keys)
            await console.press("question_mark")
            assert not isinstance(console.app.screen, HelpScreen)

    in_console(runs_dir, check, (200, 80))


def test_in_little_room_the_help_tells_what_keys_mean_and_leaves_their_ids_out(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("question_mark")
        keys = console.app.screen.query_one("#keys")
        told = rows(console)
        assert "Begin no run, or begin runs again" in told
        assert "console.pause" not in told
        assert keys.size.height < 4 * len(console.app.screen_stack[-2].active_bindings)

    in_console(runs_dir, check, (50, 20))


@pytest.mark.parametrize("key", ["escape", "q", "question_mark"])
def test_the_help_is_closed_by_the_keys_that_one_tries(runs_dir: Path, key: str) -> None:
    async def check(console: Console) -> None:
        await console.press("question_mark")
        assert isinstance(console.app.screen, HelpScreen)
        await console.press(key)
        assert console.app.screen_stack == [console.app.screen]
        assert console.app.is_running

    in_console(runs_dir, check, (80, 24))


def test_the_users_keys_do_what_they_say_and_are_told_everywhere(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        assert "f8 Pause" in console.text("#hints")
        assert "p Pause" not in console.text("#hints")
        assert "f3 Runs" in console.text("#place-line")
        await console.press("p", "3")
        assert console.app.current_mode == "console"
        assert not read_identity(runs_dir).paused
        await console.press("f8")
        await console.until(lambda: read_identity(runs_dir).paused)
        await console.press("f1")
        assert isinstance(console.app.screen, HelpScreen)
        assert "f8 Pause Begin no run, or begin runs again console.pause" in rows(console)
        await console.press("escape", "f3")
        assert console.app.current_mode == "runs"

    keymap = {"console.pause": "f8", "place.runs": "f3", "app.help": "f1"}
    in_console(runs_dir, check, (200, 60), ViewState(keymap=keymap))


def test_the_users_keys_are_read_from_their_file_and_never_written(runs_dir: Path) -> None:
    keymap_path().parent.mkdir(parents=True)
    keymap_path().write_text('"console.pause" = "f8,f9"\n"app.help" = "f1"\n')

    async def check(console: Console) -> None:
        for key, paused in (("f8", True), ("f9", False)):
            await console.press(key)
            await console.until(lambda paused=paused: read_identity(runs_dir).paused == paused)
            await console.until(lambda paused=paused: console.app.snapshot.paused == paused)

    state = ViewState.load()
    in_console(runs_dir, check, state=state)
    state.save()
    assert keymap_path().read_text() == '"console.pause" = "f8,f9"\n"app.help" = "f1"\n'
    keymap_path().unlink()
    assert ViewState.load().keymap == {}


@pytest.mark.parametrize("content", BAD_KEYMAPS, ids=["bytes", "toml", "kinds", "empty", "keys"])
def test_a_bad_file_of_keys_keeps_nobody_out(runs_dir: Path, content: bytes) -> None:
    keymap_path().parent.mkdir(parents=True)
    keymap_path().write_bytes(content)

    async def check(console: Console) -> None:
        assert not any("\x1b" in line for line in console.text("#place-line"))
        await console.press("2")
        assert console.app.current_mode == "results"
        await console.press("1", "p")
        await console.until(lambda: read_identity(runs_dir).paused)
        await console.press("question_mark")

    in_console(runs_dir, check, state=ViewState.load())


def listed(console: Console) -> list[str]:
    """What the palette has found: name and meaning of each."""
    return [str(option.prompt) for option in console.app.screen.query_one("CommandList")._options]


def titles(console: Console) -> list[str]:
    """The names of what the palette has found."""
    return [line.split("\n")[0].strip() for line in listed(console)]


async def search(console: Console, text: str) -> None:
    """Opens the palette and chooses the first of what is found."""
    await console.press("ctrl+p")
    await console.until(lambda: type(console.app.screen).__name__ == "CommandPalette")
    await console.paste(text)
    await console.until(lambda: listed(console) and text in listed(console)[0])
    await console.press("enter")
    await console.until(lambda: type(console.app.screen).__name__ != "CommandPalette")


def test_the_palette_does_what_the_keys_do(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await search(console, "Begin no run, or begin")
        await console.until(lambda: read_identity(runs_dir).paused)
        console.app.screen.query_one("#queue").focus()
        await search(console, "Take the run out of the queue")
        await console.until_told("1: cancelled")
        for place in (*PLACES[1:3], PLACES[0]):
            await search(console, place.about)
            await console.until(lambda place=place: console.app.current_mode == place.mode)

    in_console(runs_dir, check)


def test_the_palette_lists_what_is_there_before_anything_is_typed(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        wanted = {
            each.binding.description
            for each in console.app.screen.active_bindings.values()
            if each.binding.description and each.binding.id and each.enabled
        }
        await console.press("ctrl+p")
        await console.until(lambda: wanted <= set(titles(console)))
        assert [titles(console).count(title) for title in ("Quit", "Theme", "Keys")] == [1, 1, 0]

    in_console(runs_dir, check)


def test_the_palette_over_a_dialog_leads_out_too(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("question_mark")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))
        await console.press("ctrl+p")
        await console.until(lambda: titles(console).count("Quit") == 1)

    in_console(runs_dir, check)
