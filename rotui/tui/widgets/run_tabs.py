"""The tabs of a run: each is brought up to date where what it shows has changed, while it is in view."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from rotui.store.listing import ListedRun
from rotui.store.live_progress import LiveProgress
from rotui.study.records import EpochRecord, RunResult
from rotui.tui.charts.epoch_series import accuracy_series, loss_series, references
from rotui.tui.run_texts import class_bars, log_text, profile_text
from rotui.tui.run_view import RunView, overview, provenance_table, sections_text
from rotui.tui.widgets.bars import Bars
from rotui.tui.widgets.chart import Chart
from rotui.tui.widgets.heat_map import HeatMap

TABS = {
    "overview": "Overview",
    "curves": "Curves",
    "classes": "Classes",
    "profile": "Profile",
    "provenance": "Provenance",
    "log": "Log",
}
HEAT_MAP_LINES = 3
"""Lines that a confusion matrix has beside its classes."""
CLASSES_TITLE = "accuracy of each class, last epoch"


class RunTabs(ContentSwitcher):
    """One pane a tab, of which `current` is in view."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(initial=next(iter(TABS)), id=id)
        self._shown: dict[str, tuple[object, ...]] = {}

    @property
    def tab(self) -> str:
        """The tab in view."""
        return self.current or next(iter(TABS))

    def compose(self) -> ComposeResult:
        """All of them."""
        with Vertical(id="overview"):
            with VerticalScroll(id="overview-words"), Horizontal(id="overview-columns"):
                yield Static(id="overview-left")
                yield Static(id="overview-right")
            yield Chart(id="overview-chart")
        with Horizontal(id="curves"):
            yield Chart(id="run-accuracy")
            yield Chart(id="run-loss")
        with Vertical(id="classes"):
            yield Bars(id="class-bars")
            yield HeatMap(empty="told when the run is finished", id="confusion")
        for tab in ("profile", "provenance", "log"):
            with VerticalScroll(id=tab):
                yield Static(id=f"{tab}-text", markup=False)

    def on_mount(self) -> None:
        """The log follows its end until someone scrolls."""
        self.query_one("#log", VerticalScroll).anchor()

    def panes(self) -> list[Widget]:
        """What of the tab in view takes keys."""
        pane = self.query_one(f"#{self.tab}")
        return [pane] if pane.focusable else [child for child in pane.children if child.focusable]

    def show(
        self, run: ListedRun, view: RunView, live: LiveProgress | None, epochs: Sequence[EpochRecord]
    ) -> None:
        """Shows the run in the tab in view; another run from its beginning."""
        past = view.files.past
        contents: dict[str, tuple[object, ...]] = {
            "overview": (run, view, live, epochs),
            "curves": (view.published, epochs),
            "classes": (past.result if past is not None else None,),
            "profile": (view.files.profile,),
            "provenance": (past.provenance if past is not None else None,),
            "log": (view.files.log,),
        }
        content, before = (run.name, *contents[self.tab]), self._shown.get(self.tab)
        if before == content:
            return
        self._shown[self.tab] = content
        match self.tab:
            case "overview":
                left, right = overview(run, view, live)
                self.query_one("#overview-left", Static).update(sections_text(left))
                self.query_one("#overview-right", Static).update(sections_text(right))
                chart = self.query_one("#overview-chart", Chart)
                chart.set_content(accuracy_series(epochs), references(run, view.published), "accuracy", "%")
            case "curves":
                accuracy, loss = self.query_one("#run-accuracy", Chart), self.query_one("#run-loss", Chart)
                accuracy.set_content(
                    accuracy_series(epochs), references(run, view.published), "accuracy", "%"
                )
                loss.set_content(loss_series(epochs), (), "loss", "nats")
            case "classes":
                self._show_classes(past.result if past is not None else None)
            case "profile":
                self._write("profile", profile_text(view.files.profile, past.profile if past else None))
            case "provenance":
                told = past.provenance if past is not None else {}
                table = provenance_table(told) if told else Text("told when the run begins", "dim")
                self.query_one("#provenance-text", Static).update(table)
            case "log":
                self._write("log", log_text(view.files.log, cut=view.files.log_cut))
        if before is not None and before[0] != run.name:
            self._to_the_beginning()

    def _write(self, tab: str, text: Text) -> None:
        self.query_one(f"#{tab}-text", Static).update(text if text.plain else Text("nothing yet", "dim"))

    def _show_classes(self, result: RunResult | None) -> None:
        bars, confusion = self.query_one("#class-bars", Bars), self.query_one("#confusion", HeatMap)
        if result is None:
            bars.show((), CLASSES_TITLE, "told when the run is finished")
            confusion.set_matrix((), ())
            return
        told = result.classification
        bars.show(class_bars(told), CLASSES_TITLE)
        confusion.set_matrix(told.classes, told.confusion)
        confusion.styles.height = len(told.classes) + HEAT_MAP_LINES

    def _to_the_beginning(self) -> None:
        for pane in self.panes():
            if pane.id == "log":
                self.query_one("#log", VerticalScroll).anchor()
            elif isinstance(pane, VerticalScroll):
                pane.scroll_home(animate=False)
