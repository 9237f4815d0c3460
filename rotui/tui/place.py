"""What the console's places have in common: a screen that shows the newest snapshot."""

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen

from rotui.tui.live.snapshot import Snapshot
from rotui.tui.view_state import ChartState
from rotui.tui.widgets.chart import Chart
from rotui.tui.widgets.hint_line import HintLine
from rotui.tui.widgets.place_line import PlaceLine

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp


ALWAYS_HINTED = ("app.help", "app.leave")
"""The bindings whose keys are told in the last line of every place."""

HINTED_WHEN_TINY = ("console.panes", "results.panes")
"""Those that lead to what there is no room for beside what is shown."""


class Place(Screen[None]):
    """One of the console's places. It is told of each new snapshot while it is in view, and of the newest one
    when it comes into view; `within` is told in the first line of a screen that belongs to another place."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "z",
            "maximise",
            "Zoom",
            id="pane.zoom",
            show=False,
            tooltip="One pane on the whole screen, and back",
        )
    ]
    within = ""

    @property
    def console_app(self) -> "RotuiApp":
        """The app, by its own type."""
        return cast("RotuiApp", self.app)

    def compose(self) -> ComposeResult:
        """First line, the place's own content, keys."""
        yield PlaceLine(id="place-line")
        with Vertical(id="place"):
            yield from self.compose_place()
        yield HintLine(ALWAYS_HINTED, HINTED_WHEN_TINY, id="hints")

    def compose_place(self) -> ComposeResult:
        """The place's own widgets."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Brings the place up to date."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Writes the first line and draws the charts as they were the last time."""
        self.show_line()
        for chart in self.query(Chart):
            kept = self.console_app.view_state.charts.get(chart.id or "")
            if kept is not None:
                chart.log_y, chart.smoothing = kept.log_y, kept.smoothing

    def on_chart_arranged(self, message: Chart.Arranged) -> None:
        """Keeps how a chart is drawn."""
        chart = message.chart
        if chart.id:
            kept = ChartState(log_y=chart.log_y, smoothing=chart.smoothing)
            self.console_app.view_state.charts[chart.id] = kept

    def on_place_line_asked(self, message: PlaceLine.Asked) -> None:
        """A click does what the key does."""
        self.console_app.action_place(message.mode)

    def action_maximise(self) -> None:
        """The focused pane on the whole screen, and back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None and self.maximize(self.focused):
            self.notify("z brings the other panes back", timeout=3)

    def show_line(self) -> None:
        """Brings the first line up to date, once it is there."""
        for line in self.query(PlaceLine):
            app = self.console_app
            line.show(app.place_tabs(), app.current_mode, app.status_line(self.within))

    def on_screen_resume(self) -> None:
        """The place comes into view."""
        self.refresh_place()

    def refresh_place(self) -> None:
        """Shows the newest snapshot, once there is something to show it on."""
        if self.query(PlaceLine):
            self.show_line()
            self.show(self.console_app.snapshot)
