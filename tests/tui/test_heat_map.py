"""The heat map tells in digits where there is room, else in shades, and names what is under the cursor."""

from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from textual.message import Message
from textual.pilot import Pilot

from rotui.tui.widgets.heat_map import HeatMap, digits, shade

Alone = Callable[..., list[Message]]
Lines = Callable[[Any], list[str]]

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def confusion(count: int) -> list[list[int]]:
    """Of 1000 pictures of each class 900 are recognised and 100 taken for the next class."""
    rows = [[0] * count for _ in range(count)]
    for true in range(count):
        rows[true][true] = 900
        rows[true][(true + 1) % count] += 100
    return rows


def test_percent_of_the_row_and_accuracy_are_shown_where_there_is_room(alone: Alone, lines: Lines) -> None:
    heat = HeatMap(NAMES, confusion(10))

    async def check(_: Pilot[None]) -> None:
        shown = lines(heat)
        assert shown[1].split() == [name[:3] for name in NAMES] + ["correct"]
        assert shown[2].split() == ["airplane", "90", "10", *"········", "90.0", "%"]
        assert shown[5].split() == ["cat", *"···", "90", "10", *"·····", "90.0", "%"]
        assert {cell_len(line) for line in shown} == {80}

    alone(heat, check)


def test_shades_stand_where_digits_do_not_fit(alone: Alone, lines: Lines) -> None:
    heat = HeatMap(NAMES, confusion(10))

    async def check(_: Pilot[None]) -> None:
        shown = lines(heat)
        assert shown[1].split() == [*"0123456789", "correct"]
        assert shown[2].split() == ["0", "airplane", "██▒▒················", "90.0", "%"]

    alone(heat, check, size=(45, 16))


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (50, 20), (30, 8), (12, 5), (3, 2)])
@pytest.mark.parametrize("count", [0, 1, 2, 10, 37, 120])
def test_lines_fit_every_size(alone: Alone, lines: Lines, size: tuple[int, int], count: int) -> None:
    heat = HeatMap([f"a class called {index}" for index in range(count)], confusion(count) if count else [])

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("down", "right", "w", "left", "up")
        assert all(cell_len(line) <= size[0] for line in lines(heat))

    alone(heat, check, size=size)


def test_many_classes_scroll_under_their_headings(alone: Alone, lines: Lines) -> None:
    heat = HeatMap([f"class {index}" for index in range(100)], confusion(100))

    async def check(pilot: Pilot[None]) -> None:
        assert lines(heat)[2].startswith(" 0 class 0")
        heat.move_to(60, 61)
        await pilot.pause()
        shown = lines(heat)
        row = next(line for line in shown if line.startswith("60 class 60"))
        column = row.index("█")
        assert (shown[0][column], shown[1][column]) == ("6", "0")
        assert row[column + 1] == "▒"
        assert row.rstrip().endswith("90.0 %")
        assert any(line.startswith("class 60 taken for class 61: 100 of 1000 (10.0 %)") for line in shown)

    alone(heat, check, size=(60, 20))


def test_the_cell_under_the_cursor_is_told_and_keys_move_it(alone: Alone, lines: Lines) -> None:
    heat = HeatMap(NAMES, confusion(10))

    async def check(pilot: Pilot[None]) -> None:
        assert lines(heat)[-1].startswith("airplane recognised: 900 of 1000 (90.0 %)   all: 90.0 % correct")
        await pilot.press("down", "j", "right", "l", "l", "up", "left", "k", "h")
        assert heat.cursor == (0, 1)
        assert lines(heat)[-1].startswith("airplane taken for automobile: 100 of 1000 (10.0 %)")
        await pilot.press("up", "left", "left", "left")
        assert heat.cursor == (0, 0)
        heat.move_to(99, 99)
        assert heat.cursor == (9, 9)

    alone(heat, check)


def test_the_most_frequent_mistakes_are_stepped_through(alone: Alone) -> None:
    heat = HeatMap(["a", "b", "c"], [[5, 3, 0], [9, 5, 0], [0, 1, 5]])
    seen: list[tuple[int, int]] = []

    async def check(pilot: Pilot[None]) -> None:
        for _ in range(4):
            await pilot.press("w")
            seen.append(heat.cursor)

    alone(heat, check)
    assert seen == [(1, 0), (0, 1), (2, 1), (1, 0)]


def test_a_click_chooses_a_cell(alone: Alone, lines: Lines) -> None:
    heat = HeatMap(NAMES, confusion(10))

    async def check(pilot: Pilot[None]) -> None:
        place = lines(heat)[4].index("90")
        await pilot.click(heat, offset=(place, 4))
        assert heat.cursor == (2, 2)
        await pilot.click(heat, offset=(0, 4))
        await pilot.click(heat, offset=(79, 4))
        assert heat.cursor == (2, 2)

    alone(heat, check)


def test_another_matrix_replaces_the_first(alone: Alone, lines: Lines) -> None:
    heat = HeatMap(NAMES, confusion(10))

    async def check(pilot: Pilot[None]) -> None:
        heat.move_to(9, 9)
        heat.set_matrix(["yes", "no"], [[3, 1], [0, 0]])
        await pilot.pause()
        assert heat.cursor == (1, 1)
        assert lines(heat)[2].split() == ["yes", "75", "25", "75.0", "%"]
        assert lines(heat)[3].split() == ["no", "·", "·", "–"]
        heat.set_matrix([], [])
        await pilot.pause()
        assert any("no confusion matrix yet" in line for line in lines(heat))

    alone(heat, check)


def test_names_from_outside_are_shown_as_text(alone: Alone, lines: Lines) -> None:
    heat = HeatMap(["[red]\x1b[31m", "日本語の名前", "x" * 10_000], confusion(3))

    async def check(_: Pilot[None]) -> None:
        shown = lines(heat)
        assert all(line.isprintable() for line in shown)
        assert {cell_len(line) for line in shown} == {80}
        assert shown[2].startswith("[red]\\x1b[31m")

    alone(heat, check)


def test_digits_say_all_only_for_all_and_none_only_for_none() -> None:
    assert digits(0, 0.0) == "·"
    assert digits(1, 0.1) == "0"
    assert digits(999, 99.9) == "99"
    assert digits(1000, 100.0) == "100"


def test_shades_grow_with_the_share() -> None:
    assert [shade(1, percent) for percent in (0.1, 10.0, 30.0, 90.0)] == ["░", "▒", "▓", "█"]
    assert shade(0, 0.0) == "·"
