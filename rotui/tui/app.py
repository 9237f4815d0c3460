"""The console: five places over one runs directory, and the worker that trains what is queued."""

import gc
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from rotui.store.status import ENDED
from rotui.study.machine import Machine
from rotui.text import printable
from rotui.tui.colours import palette
from rotui.tui.commands import PlaceCommands
from rotui.tui.departure import Departure
from rotui.tui.live.feed import Feed
from rotui.tui.live.messages import NoticeGiven, SnapshotTaken, TrainerChanged
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.live.trainer import Trainer
from rotui.tui.machine import Probe, machine_probe
from rotui.tui.place import Place
from rotui.tui.places import PLACES
from rotui.tui.screens.console import ConsoleScreen
from rotui.tui.status_line import status_line
from rotui.tui.themes import DEFAULT_THEME, THEMES
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.place_line import PlaceTab
from rotui.tui.workplace import Workplace

if TYPE_CHECKING:
    from rotui.store.listing import ListedRun
    from rotui.store.queue import Queue

TERMINAL_SECONDS = 2.0
"""Time between two looks at whether the terminal is still there."""
SWITCH_SECONDS = 0.01
"""Time that nothing is drawn while a place is changed, so that it appears at once."""


class RotuiApp(App[int]):
    """Shows snapshots of the runs directory and changes its queue; every number comes from the core."""

    TITLE = "rotui"
    CSS_PATH = "rotui.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = App.COMMANDS | {PlaceCommands}
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  # declared so by Textual
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-normal"),
        (160, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012  # declared so by Textual
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {
        "console": ConsoleScreen,
        **{each.mode: each.screen for each in PLACES[1:]},
    }
    DEFAULT_MODE = "console"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                each.key,
                f"place('{each.mode}')",
                each.name,
                id=f"place.{each.mode}",
                show=False,
                tooltip=each.about,
            )
            for each in PLACES
        ),
        Binding("question_mark", "help", "Help", id="app.help", tooltip="Every key of this place"),
        Binding("q", "leave", "Quit", id="app.leave", tooltip="Leave the console"),
        Binding("ctrl+t", "next_theme", "Next theme", id="app.theme", show=False, tooltip="The next theme"),
        Binding("ctrl+q", "leave", "Quit", id="app.leave-too", show=False, priority=True, tooltip="Leave"),
        Binding("ctrl+c", "leave", "Quit", id="app.interrupt", show=False, priority=True, tooltip="Leave"),
    ]

    def __init__(
        self,
        workplace: Workplace,
        *,
        probe: Probe | None = None,
        state: ViewState | None = None,
        machine: Machine | None = None,
    ) -> None:
        self.workplace = workplace
        self.machine = machine if machine is not None else Machine.here(workplace.device)
        self.snapshot = Snapshot()
        self.view_state = state if state is not None else ViewState.load()
        self.probe = probe if probe is not None else machine_probe()
        self._opened = ""
        self.chosen_run = ""
        self.chosen_profile = ""
        self.departure = Departure(self)
        self.feed = Feed(
            workplace.runs_dir, self.machine, lambda snapshot: self._tell(SnapshotTaken(snapshot))
        )
        self.trainer = Trainer(
            workplace, notice=self.notice_from_thread, changed=lambda: self._tell(TrainerChanged())
        )
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = (
            self.view_state.theme if self.view_state.theme in self.available_themes else DEFAULT_THEME
        )
        self._take_colours()
        self.set_keymap(self.view_state.keymap)

    def _take_colours(self) -> None:
        theme = self.current_theme
        if theme.dark:
            self.ansi_theme_dark = palette(theme.name, dark=True)
        else:
            self.ansi_theme_light = palette(theme.name, dark=False)

    @property
    def queue(self) -> "Queue":
        """Changes to the queue; what they repair is told."""
        from rotui.store.queue import Queue

        return Queue(self.workplace.runs_dir, self.notice_from_thread)

    def notice_from_thread(self, text: str) -> None:
        """Shows a text; callable from any thread."""
        self._tell(NoticeGiven(text))

    def _tell(self, message: Message) -> None:
        """Posts from any thread; nothing is left to tell once the console is gone."""
        with suppress(RuntimeError):
            self.post_message(message)

    def on_mount(self) -> None:
        """Begins to look once the first frame is out."""
        self.theme_changed_signal.subscribe(self, lambda _: self._take_colours())
        self.call_after_refresh(self._begin)
        self.departure.begin()
        if not self.is_headless:
            self.set_interval(TERMINAL_SECONDS, self.departure.look_at_terminal)

    def _begin(self) -> None:
        """What waits for the first frame."""
        gc.freeze()  # what is there by now stays: going through it again would hold up keys for 50 ms
        gc.enable()
        from rotui.store.state import utc_now

        self._opened = utc_now()
        self.feed.start()

    def on_unmount(self) -> None:
        """Ends the feed and keeps what the user arranged."""
        self.feed.stop()
        self.view_state.theme = self.theme
        self.view_state.save()

    @on(SnapshotTaken)
    def take_snapshot(self, message: SnapshotTaken) -> None:
        """Shows what is new, tells of runs that ended, and has what waits trained."""
        before, self.snapshot = self.snapshot, message.snapshot
        self._tell_endings(before)
        self._train()
        if (place := self._place_in_view()) is not None:
            place.refresh_place()

    @on(TrainerChanged)
    def follow_trainer(self) -> None:
        """Says what the worker does; where it has ended, looks afresh whether something came in meanwhile."""
        self.feed.hold_back(self.trainer.takes_processor and bool(self.trainer.current))
        self.feed.look_now(afresh=not self.trainer.is_working)
        if (place := self._place_in_view()) is not None:
            place.show_line()

    def _place_in_view(self) -> Place | None:
        """The place, where no dialog is over it and the console is not about to end."""
        stack = self.screen_stack
        return stack[-1] if stack and isinstance(stack[-1], Place) else None

    def _train(self) -> None:
        if self.workplace.trains and self.snapshot.ready and not self.snapshot.paused:
            self.trainer.start(self.snapshot.ready, self.snapshot.version)

    @on(NoticeGiven)
    def give_notice(self, message: NoticeGiven) -> None:
        """Shows what the worker has to say."""
        self.notify(printable(message.text, 400), timeout=12, markup=False)
        if (place := self._place_in_view()) is not None:
            place.show_line()

    def _tell_endings(self, before: Snapshot) -> None:
        if before.version in (0, self.snapshot.version):
            return
        known = {run.name: run for run in before.runs}
        for run in self.snapshot.runs:
            past = known.get(run.name)
            if run is past or run.status not in ENDED or (past is not None and past.status in ENDED):
                continue
            was_active = past is not None and past.status in ("running", "paused")
            is_new = past is not None or run.changed >= self._opened  # not one that was brought back
            if was_active or (run.own and is_new and run.status in ("finished", "failed")):
                self._tell_ending(run)

    def _tell_ending(self, run: "ListedRun") -> None:
        best = f", best {run.best:.2f} %" if run.best is not None else ""
        failed = run.status == "failed"
        why = f": {printable(run.reason)}" if failed else ""
        self.notify(
            f"{run.number} {run.stage}: {run.status}{best}{why}",
            severity="error" if failed else "information",
            markup=False,
        )
        self.bell()

    def place_tabs(self) -> tuple[PlaceTab, ...]:
        """The places with the keys that go there, the user's own where there are any."""
        tabs = []
        for each in PLACES:
            key = self.view_state.keymap.get(f"place.{each.mode}", each.key).partition(",")[0]
            tabs.append(PlaceTab(each.mode, each.name, self.get_key_display(Binding(key, ""))))
        return tuple(tabs)

    def status_line(self, within: str) -> Text:
        """How the queue stands, for the first line of a place."""
        return status_line(self.snapshot, self.trainer, self.workplace.runs_dir, within)

    def change(self, action: "Callable[[Queue], None]", done: str) -> None:
        """Changes the queue off the event loop and says so, or says why it could not be changed."""

        def work() -> None:
            try:
                action(self.queue)
            except Exception as error:  # noqa: BLE001  # told, whatever it is: a key that does nothing is worse
                self.notify(printable(error, 400), severity="error", markup=False)
            else:
                self.queue_changed()
                self.notify(printable(done, 400), markup=False, timeout=3)

        self.run_worker(work, thread=True, exit_on_error=False, group="queue")

    def queue_changed(self) -> None:
        """The queue was changed from here: it is looked at, and what was left is tried again."""
        self.trainer.try_again()
        self.feed.look_now()

    def open_run(self, name: str) -> None:
        """Shows one run in full."""
        self.chosen_run = name
        self.feed.want(frozenset({name}))
        self.switch_mode("run")

    def open_preview(self, profile: str = "", run: str = "") -> None:
        """Shows what a profile's, or a run's, network sees."""
        self.chosen_profile, self.chosen_run = profile, run or self.chosen_run
        self.switch_mode("preview")

    def delay_update(self, delay: float = SWITCH_SECONDS) -> None:
        """Holds drawing back while a place is changed; Textual's own 50 ms would be most of the wait."""
        super().delay_update(delay)

    def action_place(self, name: str) -> None:
        """Goes to a place."""
        self.switch_mode(name)

    def action_help(self) -> None:
        """Every key that does something here."""
        from rotui.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    def action_next_theme(self) -> None:
        """The next theme, in the order of the palette."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]
        self.notify(f"theme {self.theme}", timeout=2)

    async def action_quit(self) -> None:
        """Textual's way out is the same as the key's."""
        self.action_leave()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Textual's own entries of the palette, without its help and what a key here is listed for."""
        own = {each.binding.description for each in screen.active_bindings.values() if each.enabled}
        return (each for each in super().get_system_commands(screen) if each.title not in own | {"Keys"})

    def action_leave(self) -> None:
        """Leaves, or asks what is to become of what is being trained here."""
        self.departure.ask()
