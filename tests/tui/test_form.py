"""The form of a profile: what its fields say and refuse, told where one types."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from sample_runs import Console, on_screen, opened
from textual.widgets import Button, Input

from rotui.profile.loading import load_experiment
from rotui.store.session import look
from rotui.tui.form_fields import form_fields
from rotui.tui.screens.form import ProfileForm
from rotui.tui.workplace import Workplace

TINY = """title = "[red]Tiny[/red] \\u001b[31mone"
stages = ["supervised-random"]
[data]
name = "digits"
[network]
architecture = "resnet10"
width = 8
[scale]
limit = 40
epochs = 1
"""


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only profile of the project, the first in the list; what is remembered stays in the test."""
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "profiles" / "tiny.toml"
    path.parent.mkdir()
    path.write_text(TINY)
    return path


def in_form(
    tmp_path: Path, check: Callable[[Console], Awaitable[None]], size: tuple[int, int] = (120, 40)
) -> None:
    """Runs `check` with the form of the profile open and its plan worked out."""

    async def run() -> None:
        async with opened(Workplace(tmp_path / "runs", tmp_path / "data", trains=False), size) as console:
            await console.press("enter")
            await console.until(lambda: isinstance(console.app.screen, ProfileForm))
            await console.until(lambda: "images to train on" in console.text("#plan"))
            await check(console)

    asyncio.run(run())


def field(console: Console, key: str) -> Input:
    return console.app.screen.query_one(f"#field-{key.replace('.', '-')}", Input)


def focused(console: Console) -> str:
    """The key of the field that has the focus."""
    return (console.app.screen.focused.id or "").removeprefix("field-")


async def fill(console: Console, key: str, text: str) -> None:
    """Goes to a field and puts this in place of what is there."""
    field(console, key).focus()
    await console.press("end", "ctrl+u")
    await console.paste(text)


def fault(console: Console, key: str) -> str:
    """What is told under a field; nothing where the line is hidden."""
    line = console.app.screen.query_one(f"#fault-{key.replace('.', '-')}")
    return str(line.visual) if line.display else ""


def about(console: Console) -> str:
    return " ".join(console.text("#field-about").split())


def test_a_field_tells_what_it_means_and_allows_when_it_has_the_focus(tmp_path: Path) -> None:
    fields = form_fields(load_experiment("tiny"))

    async def check(console: Console) -> None:
        scrolled = console.app.screen.query_one("#form-fields").region
        for each in fields[::6]:
            field(console, each.key).focus()
            await console.until(lambda each=each: about(console).startswith(f"{each.key} {each.about}"))
            assert about(console).removeprefix(f"{each.key} {each.about} ").startswith(each.allowed)
            assert about(console).endswith(f"in the profile: {each.value or 'empty'}")
            assert ("ctrl+n" in about(console)) == bool(each.choices)
            name = console.app.screen.query_one(f"#name-{each.identity}")
            await console.until(lambda name=name: scrolled.contains_region(name.region))

    in_form(tmp_path, check, (200, 50))


def test_in_little_room_the_bounds_come_first_and_all_of_them_are_in_view(tmp_path: Path) -> None:
    def in_view(console: Console) -> str:
        told = console.app.screen.query_one("#field-about").region
        lines = on_screen(console)[told.y : told.bottom]
        return " ".join(" ".join(line[told.x : told.right] for line in lines).split())

    async def check(console: Console) -> None:
        for each in form_fields(load_experiment("tiny")):
            field(console, each.key).focus()
            bounds = " ".join(f"{each.key}: {each.allowed}".split())
            await console.until(lambda bounds=bounds: in_view(console).startswith(bounds))

    in_form(tmp_path, check, (50, 20))


