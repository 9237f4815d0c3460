"""Pictures as cells: every pixel's own colour, shades where there is no colour, rows that fit the screen."""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from rotui.tui.pictures.half_blocks import half_blocks, shades
from rotui.tui.pictures.picture_layout import AT_ONCE, GAP, READABLE, PictureLayout
from rotui.tui.widgets.picture_grid import PictureGrid

Alone = Callable[..., list[Message]]
Check = Callable[[Pilot[None]], Awaitable[None]]
PLAIN = Style()
SIZES = [(50, 24), (80, 24), (120, 40), (200, 50)]


@pytest.fixture(autouse=True)
def true_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal shows every colour unless a test says otherwise."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


def noise(count: int = 20, height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def captions(count: int = 20, lines: int = 1) -> list[tuple[Text, ...]]:
    return [tuple(Text(f"{number}.{line}") for line in range(lines)) for number in range(count)]


def painted(lines: list[list[Segment]]) -> np.ndarray:
    """The pixels (2 * lines, width, 3) that half blocks paint; -1 where none is."""
    rows = []
    for line in lines:
        upper: list[tuple[int, ...]] = []
        lower: list[tuple[int, ...]] = []
        for text, style, _ in line:
            assert style is not None
            assert set(text) == {"▀"}
            upper += [rgb(style.color)] * len(text)
            lower += [rgb(style.bgcolor)] * len(text)
        rows += [upper, lower]
    return np.array(rows)


def rgb(colour: Color | None) -> tuple[int, ...]:
    return tuple(colour.triplet) if colour is not None and colour.triplet is not None else (-1, -1, -1)


def test_at_its_own_width_every_pixel_is_painted_in_its_own_colour() -> None:
    picture = noise(1)[0]
    assert np.array_equal(painted(half_blocks(picture, 32, PLAIN)), picture)


def test_larger_pictures_have_larger_pixels_of_the_same_colours() -> None:
    picture = noise(1, 4, 6)[0]
    twice = painted(half_blocks(picture, 12, PLAIN))
    assert np.array_equal(twice, picture.repeat(2, axis=0).repeat(2, axis=1))


def test_smaller_pictures_show_the_mean_of_the_pixels_they_cover() -> None:
    picture = noise(1)[0]
    half = painted(half_blocks(picture, 16, PLAIN))
    means = picture.reshape(16, 2, 16, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(half - means).max() <= 1


def test_below_an_odd_last_row_is_what_lies_behind_the_picture() -> None:
    picture = noise(1, 3, 5)[0]
    pixels = painted(half_blocks(picture, 5, Style(bgcolor="#010203")))
    assert np.array_equal(pixels[:3], picture)
    assert pixels[3].tolist() == [[1, 2, 3]] * 5


def test_cells_of_equal_colours_are_one_segment() -> None:
    assert [len(line) for line in half_blocks(np.zeros((8, 8, 3), dtype=np.uint8), 8, PLAIN)] == [1] * 4


def grey(*rows: int) -> np.ndarray:
    return np.array(rows, dtype=np.uint8)[:, None, None].repeat(3, axis=2)


@pytest.mark.parametrize(
    ("rows", "on_dark", "on_light"),
    [
        ((0, 0), " ", "█"),
        ((255, 255), "█", " "),
        ((64, 64), "░", "▓"),
        ((128, 128), "▒", "▒"),
        ((255, 0), "▀", "▄"),
        ((0, 255), "▄", "▀"),
    ],
)
def test_without_colour_a_cell_is_the_shade_nearest_to_its_two_pixels(
    rows: tuple[int, int], on_dark: str, on_light: str
) -> None:
    for light_ink, expected in ((True, on_dark), (False, on_light)):
        lines = shades(grey(*rows), 1, PLAIN, light_ink=light_ink)
        assert [segment.text for line in lines for segment in line] == [expected]


layouts = st.builds(
    PictureLayout,
    count=st.integers(1, 200),
    height=st.integers(8, 512),
    width=st.integers(8, 512),
    captions=st.integers(1, 2),
    room_width=st.integers(8, 250),
    room_height=st.integers(1, 70),
)


@given(layouts)
def test_pictures_of_any_size_to_choose_fit_side_by_side(layout: PictureLayout) -> None:
    assert layout.widths == sorted(set(layout.widths))
    for width in layout.widths:
        at = layout.at(width)
        assert at.shown == width
        assert at.columns * (width + GAP) - GAP <= layout.room_width
        assert at.margin + at.columns * (width + GAP) - GAP <= layout.room_width
        assert at.rows * at.columns >= layout.count > (at.rows - 1) * at.columns
        assert at.row_height >= at.lines + layout.captions
        assert width < layout.width or width % layout.width == 0


@given(layouts)
def test_the_size_that_fits_lets_several_be_in_view_and_can_be_made_out(layout: PictureLayout) -> None:
    fitted = layout.fitted()
    assert fitted.in_view >= min(AT_ONCE, layout.count) or fitted.shown <= READABLE
    assert fitted.shown >= min(READABLE, layout.width, layout.room_width) or fitted.shown == layout.widths[-1]
    larger = fitted.resized(1)
    assert larger == fitted or larger.in_view < AT_ONCE
    assert fitted.resized(-100).shown == layout.widths[0]
    assert fitted.resized(100).shown == layout.widths[-1]


def strips(grid: PictureGrid) -> list[Strip]:
    return [grid.render_line(y) for y in range(grid.size.height)]


def texts(grid: PictureGrid) -> str:
    return "\n".join(strip.text for strip in strips(grid))


def shows(alone: Alone, size: tuple[int, int], check: Check, *, lines: int = 1) -> list[Message]:
    """Twenty pictures alone on a screen."""
    grid = PictureGrid()

    async def filled(pilot: Pilot[None]) -> None:
        grid.show(noise(), captions(lines=lines))
        await pilot.pause()
        await check(pilot)

    return alone(grid, filled, size)


def the_grid(pilot: Pilot[None]) -> PictureGrid:
    return pilot.app.query_one(PictureGrid)


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_pictures_in_view_are_painted_and_captioned_at_every_size(
    size: tuple[int, int], lines: int, alone: Alone
) -> None:
    widths = {(50, 24): 16, (80, 24): 16, (120, 40): 24, (200, 50): 32}
    counts = {(50, 24): (4, 4), (80, 24): (8, 8), (120, 40): (12, 8), (200, 50): (10, 10)}

    async def check(pilot: Pilot[None]) -> None:
        grid = the_grid(pilot)
        width, in_view = widths[size], counts[size][lines - 1]
        assert grid.picture_width == width
        assert grid.facts[0] == f"1–{in_view} of 20"
        assert grid.facts[1] == ("×1" if width == 32 else f"{width} of 32 px")
        assert all(strip.cell_length == grid.size.width for strip in strips(grid))
        for number in range(in_view):
            for line in range(lines):
                assert f"{number}.{line} " in texts(grid)

    shows(alone, size, check, lines=lines)


def test_the_first_picture_is_the_first_in_its_own_pixels(alone: Alone) -> None:
    async def check(pilot: Pilot[None]) -> None:
        grid = the_grid(pilot)
        left = next(strip for strip in strips(grid)).text.index("▀")
        lines = [list(strip.crop(left, left + 32)) for strip in strips(grid)[:16]]
        assert np.array_equal(painted(lines), noise()[0])

    shows(alone, (200, 50), check)


def test_keys_make_pictures_larger_and_smaller_and_fit_them_again(alone: Alone) -> None:
    async def check(pilot: Pilot[None]) -> None:
        grid = the_grid(pilot)
        widths = []
        for key in ("plus", "plus", "plus", "plus", "minus", "0", "minus", "minus", "minus", "minus"):
            await pilot.press(key)
            widths.append(grid.picture_width)
        assert widths == [24, 32, 64, 64, 32, 16, 12, 8, 8, 8]

    shows(alone, (80, 24), check)


def test_the_size_one_chose_stays_when_other_pictures_are_shown(alone: Alone) -> None:
    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("plus")
        the_grid(pilot).show(noise(3), captions(3))
        await pilot.pause()
        assert the_grid(pilot).picture_width == 24

    shows(alone, (80, 24), check)


def test_keys_scroll_by_rows_and_pages_and_tell_what_is_in_view(alone: Alone) -> None:
    expected = [
        ("down", "5–12 of 20"),
        ("up", "1–8 of 20"),
        ("up", "1–8 of 20"),
        ("pagedown", "9–16 of 20"),
        ("end", "13–20 of 20"),
        ("down", "13–20 of 20"),
        ("pageup", "5–12 of 20"),
        ("home", "1–8 of 20"),
    ]

    async def check(pilot: Pilot[None]) -> None:
        for key, in_view in expected:
            await pilot.press(key)
            await pilot.pause()
            assert the_grid(pilot).facts[0] == in_view, key

    posted = shows(alone, (80, 24), check)
    assert sum(isinstance(message, PictureGrid.Moved) for message in posted) >= 6


def test_other_pictures_begin_at_the_first(alone: Alone) -> None:
    async def check(pilot: Pilot[None]) -> None:
        grid = the_grid(pilot)
        await pilot.press("end")
        grid.show(noise(12), captions(12))
        await pilot.pause()
        assert grid.facts[0] == "1–8 of 12"

    shows(alone, (80, 24), check)


def test_the_first_picture_in_view_stays_when_sizes_or_the_terminal_change(alone: Alone) -> None:
    async def check(pilot: Pilot[None]) -> None:
        grid = the_grid(pilot)
        await pilot.press("down")
        await pilot.press("plus")
        await pilot.pause()
        assert grid.facts == ("4–6 of 20", "24 of 32 px")
        await pilot.press("0")
        await pilot.resize_terminal(200, 50)
        await pilot.pause()
        assert grid.facts == ("1–10 of 20", "×1")

    shows(alone, (80, 24), check)


@pytest.mark.parametrize(
    ("variables", "in_shades"),
    [
        ({}, False),
        ({"COLORTERM": ""}, False),
        ({"NO_COLOR": "1"}, True),
        ({"COLORTERM": "", "TERM": "xterm"}, True),
        ({"COLORTERM": "", "TERM": "dumb"}, True),
    ],
    ids=["true colour", "256 colours", "no colour wanted", "16 colours", "dumb"],
)
def test_few_colours_or_none_are_shades_of_ink(
    variables: dict[str, str], in_shades: bool, alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    async def check(pilot: Pilot[None]) -> None:
        grid = the_grid(pilot)
        assert grid.in_shades == in_shades
        first = strips(grid)[0]
        backgrounds = {style.bgcolor for _, style, _ in first if style is not None}
        assert (len(backgrounds) == 1) == in_shades
        assert bool(set(texts(grid)) & set("░▒▓")) == in_shades

    shows(alone, (80, 24), check)


def test_ink_is_dark_on_a_light_theme(alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    grid = PictureGrid()

    async def check(pilot: Pilot[None]) -> None:
        grid.show(np.zeros((1, 32, 32, 3), dtype=np.uint8), captions(1))
        await pilot.pause()
        assert "█" not in texts(grid)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        assert "█" * 16 in texts(grid)

    alone(grid, check, (80, 24))


def test_long_and_wide_captions_are_cut_to_the_picture(alone: Alone) -> None:
    grid = PictureGrid()
    told = [(Text("x" * 10_000),), (Text("漢字" * 20),), (Text("[red]plain[/red]"),)]

    async def check(pilot: Pilot[None]) -> None:
        grid.show(noise(3), told)
        await pilot.press("minus")
        await pilot.pause()
        width = grid.picture_width
        assert all(strip.cell_length == grid.size.width for strip in strips(grid))
        line = next(strip.text for strip in strips(grid) if "x" in strip.text)
        assert cell_len(line) == grid.size.width
        assert f" {'x' * (width - 1)}…  漢字" in line
        assert "[red]plain" in line

    alone(grid, check, (80, 24))


def test_nothing_is_drawn_before_there_are_pictures(alone: Alone) -> None:
    grid = PictureGrid()

    async def check(pilot: Pilot[None]) -> None:
        for key in ("down", "end", "plus", "minus", "0", "pagedown"):
            await pilot.press(key)
        assert not texts(grid).strip()
        assert grid.facts == ()

    alone(grid, check)


def test_cells_are_drawn_once_however_often_they_are_painted(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    draw = PictureGrid._draw
    monkeypatch.setattr(PictureGrid, "_draw", lambda grid, row: (drawn.append(row), draw(grid, row))[1])

    async def check(pilot: Pilot[None]) -> None:
        await pilot.pause()
        drawn.clear()
        for key in ("down", "up", "down", "up"):
            await pilot.press(key)
            await pilot.pause()
        assert len(drawn) == len(set(drawn))

    shows(alone, (80, 24), check)


def test_every_key_has_a_name_to_rebind_it_by_and_a_tooltip() -> None:
    bindings = [binding for binding in PictureGrid.BINDINGS if not isinstance(binding, tuple)]
    assert len(bindings) == len({binding.id for binding in bindings}) > 5
    assert all(binding.id and binding.tooltip and binding.description for binding in bindings)
