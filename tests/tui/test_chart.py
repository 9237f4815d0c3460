"""The chart draws seldom, answers keys at once, and says what it shows."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.cells import cell_len
from textual.binding import Binding
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from rotui.tui.widgets.chart import Chart, Reference, Series
from rotui.tui.widgets.heat_map import HeatMap
from rotui.tui.widgets.virtual_table import VirtualTable

Alone = Callable[..., list[Message]]
Lines = Callable[[Any], list[str]]


class CountedChart(Chart):
    """Counts how often it is drawn, at a time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.drawings = 0
        super().__init__(clock=lambda: self.now)

    def _draw(self) -> list[Strip]:
        self.drawings += 1
        return super()._draw()


def rising(count: int, name: str = "training") -> Series:
    return Series(name, list(range(1, count + 1)), [float(y) for y in range(1, count + 1)])


def with_content(chart: Chart, *series: Series, references: Sequence[Reference] = ()) -> Chart:
    chart.set_content(series, references, "accuracy", "%")
    return chart


def test_series_references_and_title_are_shown(alone: Alone, lines: Lines) -> None:
    chart = with_content(Chart(), rising(60), references=[Reference("published 91.2", 91.2)])

    async def check(_: Pilot[None]) -> None:
        shown = lines(chart)
        assert shown[0].startswith("accuracy (%)  ● training 60")
        assert any("published 91.2" in line for line in shown)
        assert {cell_len(line) for line in shown} == {80}

    alone(chart, check)


def test_a_chart_without_content_says_so(alone: Alone, lines: Lines) -> None:
    chart = Chart(empty="no epoch yet")

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("plus", "minus", "left", "right", "c", "comma", "full_stop", "l", "w", "0")
        assert any("no epoch yet" in line for line in lines(chart))

    alone(chart, check)


def test_content_that_changes_by_itself_is_drawn_at_most_once_a_second(alone: Alone, lines: Lines) -> None:
    chart = CountedChart()

    async def check(pilot: Pilot[None]) -> None:
        chart.now += 10
        with_content(chart, rising(10))
        await pilot.pause()
        before = chart.drawings
        for count in range(11, 31):
            with_content(chart, rising(count))
            await pilot.pause()
        assert chart.drawings == before
        while chart.drawings == before:
            await pilot.pause(0.02)
        assert "training 30" in lines(chart)[0]
        assert chart.drawings == before + 1
        chart.now += 10
        with_content(chart, rising(31))
        await pilot.pause()
        assert "training 31" in lines(chart)[0]

    alone(chart, check)


def test_a_key_is_answered_at_once(alone: Alone, lines: Lines) -> None:
    chart = CountedChart()

    async def check(pilot: Pilot[None]) -> None:
        chart.now += 10
        with_content(chart, rising(10))
        await pilot.pause()
        await pilot.press("l")
        assert "log" in lines(chart)[0]

    alone(chart, check)


def test_what_is_not_seen_or_did_not_change_is_not_drawn(alone: Alone, lines: Lines) -> None:
    chart = CountedChart()

    async def check(pilot: Pilot[None]) -> None:
        chart.display = False
        await pilot.pause()
        before = chart.drawings
        for count in range(1, 5):
            chart.now += 10
            with_content(chart, rising(count))
            await pilot.pause()
        assert chart.drawings == before
        chart.display = True
        await pilot.pause()
        assert "training 4" in lines(chart)[0]
        before = chart.drawings
        chart.now += 10
        with_content(chart, rising(4))
        await pilot.pause()
        assert chart.drawings == before

    alone(chart, check)


def test_zoom_halves_and_doubles_what_is_shown(alone: Alone, lines: Lines) -> None:
    chart = with_content(Chart(), rising(101))

    async def check(pilot: Pilot[None]) -> None:
        assert chart.view == (1, 101)
        await pilot.press("+")
        assert chart.view == (51, 101)
        assert "×2" in lines(chart)[0]
        await pilot.press("=")
        assert chart.view == (76, 101)
        await pilot.press("-")
        assert chart.view == (51, 101)
        await pilot.press("0")
        assert chart.view == (1, 101)
        await pilot.press("-")
        assert chart.view == (1, 101)

    alone(chart, check)


def test_no_zoom_goes_closer_than_single_points(alone: Alone) -> None:
    chart = with_content(Chart(), rising(5))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press(*["plus"] * 50)
        low, high = chart.view
        assert high - low >= 0.5

    alone(chart, check)


