"""The fourth place: one run in full, of whatever process, as its directory tells it."""

from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from rotui.errors import RotuiError
from rotui.store.listing import ListedRun
from rotui.text import printable
from rotui.tui.latest import Latest
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.place import Place
from rotui.tui.run_view import RunReader, RunView, header
from rotui.tui.widgets.run_tabs import TABS, RunTabs
from rotui.tui.widgets.tab_line import TabLine

LOOK_SECONDS = 1.0
"""Time between two looks at whether a file of the run changed."""


class RunScreen(Place):
    """Tabs over one run: the one that was opened, else what is being trained, else the newest."""

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
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._last: ListedRun | None = None
        self._view: RunView | None = None

    def compose_place(self) -> ComposeResult:
        """The run's line, the tabs' line, and one tab at a time."""
        yield Static(id="run-line", markup=False)
        yield TabLine(TABS, id="run-tab-line")
        yield RunTabs(id="run-tabs")

    def on_mount(self) -> None:
        """Looks at the run's files from now on."""
        reader = RunReader(self.console_app.workplace.runs_dir)
        self._reading = Latest(self, reader.read, self._take, self._refused)
        self.set_interval(LOOK_SECONDS, self._look)
        self._focus_pane(0)

    def show(self, snapshot: Snapshot) -> None:
        """The run as of this snapshot; its files are looked at off the event loop."""
        run = self._run(snapshot)
        self.query_one("#run-line", Static).update(self._line(run, snapshot), layout=False)
        if run is None:
            return
        self._last = run
        self.console_app.feed.want(frozenset({run.name}))
        self._reading.ask(run.name)
        self._show_tab()

    def _run(self, snapshot: Snapshot) -> ListedRun | None:
        """The run to show. Where none was opened what is being trained is followed; when nothing is any more,
        the last one stays, as it does when it cannot be read any more."""
        wanted, last = self.console_app.chosen_run, self._last
        if last is not None:
            is_there = (self.console_app.workplace.runs_dir / last.name).is_dir()
            last = snapshot.run(last.name) or (last if is_there else None)
        if last is not None and last.name == wanted:
            return last
        newest = snapshot.runs[-1] if snapshot.runs else None
        return snapshot.run(wanted) or next(iter(snapshot.active), None) or last or newest

    def _line(self, run: ListedRun | None, snapshot: Snapshot) -> Text:
        if run is None:
            return Text("there are no runs yet: queue one in place 1", "dim")
        place = next((at for at, each in enumerate(snapshot.runs, start=1) if each.name == run.name), 0)
        return header(run, snapshot.live.get(run.name), place, len(snapshot.runs))

    def _look(self) -> None:
        run = self._run(self.console_app.snapshot)
        if run is not None and self.is_current and not self._reading.is_busy:
            self._reading.ask(run.name)

    def _take(self, view: RunView) -> None:
        if view is not self._view:
            self._view = view
            self._show_tab()

    def _refused(self, error: RotuiError) -> None:
        self.notify(printable(error, 400), severity="error", markup=False)

    def _show_tab(self) -> None:
        """Brings the tab in view up to date, once the files of the run are there."""
        snapshot = self.console_app.snapshot
        run = self._run(snapshot)
        if run is None or self._view is None or self._view.files.name != run.name:
            return
        past = self._view.files.past
        epochs = snapshot.epochs.get(run.name, past.epochs if past is not None else ())
        self.query_one(RunTabs).show(run, self._view, snapshot.live.get(run.name), epochs)

    @on(TabLine.Asked)
    def tab_clicked(self, message: TabLine.Asked) -> None:
        """A click does what the key does."""
        self.action_show_tab(message.tab)

    def action_tab(self, step: int) -> None:
        """The next tab."""
        tabs = list(TABS)
        self.action_show_tab(tabs[(tabs.index(self.query_one(RunTabs).tab) + step) % len(tabs)])

    def action_show_tab(self, tab: str) -> None:
        """Shows a tab, with the keys going to its pane."""
        self.minimize()
        self.query_one(TabLine).show(tab)
        self.query_one(RunTabs).current = tab
        self._show_tab()
        self.call_after_refresh(partial(self._focus_pane, 0))

    def action_other_pane(self) -> None:
        """The other of a tab's two panes."""
        panes = self.query_one(RunTabs).panes()
        at = next((index for index, pane in enumerate(panes) if pane.has_focus), -1)
        self._focus_pane((at + 1) % len(panes))

    def _focus_pane(self, index: int) -> None:
        panes = self.query_one(RunTabs).panes()
        if index < len(panes):
            panes[index].focus(scroll_visible=False)

    def action_run(self, step: int) -> None:
        """The next run by number."""
        snapshot = self.console_app.snapshot
        run = self._run(snapshot)
        names = [each.name for each in snapshot.runs]
        if run is not None and names:
            at = names.index(run.name) if run.name in names else -1
            self.console_app.chosen_run = names[(at + step) % len(names)]
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
