"""The second place: what was measured beside what was published, filling in as runs end."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widgets import Static

from rotui.errors import RotuiError
from rotui.results.variants import Settings
from rotui.text import printable
from rotui.tui.charts.result_charts import ChartKind, chart_kinds
from rotui.tui.comparison_view import ComparisonView, ResultsAsked, ResultsReader, ResultsTold
from rotui.tui.exporting import ExportDialog, Format
from rotui.tui.latest import Latest
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.place import Place
from rotui.tui.queueing import queue_experiment
from rotui.tui.result_export import write_results
from rotui.tui.tables.result_table import headline
from rotui.tui.widgets.comparison_pane import ComparisonPane, ComparisonTable
from rotui.tui.widgets.experiment_list import ExperimentList
from rotui.tui.widgets.result_chart import ResultChart
from rotui.tui.widgets.table_messages import RowHighlighted, RowSelected

PROFILE_SECONDS = 2.0
"""Time between two looks at whether a profile's file was changed."""
TINY_BELOW = 60
"""Columns of the screen below which the list of experiments is there only while one chooses."""
EXPERIMENTS = "experiments"


class ResultsScreen(Place):
    """Choose an experiment, read its comparison, queue what is missing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "queue_missing", "Queue missing", id="results.missing", tooltip="Queue what is missing"),
        Binding("s", "settings", "Settings", id="results.settings",
                tooltip="The next settings that the experiment was run with"),
        Binding("v", "view(1)", "View", id="results.view", tooltip="The next chart of the experiment"),
        Binding("V", "view(-1)", "View back", show=False, id="results.view-back", tooltip="The chart before"),
        Binding("x", "export", "Export", id="results.export", tooltip="The table as CSV, Markdown or JSON"),
        Binding(
            "left_square_bracket", "experiment(-1)", "Before", show=False, id="results.before",
            tooltip="The experiment before",
        ),
        Binding(
            "right_square_bracket", "experiment(1)", "Next", show=False, id="results.next",
            tooltip="The next experiment",
        ),
        Binding("b", "experiments", "List", id="results.panes", tooltip="Show or hide the list"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._chosen = ""
        self._settings: dict[str, Settings] = {}
        self._kind: ChartKind | None = None
        self._asked_version = -1
        self._told = ResultsTold()

    def compose_place(self) -> ComposeResult:
        """Experiments at the left; table, notes and chart beside or below each other, as there is room."""
        with Horizontal(id="results"):
            with Vertical(id="experiments-pane"):
                yield Static("experiments", classes="pane-title", markup=False)
                yield ExperimentList(id=EXPERIMENTS)
            with Vertical(id="result-pane"):
                yield Static(id="result-title", classes="pane-title", markup=False)
                with Vertical(id="result-body"):
                    yield ComparisonPane(id="comparison-pane")
                    yield ResultChart(id="result-chart")

    def on_mount(self) -> None:
        """Looks at profiles and runs from now on."""
        place = self.console_app.workplace
        reader = ResultsReader(place.runs_dir)
        self._reading: Latest[ResultsAsked, ResultsTold] = Latest(
            self, reader.read, self._show, self._refused
        )
        self._queueing: Latest[ComparisonView, str] = Latest(self, self._queue, self._queued, self._refused)
        hidden = EXPERIMENTS in self.console_app.view_state.hidden_panes
        self.query_one("#experiments-pane").set_class(hidden, "hidden")
        tiny = self.app.size.width < TINY_BELOW
        self.set_focus(self.query_one(ComparisonTable if tiny else ExperimentList))
        self.set_interval(PROFILE_SECONDS, self._look)

    def show(self, snapshot: Snapshot) -> None:
        """Has the comparison worked out again where runs changed, and shows how far the others are."""
        if snapshot.version not in (0, self._asked_version):
            self._ask()
        self._show_rows()

    def on_resize(self) -> None:
        """Narrow tables have short titles."""
        self._show_rows()

    def _look(self) -> None:
        if self.is_current and self.console_app.snapshot.version and not self._reading.is_busy:
            self._ask()

    def _ask(self) -> None:
        snapshot = self.console_app.snapshot
        self._asked_version = snapshot.version
        self._reading.ask(
            ResultsAsked(snapshot.version, snapshot.runs, self._chosen, self._settings.get(self._chosen))
        )

    def _show(self, told: ResultsTold) -> None:
        if told is self._told:
            return
        self._told = told
        view = told.view
        if view is not None and not self._chosen:
            self._chosen = view.reference
        self.query_one(ExperimentList).show(told.experiments, self._chosen)
        if view is None:
            self.query_one(ComparisonTable).empty = "no experiment has runs yet: queue one in place 1"
            return
        self._show_rows()

    def _show_rows(self) -> None:
        """What changes with every snapshot, and what follows the cursor."""
        view = self._told.view
        if view is None:
            return
        self.query_one("#result-title", Static).update(headline(view), layout=False)
        self.query_one(ComparisonPane).show(view, self.console_app.snapshot)
        self._show_chart()

    def _show_chart(self) -> None:
        view = self._told.view
        if view is None:
            return
        kinds = chart_kinds(view)
        if self._kind not in kinds:
            self._kind = None
        self.query_one("#result-body").set_class(self._kind is not None, "charting")
        row, live = self.query_one(ComparisonPane).row, self.console_app.snapshot.epochs
        self.query_one(ResultChart).show(view, self._kind or kinds[0], row, live)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """In little room the list of experiments is there while it is used."""
        self.set_class(isinstance(event.widget, ExperimentList), "choosing")

    @on(ExperimentList.Chosen)
    def choose(self, message: ExperimentList.Chosen) -> None:
        """Shows the experiment under the cursor."""
        if message.reference != self._chosen:
            self._chosen = message.reference
            self._ask()

    @on(ExperimentList.OptionSelected)
    def go_to_table(self, message: ExperimentList.OptionSelected) -> None:
        """Enter goes on to the table."""
        message.stop()
        self.remove_class("choosing")
        self.call_after_refresh(self.query_one(ComparisonTable).focus)

    @on(RowHighlighted)
    def follow(self) -> None:
        """Curves are those of the row under the cursor."""
        self._show_chart()

    @on(RowSelected)
    def open_run(self, message: RowSelected) -> None:
        """Shows a run of the row in full."""
        if message.row.runs:
            self.console_app.open_run(message.row.runs[0])
        else:
            self.notify("no run of these settings was ever queued: m queues what is missing", markup=False)

    def action_view(self, step: int) -> None:
        """The next chart; where only one thing fits the screen, the table is one of them."""
        view = self._told.view
        if view is not None:
            kinds: list[ChartKind | None] = [*chart_kinds(view)]
            if self.has_class("-short"):
                kinds.insert(0, None)
            now = kinds.index(self._kind) if self._kind in kinds else 0
            self._kind = kinds[(now + step) % len(kinds)]
            self._show_chart()

    def action_settings(self) -> None:
        """The next settings that the experiment was run with."""
        view = self._told.view
        if view is None:
            return
        if len(view.variants) < 2:
            self.notify("it was run with no other settings", markup=False, timeout=3)
            return
        at = view.variants.index(view.settings) if view.settings in view.variants else -1
        self._settings[view.reference] = view.variants[(at + 1) % len(view.variants)]
        self._ask()

    def action_experiment(self, step: int) -> None:
        """The next experiment of the list, wherever the cursor is."""
        listed = self.query_one(ExperimentList)
        if listed.listed:
            listed.highlighted = ((listed.highlighted or 0) + step) % len(listed.listed)

    def action_experiments(self) -> None:
        """Hides the experiments or shows them again, and remembers it; where there is no room for both they
        are there while one chooses."""
        if self.has_class("-narrow") or self.has_class("-tiny"):
            self.set_class(not self.has_class("choosing"), "choosing")
            chooses = self.has_class("choosing")
            focused = self.query_one(ExperimentList) if chooses else self.query_one(ComparisonTable)
            self.call_after_refresh(focused.focus)
            return
        hidden = self.console_app.view_state.hidden_panes
        if EXPERIMENTS in hidden:
            hidden.remove(EXPERIMENTS)
        else:
            hidden.append(EXPERIMENTS)
        self.query_one("#experiments-pane").set_class(EXPERIMENTS in hidden, "hidden")

    def action_queue_missing(self) -> None:
        """Queues the experiment: what is finished or waits already stays as it is."""
        view = self._told.view
        if view is None or self._queueing.is_busy:
            return
        if not any(row.missing for row in view.comparison.rows):
            self.notify("nothing is missing", markup=False, timeout=3)
            return
        self._queueing.ask(view)

    def _queue(self, view: ComparisonView) -> str:
        app = self.console_app
        stop = app.departure.begun.is_set
        return queue_experiment(
            view.experiment, app.workplace, app.notice_from_thread, stop=stop, fresh=False
        )

    def _queued(self, told: str) -> None:
        self.notify(printable(told), markup=False)
        self.console_app.queue_changed()

    def _refused(self, error: RotuiError) -> None:
        self.notify(printable(error, 400), severity="error", timeout=15, markup=False)

    def action_export(self) -> None:
        """Asks for a format and writes the comparison to a new file in the current directory."""
        view = self._told.view
        if view is None:
            return
        exporting: Latest[Format, Path] = Latest(
            self, lambda form: write_results(view.comparison, form), self._exported, self._refused
        )

        def write(form: Format | None) -> None:
            if form is not None:
                exporting.ask(form)

        self.app.push_screen(ExportDialog(f"the results of {printable(view.comparison.title, 60)}"), write)

    def _exported(self, path: Path) -> None:
        told = f"the results are in {printable(path.name)}, in {printable(path.parent)}"
        self.notify(told, timeout=8, markup=False)
