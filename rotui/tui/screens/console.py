"""The first place: profiles to choose from, the queue with its progress, live charts of the run in view."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widgets import Static

from rotui.errors import RotuiError
from rotui.profile.faults import ProfileError
from rotui.store.status import UNFINISHED
from rotui.text import printable
from rotui.tui.charts.epoch_series import accuracy_series, loss_series, references
from rotui.tui.editing import edit_file
from rotui.tui.latest import Latest
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.place import Place
from rotui.tui.tables.queue_columns import queue_columns, status_text
from rotui.tui.widgets.chart import Chart
from rotui.tui.widgets.machine_strip import MachineStrip
from rotui.tui.widgets.profile_list import ListedProfile, ProfileList
from rotui.tui.widgets.queue_table import QueueTable
from rotui.tui.widgets.table_messages import RowHighlighted, RowSelected

if TYPE_CHECKING:
    from rotui.store.listing import ListedRun
    from rotui.store.queue import Queue

LONGEST_ABOUT = 2000
PROFILE_SECONDS = 2.0
"""Time between two looks at whether a profile's file was changed."""

ProfilesTold = tuple[object, list[ListedProfile]]


class QueueableProfiles(ProfileList):
    """The profiles of the console: enter opens the form of one, or the file of one with faults."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "fill_in",
            "Queue",
            id="profiles.select",
            tooltip="Choose the profile's settings and queue it",
        ),
        Binding(
            "enter", "mend", "Mend", id="profiles.mend", tooltip="Open the profile with faults in $EDITOR"
        ),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with the profile under the cursor."""
        del parameters
        has_faults = self.profile is not None and isinstance(self.profile.loaded, ProfileError)
        return action not in ("fill_in", "mend") or (action == "mend") == has_faults

    def action_fill_in(self) -> None:
        self.action_select()

    def action_mend(self) -> None:
        self.action_select()


