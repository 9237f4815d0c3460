"""The first line of every place: its places by their keys, and of what is told what there is room for."""

from collections.abc import Awaitable, Callable

import pytest
from rich.cells import cell_len
from rich.text import Text
from textual.pilot import Pilot

from rotui.tui.widgets.place_line import PlaceLine, PlaceTab

NAMES = ("Console", "Results", "Runs", "Run", "Preview")
PLACES = tuple(PlaceTab(name.lower(), name, str(number)) for number, name in enumerate(NAMES, start=1))
STATUS = Text.assemble(
    ("宽 trouble  ", "bold red"), "2 training · 14 waiting · ~3 h 20 min left", "  /data/runs"
)
WIDTHS = (1, 5, 12, 40, 50, 61, 80, 100, 120, 160, 200)

Alone = Callable[..., list[object]]


def on_line(
    alone: Alone,
    check: Callable[[Pilot[None], PlaceLine], Awaitable[None]],
    width: int = 120,
    active: str = "runs",
    status: Text = STATUS,
    places: tuple[PlaceTab, ...] = PLACES,
) -> list[object]:
    """Runs `check` with the line alone on a screen of this width; what was posted."""
    line = PlaceLine()

    async def shown(pilot: Pilot[None]) -> None:
        line.show(places, active, status)
        await pilot.pause()
        await check(pilot, line)

    return alone(line, shown, (width, 3))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_line_is_no_wider_than_the_screen_and_says_where_one_is(
    alone: Alone, lines: Callable[[PlaceLine], list[str]], width: int
) -> None:
    async def check(_: Pilot[None], line: PlaceLine) -> None:
        (text,) = lines(line)
        assert cell_len(text) <= width
        if width >= 40:
            assert "3 Runs" in text
            assert all(f" {place.key} " in text for place in PLACES)
        if width >= 80:
            assert "trouble" in text
        if width >= 120:
            assert all(f"{place.key} {place.name}" in text for place in PLACES)
        if width >= 160:
            assert text.rstrip().endswith("/runs")

    on_line(alone, check, width)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_place_in_view_alone_is_reversed(alone: Alone, width: int) -> None:
    async def check(pilot: Pilot[None], line: PlaceLine) -> None:
        for place in PLACES:
            line.show(PLACES, place.mode, STATUS)
            await pilot.pause()
            reversed_parts = [each.text for each in line.render_line(0) if each.style and each.style.reverse]
            assert reversed_parts == [f" {place.key} {place.name} "]

    on_line(alone, check, width)


def test_what_is_told_is_cut_at_its_end_and_its_looks_are_kept(
    alone: Alone, lines: Callable[[PlaceLine], list[str]]
) -> None:
    async def check(_: Pilot[None], line: PlaceLine) -> None:
        (text,) = lines(line)
        assert text.rstrip().endswith("…")
        assert "trouble  2 training" in text
        assert any("trouble" in each.text and each.style.bold for each in line.render_line(0) if each.style)
        assert STATUS.plain.endswith("/runs")

    on_line(alone, check, 80)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_click_asks_for_the_place_under_it_and_for_none_elsewhere(
    alone: Alone, lines: Callable[[PlaceLine], list[str]], width: int
) -> None:
    async def check(pilot: Pilot[None], line: PlaceLine) -> None:
        text = lines(line)[0]
        for place in PLACES:
            assert await pilot.click(line, offset=(text.index(f" {place.key} ") + 1, 0))
        await pilot.click(line, offset=(0, 0))
        await pilot.click(line, offset=(width - 1, 0))

    posted = on_line(alone, check, width)
    asked = [message.mode for message in posted if isinstance(message, PlaceLine.Asked)]
    assert asked == [place.mode for place in PLACES]


def test_the_users_keys_are_shown_and_a_place_without_one_keeps_its_name(
    alone: Alone, lines: Callable[[PlaceLine], list[str]]
) -> None:
    places = (PlaceTab("console", "Console", "f12"), PlaceTab("results", "Results", ""), *PLACES[2:])

    async def check(_: Pilot[None], line: PlaceLine) -> None:
        assert "f12 Console" in lines(line)[0]
        assert "Results" in lines(line)[0]

    on_line(alone, check, 160, places=places)


def test_it_is_drawn_again_only_when_it_says_something_else(alone: Alone) -> None:
    async def check(pilot: Pilot[None], line: PlaceLine) -> None:
        drawn: list[None] = []
        render = line.render
        line.render = lambda: drawn.append(None) or render()
        line.show(PLACES, "runs", STATUS.copy())
        await pilot.pause()
        assert drawn == []
        line.show(PLACES, "runs", Text("idle"))
        await pilot.pause()
        assert drawn

    on_line(alone, check)