def test_panning_goes_from_end_to_end_and_no_further(alone: Alone) -> None:
    chart = with_content(Chart(), rising(101))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("left")
        assert chart.view == (1, 101)
        await pilot.press("plus", "left")
        assert chart.view == (38.5, 88.5)
        await pilot.press(*["left"] * 20)
        assert chart.view == (1, 51)
        await pilot.press("right")
        assert chart.view == (13.5, 63.5)
        await pilot.press(*["right"] * 20)
        assert chart.view == (51, 101)

    alone(chart, check)


def test_a_zoomed_chart_follows_what_comes_unless_it_was_moved_away(alone: Alone) -> None:
    chart = with_content(Chart(), rising(101))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("plus")
        with_content(chart, rising(201))
        assert chart.view == (101, 201)
        await pilot.press("left")
        view = chart.view
        with_content(chart, rising(202))
        assert chart.view[1] == view[1]
        await pilot.press("right", "right")
        with_content(chart, rising(301))
        assert chart.view[1] == 301

    alone(chart, check)


def test_a_series_that_grows_is_drawn_to_its_end_and_smoothed_or_not(alone: Alone, lines: Lines) -> None:
    one, other = (object(), "accuracy"), (object(), "accuracy")
    chart = with_content(Chart(), Series("training", [1, 2], [4.0, 4.0], source=one))

    async def check(pilot: Pilot[None]) -> None:
        assert "training 4" in lines(chart)[0]
        with_content(chart, Series("training", [1, 2, 3], [4.0, 4.0, 8.0], source=one))
        await pilot.press("0")
        assert "training 8" in lines(chart)[0]
        await pilot.press("w")
        assert "training 6.041" in lines(chart)[0]
        with_content(chart, Series("training", [1, 2, 3, 4], [4.0, 4.0, 8.0, 8.0], source=one))
        await pilot.press("0")
        assert "training 6.941" in lines(chart)[0]
        await pilot.press("w", "w", "w")
        with_content(chart, Series("training", [1, 2, 3], [1.0, 1.0, 5.0], source=one))
        await pilot.press("0")
        assert "training 5" in lines(chart)[0]
        with_content(chart, Series("training", [1, 2, 3], [1.0, 1.0, 7.0], source=other))
        await pilot.press("0")
        assert "training 7" in lines(chart)[0]

    alone(chart, check)


def test_a_series_that_grows_goes_on_where_it_is_not_alone(alone: Alone, lines: Lines) -> None:
    one = (object(), "accuracy")
    chart = with_content(Chart(), rising(2, "validation"), Series("training", [1], [1.0], source=one))

    async def check(pilot: Pilot[None]) -> None:
        grown = Series("training", [1, 2, 2], [1.0, 3.0, 6.0], source=one)
        with_content(chart, grown, rising(3, "validation"))
        await pilot.press("0")
        assert "training 6" in lines(chart)[0]
        assert "validation 3" in lines(chart)[0]
        with_content(chart, Series("training", [1, 2, 2, 1], [1.0, 3.0, 6.0, 9.0], source=one))
        await pilot.press("0")
        assert "training 6" in lines(chart)[0]

    alone(chart, check)


def test_the_crosshair_tells_values_and_steps_from_point_to_point(alone: Alone, lines: Lines) -> None:
    falling = Series("validation", list(range(1, 21)), [20.0 - y for y in range(20)])
    chart = with_content(Chart(), rising(20), falling)

    async def check(pilot: Pilot[None]) -> None:
        assert not lines(chart)[-1].startswith("epoch 20")
        await pilot.press("c")
        assert lines(chart)[-1].startswith("epoch 20  ● training 20  ▲ validation 1")
        await pilot.press(",")
        assert lines(chart)[-1].startswith("epoch 19  ● training 19  ▲ validation 2")
        await pilot.press(".", ".", ".")
        assert chart.crosshair == 20
        await pilot.press(*["comma"] * 30)
        assert chart.crosshair == 1
        await pilot.press("c")
        assert chart.crosshair is None
        assert not lines(chart)[-1].startswith("epoch")

    alone(chart, check)


def test_the_crosshair_steps_by_columns_where_points_are_dense_and_takes_the_view_along(alone: Alone) -> None:
    chart = with_content(Chart(), rising(10_000))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("c", "comma")
        assert chart.crosshair is not None
        assert 9_850 < chart.crosshair < 9_900
        await pilot.press("plus", "plus", "plus", *["comma"] * 90)
        low, high = chart.view
        assert high < 9_999
        assert low <= chart.crosshair <= high

    alone(chart, check)