class ConsoleScreen(Place):
    """Choose, queue, watch."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", id="console.edit", tooltip="Open the profile in $EDITOR"),
        Binding(
            "o", "preview", "Preview", id="console.preview", tooltip="Pictures as this network sees them"
        ),
        Binding("p", "pause", "Pause", id="console.pause", tooltip="Begin no run, or begin runs again"),
        Binding("x", "cancel", "Cancel", id="console.cancel", tooltip="Take the run out of the queue"),
        Binding("h", "hold", "Hold", id="console.hold", tooltip="Hold the run back, or release it"),
        Binding("K", "move('up')", "Up", id="console.up", show=False, tooltip="Move the run up"),
        Binding("J", "move('down')", "Down", id="console.down", show=False, tooltip="Move the run down"),
        Binding("T", "move('top')", "Top", id="console.top", show=False, tooltip="Move the run to the front"),
        Binding("b", "toggle_profiles", "Profiles", id="console.panes", tooltip="Show or hide the profiles"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._in_view = ""
        self._in_view_is_queued = False
        self._is_anything_queued = False
        self._follows = True
        self._profile_stamp: object = None
        self._shown: object = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is done to a run only where there is one."""
        del parameters
        return action not in ("cancel", "hold", "move") or bool(self.console_app.snapshot.queue)

    def compose_place(self) -> ComposeResult:
        """Profiles at the left; queue above charts at the right; the machine at the bottom."""
        with Horizontal(id="console"):
            with Vertical(id="profiles-pane"):
                yield QueueableProfiles(id="profiles")
                yield Static(id="profile-about", markup=False)
            with Vertical(id="work-pane"):
                yield QueueTable(empty="nothing is queued: choose a profile and press enter", id="queue")
                yield Static(id="view-title", markup=False)
                with Horizontal(id="charts"):
                    yield Chart(id="accuracy")
                    yield Chart(id="loss")
        yield MachineStrip(self.console_app.probe, id="machine")

    def on_mount(self) -> None:
        """Loads the profiles and looks at their files from then on."""
        self.query_one("#profiles-pane").set_class(
            "profiles" in self.console_app.view_state.hidden_panes, "hidden"
        )
        self._reading: Latest[object, ProfilesTold] = Latest(
            self, _read_profiles, self._show_profiles, self._unread
        )
        self.call_after_refresh(self.look_at_profiles)
        self.set_interval(PROFILE_SECONDS, self.look_at_profiles)
        hidden = "profiles" in self.console_app.view_state.hidden_panes
        self.set_focus(self.query_one(QueueTable if hidden else ProfileList))

    def look_at_profiles(self) -> None:
        """Has the profiles loaded again, off the event loop, where a file of theirs was changed."""
        self._reading.ask(self._profile_stamp)

    def _show_profiles(self, told: ProfilesTold) -> None:
        stamp, profiles = told
        if stamp != self._profile_stamp:
            self._profile_stamp = stamp
            self.query_one("#profiles", ProfileList).show(profiles)

    def _unread(self, error: RotuiError) -> None:
        self.notify(printable(error, 400), severity="error", markup=False)

    def show(self, snapshot: Snapshot) -> None:
        """The queue, and the charts of the run in view."""
        table = self.query_one(QueueTable)
        table.show(queue_columns(snapshot), snapshot.queue, key=lambda run: run.name)
        queued = {run.name for run in snapshot.queue}
        if bool(queued) != self._is_anything_queued:
            self._is_anything_queued = bool(queued)
            self.refresh_bindings()
        has_left = self._in_view_is_queued and self._in_view not in queued
        self._follows = self._follows or has_left or not snapshot.queue
        if snapshot.run(self._in_view) is None:
            self._in_view = ""
        if self._follows and snapshot.active:
            self._in_view = snapshot.active[0].name
        elif not self._in_view and table.cursor_row is not None:
            self._in_view = table.cursor_row.name
        elif not self._in_view and snapshot.runs:
            self._in_view = max(snapshot.runs, key=lambda run: run.changed).name
        self._in_view_is_queued = self._in_view in queued
        self._show_charts(snapshot)
        rates = [told.images_per_second for told in snapshot.live.values()]
        machine = self.query_one("#machine", MachineStrip)
        machine.set_rate(sum(rates) if rates else None)
        holder = self.console_app.trainer.waits_for
        machine.set_status(f"in use by {holder}" if holder else "")

    def _show_charts(self, snapshot: Snapshot) -> None:
        run = snapshot.run(self._in_view)
        epochs = snapshot.epochs.get(self._in_view, ())
        self.console_app.feed.want(frozenset({self._in_view} if self._in_view else ()))
        published = snapshot.published.get(self._in_view)
        content = (run, epochs, published)
        if content == self._shown:
            return
        self._shown = content
        title = Text()
        if run is not None:
            title.append(f"{run.number} {run.stage}  ", "bold").append_text(status_text(run))
            title.append(f"  {printable(run.settings)} · seed {run.seed}")
        self.query_one("#view-title", Static).update(title, layout=False)
        lines = references(run, published) if run is not None else ()
        self.query_one("#accuracy", Chart).set_content(accuracy_series(epochs), lines, "accuracy", "%")
        self.query_one("#loss", Chart).set_content(loss_series(epochs), (), "loss", "nats")

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """In little room the profiles are there while they are used."""
        self.set_class(isinstance(event.widget, ProfileList), "choosing")

    @on(ProfileList.Highlighted)
    def tell_about(self, message: ProfileList.Highlighted) -> None:
        """What the profile asks, or what is wrong with it."""
        self.refresh_bindings()
        about = self.query_one("#profile-about", Static)
        loaded = message.profile.loaded
        about.set_class(isinstance(loaded, ProfileError), "bad")
        if isinstance(loaded, ProfileError):
            told = str(loaded)
        else:
            told = f"{loaded.profile.title}\n{loaded.profile.description}".strip()
        about.update("\n".join(printable(line, LONGEST_ABOUT) for line in told.splitlines()))

    @on(ProfileList.Chosen)
    def fill_in(self, message: ProfileList.Chosen) -> None:
        """Opens the form of the profile, or its file where it has faults."""
        loaded = message.profile.loaded
        if isinstance(loaded, ProfileError):
            self.action_edit()
        else:
            from rotui.tui.screens.form import ProfileForm

            self.app.push_screen(ProfileForm(loaded, message.profile.reference))

    @on(RowHighlighted)
    def view_run(self, message: RowHighlighted) -> None:
        """The charts follow the cursor from when the user moves it."""
        if message.row is not None and message.by_user:
            self._follows = False
            self._in_view, self._in_view_is_queued = message.row.name, True
            self._show_charts(self.console_app.snapshot)

    @on(RowSelected)
    def open_run(self, message: RowSelected) -> None:
        """Shows the run in full."""
        self.console_app.open_run(message.row.name)

    def action_edit(self) -> None:
        """Opens the profile's file in the user's editor, and loads it again afterwards."""
        profile = self._profile()
        if profile is not None:
            edit_file(self.app, profile.found.path, read_only=profile.found.origin == "built in")
            self.look_at_profiles()

    def action_preview(self) -> None:
        """Goes to the pictures of the profile."""
        profile = self._profile()
        if profile is not None:
            self.console_app.open_preview(profile=profile.reference)

    def action_pause(self) -> None:
        """Has no run begin, or runs begin again."""
        if self.console_app.snapshot.paused:
            self.console_app.change(lambda queue: queue.resume(), "the queue goes on")
        else:
            self.console_app.change(lambda queue: queue.pause(), "paused: what is being trained goes on")

    def action_cancel(self) -> None:
        """Takes the run under the cursor, or the marked ones, out of the queue."""
        self._change(lambda queue, names: queue.cancel(names), "cancelled (R in Runs queues it again)")

    def action_hold(self) -> None:
        """Holds the runs back, or releases them where the first is held."""
        chosen = self._chosen()
        if chosen and chosen[0].status == "held":
            self._change(lambda queue, names: queue.release(names), "released")
        else:
            self._change(lambda queue, names: queue.hold(names), "held")

    def action_move(self, where: str) -> None:
        """Moves the run under the cursor within the queue."""
        chosen = self._chosen()
        able = [run for run in self.console_app.snapshot.queue if run.status in (*UNFINISHED, "held")]
        names = [run.name for run in able]
        if len(chosen) != 1 or chosen[0].name not in names:
            return
        at = names.index(chosen[0].name)
        if where == "top":
            self._change(lambda q, moved: q.move(moved, "first"), "moved to the front")
        elif where == "up" and at > 0:
            self._change(lambda q, moved: q.move(moved, "before", names[at - 1]), "moved up")
        elif where == "down" and at + 1 < len(names):
            self._change(lambda q, moved: q.move(moved, "after", names[at + 1]), "moved down")

    def action_toggle_profiles(self) -> None:
        """Hides the profiles or shows them again, and remembers it; where there is no room for both they are
        there while one chooses."""
        if self.has_class("-tiny"):
            self.set_class(not self.has_class("choosing"), "choosing")
            focused = "#profiles" if self.has_class("choosing") else "#queue"
            self.call_after_refresh(self.query_one(focused).focus)
            return
        hidden = self.console_app.view_state.hidden_panes
        if "profiles" in hidden:
            hidden.remove("profiles")
        else:
            hidden.append("profiles")
        if isinstance(self.focused, ProfileList):
            self.set_focus(self.query_one(QueueTable))
        self.query_one("#profiles-pane").set_class("profiles" in hidden, "hidden")

    def _profile(self) -> ListedProfile | None:
        return self.query_one("#profiles", ProfileList).profile

    def _chosen(self) -> "list[ListedRun]":
        table = self.query_one(QueueTable)
        marked = [run for run in self.console_app.snapshot.queue if run.name in table.marked]
        return marked or ([table.cursor_row] if table.cursor_row is not None else [])

    def _change(self, action: "Callable[[Queue, list[str]], None]", done: str) -> None:
        names = [run.name for run in self._chosen()]
        if names:
            numbers = ", ".join(str(run.number) for run in self._chosen())
            self.console_app.change(lambda queue: action(queue, names), f"{numbers}: {done}")


def _read_profiles(known: object) -> ProfilesTold:
    """The profiles with what tells that a file of theirs changed; none where it is as `known`."""
    from rotui.tui.profile_watch import load_profiles, profile_stamp  # 0.1 s: every profile is validated

    stamp = profile_stamp()
    return stamp, load_profiles() if stamp != known else []
