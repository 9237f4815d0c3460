"""Curves keep their extremes however few columns there are, and pictures never leave their frame."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from rotui.tui.charts.chart_picture import Picture
from rotui.tui.charts.charting import (
    COLOURS,
    SIGNS,
    Look,
    Reference,
    Series,
    looks,
    tick_labels,
    ticks,
    y_range,
)
from rotui.tui.charts.curve import Curve, curve, x_range
from rotui.tui.charts.plotting import Canvas, sparkline

NAN, INFINITE = math.nan, math.inf


def picture(*ys: Sequence[float], **more: object) -> Picture:
    log_y = bool(more.get("log_y"))
    curves = [curve(Series("s", range(1, len(each) + 1), each), log_y=log_y) for each in ys]
    low, high = x_range(curves) or (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    told: dict[str, object] = {
        "names": [f"series {index}" for index in range(len(ys))],
        "curves": curves,
        "looks": [Look(COLOURS[index], SIGNS[index]) for index in range(len(ys))],
        "title": "accuracy (%)",
        "x_label": "epoch",
        "low": low,
        "high": high,
    }
    return Picture(**{**told, **more})  # type: ignore[arg-type]


def text(drawn: Picture, width: int, height: int) -> list[str]:
    return ["".join(part for part, _ in line) for line in drawn.lines(width, height)]


def of(xs: Sequence[float], ys: Sequence[float]) -> Curve:
    return curve(Series("s", xs, ys))


def test_values_that_are_no_numbers_are_skipped() -> None:
    shown = curve(Series("s", [1, 2, NAN, 4, 5, 6], [1.0, NAN, 3.0, INFINITE, -INFINITE, 1e301]))
    assert (list(shown.xs), list(shown.ys)) == ([1], [1.0])


def test_points_are_put_in_order_and_the_shorter_list_counts() -> None:
    shown = curve(Series("s", [3, 1, 2], [30.0, 10.0, 20.0, 40.0]))
    assert (list(shown.xs), list(shown.ys)) == ([1, 2, 3], [10.0, 20.0, 30.0])


def test_a_logarithmic_axis_leaves_out_what_is_not_positive() -> None:
    series = Series("s", [1, 2, 3, 4], [1.0, 0.0, -1.0, 2.0])
    assert list(curve(series, log_y=True).ys) == [1.0, 2.0]
    assert list(curve(series).ys) == [1.0, 0.0, -1.0, 2.0]


def test_smoothing_is_a_mean_that_weighs_the_past_less_and_less() -> None:
    def smoothed(ys: Sequence[float], weight: float) -> list[float]:
        return curve(Series("s", range(len(ys)), ys), smoothing=weight).ys

    ys, weight = [4.0, 8.0, 6.0], 0.5
    assert smoothed(ys, weight) == pytest.approx([4.0, (0.5 * 4 + 8) / 1.5, (0.25 * 4 + 0.5 * 8 + 6) / 1.75])
    assert smoothed(ys, 0.0) == ys
    assert smoothed([5.0] * 50, 0.99) == pytest.approx([5.0] * 50)
    assert smoothed(ys, 7.0) == smoothed(ys, 0.99)


def test_few_points_are_all_kept() -> None:
    shown = of([1, 2, 3, 4, 5], [1.0, 5.0, 2.0, 4.0, 3.0])
    assert shown.reduced(2, 4, 10) == [(1, 1.0), (2, 5.0), (3, 2.0), (4, 4.0), (5, 3.0)]


@settings(max_examples=200, deadline=None)
@given(
    ys=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300),
    columns=st.integers(2, 40),
    cut=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_reduced_curve_keeps_the_extremes_of_what_is_in_view(
    ys: list[float], columns: int, cut: tuple[float, float]
) -> None:
    low, high = sorted(share * len(ys) for share in cut)
    points = of(range(len(ys)), ys).reduced(low, high + 0.1, columns)
    inside = [y for x, y in points if low <= x <= high + 0.1]
    wanted = [y for x, y in enumerate(ys) if low <= x <= high + 0.1]
    assert len(points) <= 2 * columns + 2
    assert points == sorted(points, key=lambda point: point[0])
    assert all(ys[int(x)] == y for x, y in points)
    if wanted:
        assert (min(inside), max(inside)) == (min(wanted), max(wanted))


def test_ten_thousand_points_are_drawn_as_few_with_every_spike() -> None:
    ys = [0.0] * 10_000
    ys[5003], ys[7003] = 5.0, -5.0
    points = of(range(10_000), ys).reduced(0, 9999, 100)
    assert len(points) <= 200
    assert (5003, 5.0) in points
    assert (7003, -5.0) in points


@pytest.mark.parametrize("size", [(24, 8), (26, 9), (80, 24), (200, 50)])
def test_the_most_that_is_drawn_can_be_drawn_on_a_logarithmic_axis(size: tuple[int, int]) -> None:
    shown = curve(Series("s", [1, 2, 3], [1e-300, 1.0, 1e299]), log_y=True)
    drawn = Picture(names=["s"], curves=[shown], looks=[Look("", "●")], low=1, high=3, log_y=True)
    lines = text(drawn, *size)
    assert len(lines) == size[1]
    assert any(" 1e" in f" {line}" for line in lines)


@pytest.mark.parametrize("low", [0, 1])
@pytest.mark.parametrize("count", [23, 24, 31, 32, 33, 47, 48, 64])
def test_a_spike_is_drawn_wherever_it_is(count: int, low: int) -> None:
    for place in range(low, count):
        ys = [0.0] * count
        ys[place] = 5.0
        points = of(range(count), ys).reduced(low, count, 10)
        assert (place, 5.0) in points
        assert len(points) <= 2 * 10 + low


@settings(max_examples=100, deadline=None)
@given(
    ys=st.lists(st.floats(-1e6, 1e6) | st.just(NAN), min_size=2, max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=5),
    smoothing=st.sampled_from([0.0, 0.9]),
    log_y=st.booleans(),
)
def test_a_curve_that_grows_is_at_every_length_what_it_would_be_if_made_at_once(
    ys: list[float], cuts: list[int], smoothing: float, log_y: bool
) -> None:
    grown = Curve(smoothing=smoothing, log_y=log_y)
    for end in [*sorted(min(cut, len(ys)) for cut in cuts), len(ys)]:
        series = Series("s", range(end), ys[:end])
        assert grown.take(series)
        whole = curve(series, smoothing=smoothing, log_y=log_y)
        assert (grown.xs, grown.ys) == (whole.xs, whole.ys)
        for low, high in [(0, len(ys)), (0, end), (end // 3, end // 2), (0, len(ys))]:
            assert grown.reduced(low, high, 10) == whole.reduced(low, high, 10)


def test_a_curve_that_had_to_be_put_in_order_grows_by_what_is_new() -> None:
    xs, ys = [NAN, 2.0, 1.0, 2.0, 5.0], [9.0, 3.0, 1.0, 4.0, 7.0]
    grown = of(xs[:4], ys[:4])
    assert grown.take(Series("s", xs, ys))
    assert (grown.xs, grown.ys) == (of(xs, ys).xs, of(xs, ys).ys) == ([1, 2, 2, 5], [1, 3, 4, 7])


def test_a_series_goes_on_only_with_the_same_measure_of_the_same_source() -> None:
    one, other = object(), object()

    def series(count: int, source: tuple[object, str] | None) -> Series:
        return Series("training", range(count), [1.0] * count, source=source)

    assert series(3, (one, "loss")).goes_on(series(2, (one, "loss")))
    assert not series(1, (one, "loss")).goes_on(series(2, (one, "loss")))
    assert not series(3, (one, "loss")).goes_on(series(2, (one, "accuracy")))
    assert not series(3, (one, "loss")).goes_on(series(2, (other, "loss")))
    assert not series(3, None).goes_on(series(2, None))
    assert series(2, (one, "loss")).is_same(series(2, (one, "loss")))
    assert not series(3, (one, "loss")).is_same(series(2, (one, "loss")))
    assert series(2, None).is_same(series(2, (other, "loss")))


def test_a_long_curve_that_grows_is_drawn_as_if_made_at_once() -> None:
    ys = [math.sin(0.7 * x) + math.cos(0.31 * x) for x in range(200)]
    grown = Curve()
    for end in range(5, 201, 5):
        assert grown.take(Series("s", range(end), ys[:end]))
        assert grown.reduced(0, 200, 10) == of(range(end), ys[:end]).reduced(0, 200, 10)


def test_a_point_left_of_the_last_does_not_belong_to_a_growing_curve() -> None:
    assert not of([1, 2, 3], [1.0, 1.0, 1.0]).take(Series("s", [1, 2, 3, 2], [1.0, 1.0, 1.0, 1.0]))


def test_the_value_at_a_place_is_that_of_the_nearest_point_in_reach() -> None:
    shown = of([1, 2, 4], [10.0, 20.0, 40.0])
    assert shown.at(2.4, within=0.5) == 20.0
    assert shown.at(3.4, within=1.0) == 40.0
    assert shown.at(3.0, within=0.5) is None
    assert shown.at(9.0, within=1.0) is None
    assert Curve().at(0.0, within=1.0) is None


@pytest.mark.parametrize("ys", [[1.0, 2.0], [5.0], [0.0], [-3.0, -3.0], [1e-9, 2e-9], [1e299, -1e299], []])
def test_all_values_lie_within_the_axis(ys: list[float]) -> None:
    low, high = y_range(ys)
    assert low < high
    assert all(low <= y <= high for y in ys)


def test_a_logarithmic_axis_counts_in_powers_of_ten() -> None:
    low, high = y_range([0.01, 100.0, -5.0], log_y=True)
    assert -2.3 < low < -2.0
    assert 2.0 < high < 2.3


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(1, 20))
def test_ticks_are_evenly_spaced_in_range_and_told_apart_by_their_labels(
    low: float, span: float, count: int
) -> None:
    values = ticks(low, low + span, count)
    assert len(values) <= 2 * count + 2
    assert all(low - span * 1e-6 <= value <= low + span * (1 + 1e-6) for value in values)
    if span > 1e-4 * abs(low):
        labels = tick_labels(values)
        assert len(set(labels)) == len(labels)


def test_ticks_are_round_numbers() -> None:
    assert tick_labels(ticks(0.0, 100.0, 5)) == ["0", "20", "40", "60", "80", "100"]
    assert tick_labels(ticks(0.91, 2.34, 3)) == ["1.0", "1.5", "2.0"]
    assert tick_labels(ticks(1, 10_000, 5)) == ["2000", "4000", "6000", "8000", "10000"]
    assert ticks(1.0, 1.0, 5) == []


def test_series_differ_in_sign_and_colour() -> None:
    chosen = looks([Series(f"run {index}", [], []) for index in range(8)], {})
    assert len({look.sign for look in chosen.values()}) == 8
    assert len({look.colour for look in chosen.values()}) == 8


def test_signs_asked_for_twice_are_made_to_differ() -> None:
    chosen = looks([Series(name, [], [], "cyan", "●") for name in "abc"], {})
    assert chosen["a"] == Look("cyan", "●")
    assert len({look.sign for look in chosen.values()}) == 3
    named = looks([Series(name, [], [], "cyan", "braille") for name in "abc"], {})
    assert all(len(look.sign) == 1 for look in named.values())


def test_a_series_keeps_its_look_when_others_come_and_go() -> None:
    a, b, c, d = (Series(name, [], []) for name in "abcd")
    first = looks([a, b, c], {})
    second = {**first, **looks([c, d], first)}
    third = looks([d, c, a, b], second)
    assert second["c"] == first["c"]
    assert third == {name: second[name] for name in "dcab"}
    assert len({look.sign for look in third.values()}) == 4
    assert len({look.colour for look in third.values()}) == 4


def test_more_series_than_signs_are_still_drawn() -> None:
    many = [Series(f"run {index}", [], []) for index in range(30)]
    assert len(looks(many, looks(many[:20], {}))) == 30


def test_a_line_joins_its_points_without_gaps() -> None:
    canvas = Canvas(10, 5)
    canvas.polyline([(0.0, 0.0), (1.0, 1.0)], 0)
    drawn = ["".join(part for part, _ in line) for line in canvas.lines()]
    assert drawn[0][-1] != " "
    assert drawn[-1][0] != " "
    assert all(any(line[column] != " " for line in drawn) for column in range(10))
    assert all(line.strip() for line in drawn)


def test_a_steep_line_fills_the_rows_between() -> None:
    canvas = Canvas(2, 40)
    canvas.polyline([(0.0, 0.0), (1.0, 1.0)], 0)
    drawn = ["".join(part for part, _ in line) for line in canvas.lines()]
    assert all(line.strip() for line in drawn)


def test_lines_beyond_the_canvas_are_cut() -> None:
    canvas = Canvas(12, 2)
    canvas.polyline([(-5.0, -3.0), (0.5, 0.5), (9.0, 40.0)], 0)
    canvas.sign(1.5, 0.5, "●", 0)
    canvas.horizontal(7.0, "far", "reference")
    drawn = ["".join(part for part, _ in line) for line in canvas.lines()]
    assert [len(line) for line in drawn] == [12, 12]
    assert "●" not in "".join(drawn)
    assert "far" not in "".join(drawn)


def test_a_sparkline_has_a_bar_per_value() -> None:
    assert sparkline([0.0, 50.0, 100.0]) == "▁▅█"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([]) == ""


RISING = [float(y) for y in range(1, 60)]
FALLING = [60.0 - y for y in RISING]


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize(
    "ys",
    [(), ([],), ([5.0],), (RISING, FALLING), ([0.0] * 9,), (RISING,) * 8, ([1e-8, 1e8],), ([-1e299, 1e299],)],
)
def test_a_picture_never_leaves_its_frame(log_y: bool, ys: tuple[list[float], ...]) -> None:
    drawn = picture(
        *ys,
        references=[Reference("published 91.2", 91.2), Reference("広い名前", 2.0), Reference("bad", NAN)],
        notes="log smooth 0.9",
        log_y=log_y,
        crosshair=3.0,
    )
    for width in (1, 2, 5, 11, 12, 20, 29, 30, 80, 200):
        for height in (1, 2, 3, 7, 8, 12, 50):
            shown = text(drawn, width, height)
            assert len(shown) <= height
            assert all(cell_len(line) <= width for line in shown)


def test_a_whole_chart_has_heading_legend_axes_and_reference() -> None:
    shown = text(picture(RISING, FALLING, references=[Reference("published 91.2", 91.2)]), 80, 20)
    assert shown[0].startswith("accuracy (%)  ● series 0 59  ▲ series 1 1")
    assert "╌ published 91.2 ╌" in "".join(shown[1:4])
    assert any(line.startswith("60┤") for line in shown)
    assert "└" in shown[-2]
    assert shown[-1].split() == ["10", "20", "30", "40", "50", "epoch"]


def test_curves_are_told_apart_by_signs_on_them() -> None:
    drawn = text(picture(RISING, FALLING), 80, 20)[1:]
    assert sum(line.count("●") for line in drawn) >= 4
    assert sum(line.count("▲") for line in drawn) >= 4


def test_a_single_point_is_seen() -> None:
    for width, height in [(80, 20), (20, 5)]:
        assert any("●" in line for line in text(picture([5.0]), width, height)[1:])


def test_a_chart_without_points_says_so() -> None:
    shown = text(picture([], empty="no epoch yet"), 40, 9)
    assert shown[4].strip() == "no epoch yet"
    assert shown[0].startswith("accuracy")


def test_less_room_takes_the_axes_and_then_the_curves_away() -> None:
    drawn = picture(RISING, FALLING)
    assert any("┤" in line for line in text(drawn, 24, 8))
    assert not any("┤" in line for line in text(drawn, 23, 8))
    assert not any("┤" in line for line in text(drawn, 30, 7))
    bars = text(drawn, 40, 2)
    assert bars[0].startswith("● ▁")
    assert bars[0].endswith("█ 59")
    assert bars[1].startswith("▲ █")
    assert text(drawn, 11, 9)[0].endswith(" 59")


def test_the_legend_gives_up_values_then_letters_then_series() -> None:
    drawn = picture(*[RISING] * 6, title="a")
    assert text(drawn, 100, 20)[0].count(" 59") == 6
    assert text(drawn, 80, 20)[0].count("series ") == 6
    assert "59" not in text(drawn, 80, 20)[0]
    assert text(drawn, 50, 20)[0].count("…") == 6
    assert text(drawn, 30, 20)[0].endswith("+3")


def test_the_legend_has_short_names_where_the_names_of_all_have_no_room() -> None:
    drawn = picture(RISING, FALLING, title="accuracy (%)", short_names=["train", "val"])
    assert text(drawn, 40, 20)[0] == "accuracy (%)  ● series 0  ▲ series 1"
    assert text(drawn, 34, 20)[0] == "accuracy (%)  ● train 59  ▲ val 1"
    assert text(drawn, 28, 20)[0] == "accuracy (%)  ● train  ▲ val"
    assert text(drawn, 27, 20)[0] == "accuracy (%)  ● tra…  ▲ val"


def test_the_values_at_the_crosshair_stand_below() -> None:
    shown = text(picture(RISING, FALLING, crosshair=20.0), 80, 20)
    assert shown[-1].startswith("epoch 20  ● series 0 20  ▲ series 1 40")
    assert sum("┆" in line for line in shown) > 5
    apart = Picture(
        names=["early"], curves=[of([1, 2], [1.0, 2.0])], looks=[Look("", "●")], high=60.0, crosshair=50.0
    )
    assert text(apart, 80, 20)[-1].startswith("50  ● early –")


def test_the_label_of_a_reference_goes_where_it_hides_no_curve() -> None:
    rising = text(picture(RISING, references=[Reference("here", 58.0)]), 60, 12)
    falling = text(picture(FALLING, references=[Reference("here", 58.0)]), 60, 12)
    (left,) = [line.index("here") for line in rising if "here" in line]
    (right,) = [line.index("here") for line in falling if "here" in line]
    assert left < 20
    assert right > 40


def test_a_logarithmic_axis_is_labelled_with_the_values() -> None:
    shown = text(picture([0.001, 0.1, 10.0, 1000.0], log_y=True), 60, 24)
    labels = [line.split("┤")[0].strip() for line in shown if "┤" in line]
    assert labels == ["1e+03", "100", "10", "1", "0.1", "0.01", "0.001"]


def test_a_logarithmic_axis_of_one_decade_has_labels_between() -> None:
    shown = text(picture([0.15, 0.9], log_y=True), 60, 24)
    assert [line.split("┤")[0].strip() for line in shown if "┤" in line] == ["0.5", "0.2"]