@pytest.mark.parametrize("size", [(50, 20), (50, 40)])
def test_in_little_room_the_time_and_that_all_is_trained_afresh_are_in_view(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    def plan(console: Console) -> str:
        region = console.app.screen.query_one("#plan-scroll").region
        lines = on_screen(console)[region.y : region.bottom]
        bar = console.app.screen.query_one("#plan-scroll").scrollbar_size_vertical
        return " ".join(" ".join(line[region.x : region.right - bar] for line in lines).split())

    async def check(console: Console) -> None:
        await console.until(lambda: plan(console).startswith("1 run of 1 setting · "))
        assert "time" in plan(console)
        await console.press("ctrl+r")
        await console.until(lambda: plan(console).startswith("fresh: what is finished is trained again · 1"))
        await fill(console, "seed", "range(0,1000)")
        await fill(console, "loss.label_smoothing", "0,0.1")
        await console.until(lambda: plan(console).startswith("not valid yet · sweep: "))
        assert "(at most 1000" in plan(console)
        await console.pilot.resize_terminal(120, 40)
        await console.until(lambda: "not valid yet\n" in console.text("#plan"))

    in_form(tmp_path, check, size)


def test_who_is_on_the_button_is_in_a_field_when_there_is_no_room_for_it(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        console.app.screen.query_one("#queue-it").focus()
        await console.until(lambda: console.app.screen.focused is console.app.screen.query_one("#queue-it"))
        await console.pilot.resize_terminal(50, 24)
        await console.until(lambda: isinstance(console.app.screen.focused, Input))

    in_form(tmp_path, check, (80, 24))


def test_a_form_in_a_narrow_and_low_terminal_still_has_the_field_one_is_in(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        field(console, "compute.threads").focus()
        await console.until(lambda: any(" threads " in line for line in on_screen(console)))

    in_form(tmp_path, check, (50, 12))


def test_the_fields_are_gone_through_by_key(tmp_path: Path) -> None:
    identities = [each.identity for each in form_fields(load_experiment("tiny"))]

    async def check(console: Console) -> None:
        assert focused(console) == identities[0]
        for key, at in (("down", 1), ("enter", 2), ("up", 1), ("up", 0), ("up", -1), ("down", 0)):
            await console.press(key)
            assert focused(console) == identities[at]

    in_form(tmp_path, check)


def test_typing_replaces_what_a_field_says_and_marks_it(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        assert console.text("#name-seed").strip() == "seed"
        await console.press("7")
        assert field(console, "seed").value == "7"
        assert console.text("#name-seed").strip() == "● seed"
        await console.press("1", "down", "up", "9")
        assert field(console, "seed").value == "9"
        await console.press("ctrl+z")
        assert field(console, "seed").value == "42"
        assert console.text("#name-seed").strip() == "seed"

    in_form(tmp_path, check)


def test_a_fault_stands_at_its_field_until_it_is_mended(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        await fill(console, "loss.label_smoothing", "1.5")
        assert "a number from 0 up to, not including, 1" in fault(console, "loss.label_smoothing")
        await fill(console, "seed", "x")
        assert "a whole number from 0" in fault(console, "seed")
        assert console.app.screen.query_one("#queue-it", Button).disabled
        assert console.text("#plan").strip() == "not valid yet"
        await console.press("ctrl+s")
        await console.until_told("something is not valid yet")
        await fill(console, "seed", "3")
        assert (fault(console, "seed"), fault(console, "loss.label_smoothing")[:3]) == ("", "1.5")
        await fill(console, "loss.label_smoothing", "0.5")
        assert fault(console, "loss.label_smoothing") == ""
        await console.until(lambda: "1 run of 1 setting" in console.text("#plan"))
        assert not console.app.screen.query_one("#queue-it", Button).disabled

    in_form(tmp_path, check)
    assert look(tmp_path / "runs")[0] == []


def test_what_does_not_go_together_is_told_at_the_field_that_has_to_change(tmp_path: Path) -> None:
    cases = (
        ({"rotation.count": "8", "rotation.jitter": "30"}, "rotation.jitter", "below 22.5"),
        ({"rotation.count": "4,8", "rotation.jitter": "30"}, "rotation.jitter", "below 22.5"),
        ({"data.name": "folder"}, "data.path", "a path"),
        ({"data.path": "/images"}, "data.path", "not by path"),
        ({"data.image_size": "64"}, "data.image_size", "32 px"),
        ({"seed": "1,1"}, "seed", "each value once"),
        ({"seed": "range(5,0)"}, "seed", "has 0 numbers"),
    )

    async def check(console: Console) -> None:
        for changed, at, told in cases:
            for key, text in changed.items():
                await fill(console, key, text)
            assert told in fault(console, at)
            assert faulty(console) == [f"fault-{at.replace('.', '-')}"]
            for key in changed:
                field(console, key).focus()
                await console.press("ctrl+z")
            assert faulty(console) == []

    in_form(tmp_path, check)


def faulty(console: Console) -> list[str | None]:
    """The lines under fields that tell a fault."""
    return [line.id for line in console.app.screen.query(".fault") if line.display]


def test_what_is_at_no_single_field_is_told_with_the_plan(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        await fill(console, "seed", "range(0,900)")
        await fill(console, "labels.noise", "0,5")
        assert "at most 1000" in " ".join(console.text("#plan").split())
        assert console.text("#plan").startswith("not valid yet")
        assert faulty(console) == []

    in_form(tmp_path, check)


def test_the_next_choice_is_a_key_away_where_there_are_few(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        field(console, "network.architecture").focus()
        await console.press("ctrl+n")
        assert field(console, "network.architecture").value == "resnet18"
        for _ in range(3):
            await console.press("ctrl+n")
        assert field(console, "network.architecture").value == "resnet10"
        field(console, "seed").focus()
        await console.press("ctrl+n")
        assert field(console, "seed").value == "42"

    in_form(tmp_path, check)


@pytest.mark.parametrize("size", [(50, 24), (80, 24), (120, 40), (200, 50)])
def test_fields_plan_and_keys_have_room_on_every_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(console: Console) -> None:
        lines = on_screen(console)
        assert {cell_len(line) for line in lines} == {size[0]}
        assert any("Queue: [red]Tiny[/red] \\x1b[31mone" in line for line in lines)
        assert any("esc Back" in line for line in lines)
        assert field(console, "seed").content_size.width >= 10
        assert "1 run of 1" in console.text("#plan")
        by_button = console.app.screen.query_one("#queue-it").region.area > 0
        assert by_button == (size[0] >= 60)
        assert by_button or any("^s Queue" in line for line in lines)
        await fill(console, "compute.threads", "17")
        assert any("● threads" in line and "17" in line for line in on_screen(console))

    in_form(tmp_path, check, size)
