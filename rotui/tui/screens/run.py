"""The fourth place: one run in full, of whatever process, as its directory tells it."""

from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from rotui.errors import RotuiError
from rotui.store.listing import ListedRun
from rotui.store.run_files import RunFiles, RunFilesReader
from rotui.text import printable
from rotui.tui.curves import accuracy_series, loss_series, published_reference
from rotui.tui.latest import Latest
from rotui.tui.place import Place
from rotui.tui.run_texts import class_bars, log_text, profile_text
from rotui.tui.run_view import header, overview, provenance_table, sections_text
from rotui.tui.snapshot import Snapshot
from rotui.tui.widgets.bars import Bars
from rotui.tui.widgets.chart import Chart, Reference
from rotui.tui.widgets.heat_map import HeatMap
from rotui.tui.widgets.tab_line import TabLine

LOOK_SECONDS = 1.0
"""Time between two looks at whether a file of the run changed."""

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


class RunScreen(Place):
    """Tabs over one run: the one that was opened, else what is being trained, else the newest."""

    title_text = "Run"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "tab(1)", "Tab", id="run.tab", tooltip="The next tab"),
        Binding("shift+tab", "tab(-1)", "Back", show=False, id="run.tab-back", tooltip="The tab before"),
        *(
            Binding(f"alt+{number}", f"show_tab('{tab}')", name, show=False, id=f"run.{tab}",
                    tooltip=f"The tab {name}")
            for number, (tab, name) in enumerate(TABS.items(), start=1)
        ),
        Binding("left_square_bracket", "run(-1)", "Before", id="run.before", tooltip="The run before"),
        Binding("right_square_bracket", "run(1)", "Next", id="run.next", tooltip="The next run"),
        Binding("o", "preview", "Preview", id="run.preview", tooltip="Pictures as its network sees them"),
        Binding("y", "copy", "Copy", show=False, id="run.copy", tooltip="Its directory to the clipboard"),
        Binding("f", "other_pane", "Pane", show=False, id="run.pane", tooltip="The other pane of the tab"),
        Binding("z", "maximise", "Zoom", show=False, id="run.zoom", tooltip="One pane on the screen"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._tab = "overview"
        self._last = ""
        self._files: RunFiles | None = None
        self._shown: dict[str, tuple[object, ...]] = {}

    def compose_place(self) -> ComposeResult:
        """The run's line, the tabs' line, and one tab at a time."""
        yield Static(id="run-line", markup=False)
        yield TabLine(TABS, id="run-tab-line")
        with ContentSwitcher(initial="overview", id="run-tabs"):
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
        """Looks at the run's files from now on."""
        super().on_mount()
        reader = RunFilesReader(self.console_app.workplace.runs_dir)
        self._reading = Latest(self, reader.read, self._take, self._refused)
        self.set_interval(LOOK_SECONDS, self._look)
        self.query_one("#log", VerticalScroll).anchor()
        self._focus_pane(0)

    def show(self, snapshot: Snapshot) -> None:
        """The run as of this snapshot; its files are looked at off the event loop."""
        run = self._run(snapshot)
        self.query_one("#run-line", Static).update(self._line(run, snapshot))
        if run is None:
            return
        self._last = run.name
        self.console_app.feed.want(frozenset({run.name}))
        self._reading.ask(run.name)
        self._show_tab()

    def _run(self, snapshot: Snapshot) -> ListedRun | None:
        """The run to show. Where none was opened what is being trained is followed; when nothing is any more,
        the last one stays."""
        chosen = snapshot.run(self.console_app.chosen_run)
        last = snapshot.run(self._last)
        newest = snapshot.runs[-1] if snapshot.runs else None
        return chosen or next(iter(snapshot.active), None) or last or newest

    def _line(self, run: ListedRun | None, snapshot: Snapshot) -> Text:
        if run is None:
            return Text("there are no runs yet: queue one in place 1", "dim")
        place = [each.name for each in snapshot.runs].index(run.name) + 1
        return header(run, snapshot.live.get(run.name), place, len(snapshot.runs))

    def _look(self) -> None:
        run = self._run(self.console_app.snapshot)
        if run is not None and self.is_current and not self._reading.is_busy:
            self._reading.ask(run.name)

    def _take(self, files: RunFiles) -> None:
        if files is not self._files:
            self._files = files
            self._show_tab()

    def _refused(self, error: RotuiError) -> None:
        self.notify(printable(error, 400), severity="error", markup=False)

    def _show_tab(self) -> None:
        """Brings the tab in view up to date where what it shows has changed."""
        snapshot = self.console_app.snapshot
        run = self._run(snapshot)
        files = self._files if run is not None and self._files and self._files.name == run.name else None
        if run is None or files is None:
            return
        live = snapshot.live.get(run.name)
        epochs = snapshot.epochs.get(run.name, files.past.epochs if files.past is not None else ())
        content = (run, files, live, epochs)
        before = self._shown.get(self._tab)
        if before == content:
            return
        self._shown[self._tab] = content
        match self._tab:
            case "overview":
                left, right = overview(run, files, live)
                self.query_one("#overview-left", Static).update(sections_text(left))
                self.query_one("#overview-right", Static).update(sections_text(right))
                chart = self.query_one("#overview-chart", Chart)
                chart.set_content(accuracy_series(epochs), self._references(run), "accuracy", "%")
            case "curves":
                references = self._references(run)
                accuracy, loss = self.query_one("#run-accuracy", Chart), self.query_one("#run-loss", Chart)
                accuracy.set_content(accuracy_series(epochs), references, "accuracy", "%")
                loss.set_content(loss_series(epochs), (), "loss", "nats")
            case "classes":
                self._show_classes(files)
            case "profile":
                profile = files.past.profile if files.past is not None else None
                self._write("profile", profile_text(files.profile, profile))
            case "provenance":
                told = files.past.provenance if files.past is not None else {}
                table = provenance_table(told) if told else Text("told when the run begins", "dim")
                self.query_one("#provenance-text", Static).update(table)
            case "log":
                self._write("log", log_text(files.log, cut=files.log_cut))
        if before is not None and before[0].name != run.name:  # type: ignore[attr-defined]  # a ListedRun
            self._to_the_beginning()

    def _references(self, run: ListedRun) -> tuple[Reference, ...]:
        floor = () if run.floor is None else (Reference(f"floor {run.floor:.0f}", run.floor),)
        return (*published_reference(self.console_app.workplace.runs_dir / run.name), *floor)

    def _write(self, tab: str, text: Text) -> None:
        self.query_one(f"#{tab}-text", Static).update(text if text.plain else Text("nothing yet", "dim"))

    def _show_classes(self, files: RunFiles) -> None:
        result = files.past.result if files.past is not None else None
        bars, confusion = self.query_one("#class-bars", Bars), self.query_one("#confusion", HeatMap)
        if result is None:
            bars.show((), CLASSES_TITLE, "told when the run is finished")
            confusion.set_matrix((), ())
        else:
            told = result.classification
            bars.show(class_bars(told), CLASSES_TITLE)
            confusion.set_matrix(told.classes, told.confusion)
            confusion.styles.height = len(told.classes) + HEAT_MAP_LINES

    def _to_the_beginning(self) -> None:
        if self._tab == "log":
            self.query_one("#log", VerticalScroll).anchor()
            return
        for pane in self._panes():
            if isinstance(pane, VerticalScroll):
                pane.scroll_home(animate=False)

    @on(TabLine.Asked)
    def tab_clicked(self, message: TabLine.Asked) -> None:
        """A click does what the key does."""
        self.action_show_tab(message.tab)

    def action_tab(self, step: int) -> None:
        """The next tab."""
        tabs = list(TABS)
        self.action_show_tab(tabs[(tabs.index(self._tab) + step) % len(tabs)])

    def action_show_tab(self, tab: str) -> None:
        """Shows a tab, with the keys going to its pane."""
        self.minimize()
        self._tab = tab
        self.query_one(TabLine).show(tab)
        self.query_one(ContentSwitcher).current = tab
        self._show_tab()
        self.call_after_refresh(partial(self._focus_pane, 0))

    def action_other_pane(self) -> None:
        """The other of a tab's two panes."""
        panes = self._panes()
        at = next((index for index, pane in enumerate(panes) if pane.has_focus), -1)
        self._focus_pane((at + 1) % len(panes))

    def _panes(self) -> list[Widget]:
        pane = self.query_one(f"#{self._tab}")
        return [pane] if pane.focusable else [child for child in pane.children if child.focusable]

    def _focus_pane(self, index: int) -> None:
        panes = self._panes()
        if index < len(panes):
            panes[index].focus(scroll_visible=False)

    def action_run(self, step: int) -> None:
        """The next run by number."""
        snapshot = self.console_app.snapshot
        run = self._run(snapshot)
        names = [each.name for each in snapshot.runs]
        if run is not None:
            self.console_app.chosen_run = names[(names.index(run.name) + step) % len(names)]
            self.refresh_place()

    def action_preview(self) -> None:
        """Goes to the pictures of the run."""
        run = self._run(self.console_app.snapshot)
        if run is not None:
            self.console_app.open_preview(run=run.name)

    def action_copy(self) -> None:
        """Copies the run's directory for use in another terminal."""
        run = self._run(self.console_app.snapshot)
        if run is not None:
            path = self.console_app.workplace.runs_dir.absolute() / run.name
            self.app.copy_to_clipboard(str(path))
            self.notify(f"copied {printable(path)}", timeout=3, markup=False)

    def action_maximise(self) -> None:
        """The focused pane on the whole screen, and back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused)
