"""A live chart: curves over epochs with references, zoom, a logarithmic axis, smoothing and a crosshair."""

import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.errors import StyleSyntaxError
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from rotui.text import printable
from rotui.tui.charts.chart_picture import Picture
from rotui.tui.charts.chart_view import View
from rotui.tui.charts.charting import Look, Reference, Series, logarithmic, looks
from rotui.tui.charts.curve import Curve, curve, x_range
from rotui.tui.charts.plotting import Role

__all__ = ["Chart", "Reference", "Series"]

SECONDS = 1.0
"""Time between two drawings of content that changes by itself; keys are answered at once."""

SMOOTHINGS = (0.0, 0.6, 0.9, 0.97)


class Chart(Widget, can_focus=True):
    """Series of points as curves. All that a key does can also be set: `log_y`, `smoothing`, `zoom`. With a
    logarithmic x axis (`log_x`) `view` and `crosshair` are powers of ten."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title",
        "chart--axis",
        "chart--reference",
        "chart--crosshair",
        "chart--empty",
    }
    DEFAULT_CSS = """
    Chart {
        width: 1fr;
        height: 1fr;
        & > .chart--title { text-style: bold; }
        &:focus > .chart--title { text-style: bold reverse; }
        & > .chart--axis { color: $text-muted; }
        & > .chart--reference { color: $text; }
        & > .chart--crosshair { color: $text; }
        & > .chart--empty { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(2)", "Zoom in", show=False, id="chart.in", tooltip="Fewer epochs"),
        Binding("minus", "zoom(0.5)", "Zoom out", show=False, id="chart.out", tooltip="More epochs"),
        Binding("0", "all", "Whole", show=False, id="chart.all", tooltip="Every epoch again"),
        Binding("left", "pan(-1)", "Earlier", show=False, id="chart.left", tooltip="Earlier epochs"),
        Binding("right", "pan(1)", "Later", show=False, id="chart.right", tooltip="Later epochs"),
        Binding("l", "log_y", "Log", id="chart.log", tooltip="Logarithmic or linear y axis"),
        Binding("w", "smooth", "Smooth", id="chart.smooth", tooltip="More smoothing, then none"),
        Binding("c", "crosshair", "Crosshair", id="chart.crosshair", tooltip="Values at one epoch"),
        Binding("comma", "step(-1)", "Back", show=False, id="chart.back", tooltip="Crosshair to the left"),
        Binding("full_stop", "step(1)", "On", show=False, id="chart.on", tooltip="Crosshair to the right"),
    ]

    class Arranged(Message):
        """The user chose another axis or smoothing."""

        def __init__(self, chart: "Chart") -> None:
            self.chart = chart
            super().__init__()

    def __init__(
        self,
        *,
        x_label: str = "epoch",
        log_x: bool = False,
        empty: str = "nothing to show yet",
        clock: Callable[[], float] = time.monotonic,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._x_label = x_label
        self._log_x = log_x
        self._empty = empty
        self._clock = clock
        self._series: tuple[Series, ...] = ()
        self._references: tuple[Reference, ...] = ()
        self._title = ""
        self._looks: list[Look] = []
        self._known_looks: dict[str, Look] = {}
        self._curves: list[Curve] | None = None
        self._log_y = False
        self._smoothing = 0.0
        self._view = View()
        self._crosshair: float | None = None
        self._drawn: list[Strip] | None = None
        self._styles: dict[Role, Style] = {}
        self._drawn_at = -SECONDS
        self._later: Timer | None = None

    @property
    def log_y(self) -> bool:
        """True for a logarithmic y axis, on which values that are not positive are left out."""
        return self._log_y

    @log_y.setter
    def log_y(self, log_y: bool) -> None:
        self._log_y = log_y
        self._draw_anew(curves=True)

    @property
    def smoothing(self) -> float:
        """Weight of the past from 0, which shows what was measured, to 0.99."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, smoothing: float) -> None:
        self._smoothing = min(max(smoothing, 0.0), 0.99)
        self._draw_anew(curves=True)

    @property
    def crosshair(self) -> float | None:
        """The x whose values stand under the chart, None without a crosshair."""
        return self._crosshair

    @property
    def is_drawn(self) -> bool:
        """Whether nothing that was set waits to be drawn."""
        return self._later is None

    @property
    def view(self) -> tuple[float, float]:
        """The part of the x axis that is shown."""
        return self._view.shown(self._whole)

    def set_content(
        self,
        series: Sequence[Series],
        references: Sequence[Reference] = (),
        title: str = "",
        y_label: str = "",
    ) -> None:
        """Shows these curves; drawn when visible, and at most once a second."""
        title = " ".join(part for part in (title, y_label and f"({y_label})") if part)
        content, before = tuple(series), self._series
        about = (tuple(references), printable(title))
        is_same = len(content) == len(before) and all(map(Series.is_same, content, before))
        if is_same and about == (self._references, self._title):
            return
        self._series, (self._references, self._title) = content, about
        seen: Counter[str] = Counter()
        named = []
        for each in self._series:
            named.append(replace(each, name=f"{each.name}\0{seen[each.name]}"))
            seen[each.name] += 1
        chosen = looks(named, self._known_looks)
        self._known_looks |= chosen
        self._looks = list(chosen.values())
        self._go_on_from(before)
        wait = self._drawn_at + SECONDS - self._clock()
        if wait <= 0 or not self.is_attached:
            self._draw_anew()
        elif self._later is None:
            self._later = self.set_timer(wait, self._draw_anew)

    def action_zoom(self, factor: float) -> None:
        points = max((len(each.xs) for each in self._drawable()), default=1)
        self._show(self._view.zoomed(factor, self._whole, most=points, around=self._crosshair))

    def action_all(self) -> None:
        self._show(View())

    def action_pan(self, direction: int) -> None:
        self._show(self._view.panned(direction, self._whole))

    def action_log_y(self) -> None:
        self.log_y = not self.log_y
        self.post_message(self.Arranged(self))

    def action_smooth(self) -> None:
        self.smoothing = next((each for each in SMOOTHINGS if each > self._smoothing), 0.0)
        self.post_message(self.Arranged(self))

    def action_crosshair(self) -> None:
        if self._crosshair is None:
            places = [each.xs[-1] for each in self._drawable() if each.xs]
            high = self.view[1]
            self._crosshair = min(max(places), high) if places else None
            self.action_step(0)
        else:
            self._crosshair = None
        self._draw_anew()

    def action_step(self, direction: int) -> None:
        """Moves the crosshair to the next point that is in another column of the screen."""
        if self._crosshair is None:
            return
        low, high = self.view
        wanted = self._crosshair + direction * (high - low) / max(self.size.width, 1)
        near: list[float] = []
        for each in self._drawable():
            if direction >= 0:
                near += each.xs[(place := bisect_left(each.xs, wanted)) : place + 1]
            if direction <= 0:
                near += each.xs[max((place := bisect_right(each.xs, wanted)) - 1, 0) : place]
        if near:
            self._crosshair = min(near, key=lambda x: abs(x - wanted))
            self._show(self._view.with_in_it(self._crosshair, self._whole))

    def render_line(self, y: int) -> Strip:
        if self._drawn is None:
            self._drawn = self._draw()
            self._drawn_at = self._clock()
        return self._drawn[y] if y < len(self._drawn) else Strip.blank(self.size.width, self.rich_style)

    def on_resize(self) -> None:
        self._draw_anew()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._drawn = None

    def on_focus(self) -> None:
        self._draw_anew()

    def on_blur(self) -> None:
        self._draw_anew()

    @property
    def _whole(self) -> tuple[float, float]:
        return x_range(self._drawable()) or (0.0, 1.0)

    def _show(self, view: View) -> None:
        self._view = view
        self._draw_anew()

    def _drawable(self) -> list[Curve]:
        if self._curves is None:
            self._curves = [self._curve(each) for each in self._series]
        return self._curves

    def _curve(self, series: Series) -> Curve:
        told = logarithmic(series) if self._log_x else series
        return curve(told, smoothing=self._smoothing, log_y=self._log_y)

    def _go_on_from(self, before: Sequence[Series]) -> None:
        """Keeps the curves of series that had fewer points before: of those only what is new is looked at."""
        if self._curves is None:
            return
        known = dict(enumerate(zip(before, self._curves, strict=True)))
        self._curves = []
        for place, series in enumerate(self._series):
            past, kept = known.get(place, (None, None))
            goes_on = past is not None and not self._log_x and series.goes_on(past)
            self._curves.append(kept if goes_on and kept and kept.take(series) else self._curve(series))

    def _draw_anew(self, *, curves: bool = False) -> None:
        if self._later is not None:
            self._later.stop()
            self._later = None
        if curves:
            self._curves = None
        self._drawn = None
        self.refresh()

    def _draw(self) -> list[Strip]:
        low, high = self.view
        notes = [
            "log" if self._log_y else "",
            f"smooth {self._smoothing:g}" if self._smoothing else "",
            f"×{self._view.zoom:g}" if self._view.zoom > 1 else "",
        ]
        picture = Picture(
            names=[printable(each.name, 60) for each in self._series],
            curves=self._drawable(),
            looks=self._looks,
            short_names=[printable(each.short or each.name, 60) for each in self._series],
            references=[Reference(printable(each.label, 60), each.y) for each in self._references],
            title=self._title,
            notes=" ".join(note for note in notes if note),
            x_label=self._x_label,
            low=low,
            high=high,
            log_y=self._log_y,
            log_x=self._log_x,
            crosshair=self._crosshair,
            empty=self._empty,
        )
        if not self._styles:
            self._styles = {
                part: self.get_component_rich_style(f"chart--{part}")
                for part in ("title", "axis", "reference", "crosshair", "empty")
            }
            self._styles[""] = self.rich_style
        style = self._styles[""]
        looks: dict[Role, Style] = {
            index: style + _colour(look.colour) for index, look in enumerate(self._looks)
        }
        styles: dict[Role, Style] = {**self._styles, **looks}
        width = self.size.width
        return [
            Strip([Segment(text, styles.get(role, style)) for text, role in line]).adjust_cell_length(
                width, style
            )
            for line in picture.lines(width, self.size.height)
        ]


def _colour(name: str) -> Style:
    try:
        return Style.parse(name)
    except StyleSyntaxError:
        return Style()