def test_zoom_keeps_the_crosshair_where_it_is_on_the_screen(alone: Alone) -> None:
    chart = with_content(Chart(), rising(101))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("c", *["comma"] * 40)
        assert chart.crosshair is not None
        share = (chart.crosshair - 1) / 100
        await pilot.press("plus")
        low, high = chart.view
        assert (chart.crosshair - low) / (high - low) == pytest.approx(share)

    alone(chart, check)


def test_smoothing_and_logarithm_are_told_and_undone_by_the_same_keys(alone: Alone, lines: Lines) -> None:
    jumps = Series("loss", list(range(1, 41)), [1.0 if y % 2 else 3.0 for y in range(40)])
    chart = with_content(Chart(), jumps)

    async def check(pilot: Pilot[None]) -> None:
        assert "loss 1" in lines(chart)[0]
        await pilot.press("w")
        assert chart.smoothing == 0.6
        assert "smooth 0.6" in lines(chart)[0]
        assert "loss 1.75" in lines(chart)[0]
        await pilot.press("w", "w", "w")
        assert chart.smoothing == 0.0
        await pilot.press("l")
        assert chart.log_y
        assert "log" in lines(chart)[0]
        await pilot.press("l")
        assert not chart.log_y
        chart.smoothing = 5.0
        assert chart.smoothing == 0.99

    alone(chart, check)


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (50, 10), (29, 10), (40, 4), (20, 2), (6, 1), (1, 1)])
def test_a_chart_of_any_size_fills_just_its_lines(alone: Alone, lines: Lines, size: tuple[int, int]) -> None:
    chart = with_content(Chart(), rising(60), rising(30, "validation"))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("c")
        shown = lines(chart)
        assert {cell_len(line) for line in shown} == {size[0]}
        assert any(line.strip() for line in shown)

    alone(chart, check, size=size)


def test_a_chart_follows_the_size_of_its_terminal(alone: Alone, lines: Lines) -> None:
    chart = with_content(Chart(), rising(60))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        shown = lines(chart)
        assert len(shown) == 12
        assert {cell_len(line) for line in shown} == {40}

    alone(chart, check)


def test_names_from_outside_are_shown_as_text(alone: Alone, lines: Lines) -> None:
    name = "[bold]\x1b[31mred\n日本"
    chart = with_content(Chart(), rising(9, name), references=[Reference("pub\x1blished", 3.0)])

    async def check(_: Pilot[None]) -> None:
        shown = lines(chart)
        assert "[bold]\\x1b[31mred\\n日本" in shown[0]
        assert any("pub\\x1blished" in line for line in shown)
        assert all(line.isprintable() for line in shown)
        assert {cell_len(line) for line in shown} == {80}

    alone(chart, check)


def test_what_is_not_positive_goes_from_a_logarithmic_axis_and_comes_back(alone: Alone, lines: Lines) -> None:
    chart = with_content(Chart(), Series("loss", [1, 2, 3], [4.0, 2.0, 0.0]))

    async def check(pilot: Pilot[None]) -> None:
        assert "loss 0" in lines(chart)[0]
        await pilot.press("l")
        assert "loss 2" in lines(chart)[0]
        await pilot.press("l")
        assert "loss 0" in lines(chart)[0]

    alone(chart, check)


def test_series_of_one_name_and_colours_that_are_none_are_drawn(alone: Alone, lines: Lines) -> None:
    again = Series("training", [1, 2], [2.0, 1.0], colour="no such colour", marker="▲")
    chart = with_content(Chart(), rising(2), again)

    async def check(_: Pilot[None]) -> None:
        assert lines(chart)[0].startswith("accuracy (%)  ● training 2  ▲ training 1")

    alone(chart, check)


@pytest.mark.parametrize("widget", [Chart, HeatMap, VirtualTable])
def test_every_key_can_be_named_found_and_explained(widget: type[Widget]) -> None:
    bindings = [binding for binding in widget.BINDINGS if isinstance(binding, Binding)]
    assert len(bindings) == len(widget.BINDINGS)
    assert all(binding.id and binding.description and binding.tooltip for binding in bindings)
    assert len({binding.id for binding in bindings}) == len(bindings)


def test_looks_stay_with_their_names(alone: Alone, lines: Lines) -> None:
    chart = with_content(Chart(), rising(3, "a"), rising(3, "b"))

    async def check(pilot: Pilot[None]) -> None:
        with_content(chart, rising(4, "b"))
        await pilot.press("0")
        assert "▲ b 4" in lines(chart)[0]

    alone(chart, check)
