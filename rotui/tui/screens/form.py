"""The form of a profile: every setting with what it means and allows, and the plan before it is queued."""

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from rotui.errors import RotuiError
from rotui.profile.faults import ProfileError
from rotui.profile.loading import Experiment, load_experiment
from rotui.text import printable
from rotui.tui.form_fields import FormField, form_fields, setting_of
from rotui.tui.queueing import PlanOutlook, outlook

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp


class ProfileForm(ModalScreen[None]):
    """Made from the profile's model: its fields, bounds and meanings are declared once, there.

    A field takes several values, separated by commas, or `range(0,5)`: that is a sweep. Only what was changed
    is laid over the profile, as `--set` would.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back", id="form.back"),
        Binding(
            "ctrl+s", "queue", "Queue", id="form.queue", priority=True, tooltip="Queue what the plan says"
        ),
        Binding(
            "ctrl+r", "fresh", "Fresh", id="form.fresh", priority=True, tooltip="Train finished runs again"
        ),
    ]

    def __init__(self, reference: str) -> None:
        super().__init__()
        self._reference = reference
        self._fields: list[FormField] = []
        self._experiment: Experiment | None = None
        self._fresh = False

    @property
    def _app(self) -> "RotuiApp":
        return cast("RotuiApp", self.app)

    def compose(self) -> ComposeResult:
        """Sections of fields at the left, the plan they make at the right."""
        experiment = load_experiment(self._reference)
        self._fields = form_fields(experiment)
        with Vertical(classes="dialog form"):
            yield Static(f"Queue {printable(experiment.profile.name)}", classes="dialog-title", markup=False)
            with Horizontal():
                with VerticalScroll(id="form-fields"):
                    section = ""
                    for field in self._fields:
                        if field.section != section:
                            section = field.section
                            yield Static(section, classes="section", markup=False)
                        yield from _rows(field)
                with Vertical(id="form-plan"):
                    yield Static("", id="plan", markup=False)
                    yield Static("", id="field-about", markup=False)
                    yield Button("Queue (ctrl+s)", id="queue-it", variant="success", compact=True)

    def on_mount(self) -> None:
        """The plan of the profile as it is."""
        self.check()

    @on(Input.Changed)
    def check(self) -> None:
        """Validates all fields together and shows the faults at theirs, or the plan."""
        settings = [text for field in self._fields if (text := setting_of(field, self._input(field).value))]
        faults: dict[str, str] = {}
        self._experiment = None
        try:
            self._experiment = load_experiment(self._reference, settings)
        except ProfileError as error:
            for fault in error.faults:
                faults.setdefault(
                    fault.key, f"{printable(fault.wrong, 80)} ({printable(fault.allowed, 120)})"
                )
        for field in self._fields:
            told = self.query_one(f"#fault-{field.identity}", Static)
            told.update(faults.pop(field.key, ""))
            told.set_class(not str(told.content), "hidden")
        rest = "\n".join(f"{key}: {wrong}" for key, wrong in faults.items())
        self.query_one("#queue-it", Button).disabled = self._experiment is None
        if self._experiment is None:
            self.query_one("#plan", Static).update(rest or "not valid yet")
            return
        experiment, fresh = self._experiment, self._fresh

        def look() -> None:
            told = outlook(experiment, self._app.workplace.runs_dir, fresh=fresh)
            self.app.call_from_thread(self._show_plan, experiment, told)

        self.run_worker(look, thread=True, exit_on_error=False, group="plan", exclusive=True)

    def _show_plan(self, experiment: Experiment, told: PlanOutlook) -> None:
        if experiment is self._experiment and self.is_mounted:
            self.query_one("#plan", Static).update("\n".join(told.lines))

    @on(Input.Submitted)
    def next_field(self) -> None:
        """Enter goes to the next field."""
        self.focus_next(Input)

    def on_descendant_focus(self) -> None:
        """What the field under the cursor means."""
        for field in self._fields:
            if self.focused is self._input(field):
                self.query_one("#field-about", Static).update(f"{field.key}\n{field.about}\n{field.allowed}")

    @on(Button.Pressed)
    def pressed(self) -> None:
        """The button does what the key does."""
        self.action_queue()

    def action_fresh(self) -> None:
        """Finished runs are trained again, or reused."""
        self._fresh = not self._fresh
        self.check()

    def action_queue(self) -> None:
        """Queues what the plan says, off the event loop, and goes back when it is safely on disk."""
        if self._experiment is None:
            self.notify("something is not valid yet", severity="warning")
            return
        experiment, fresh = self._experiment, self._fresh
        self.query_one("#queue-it", Button).disabled = True

        def work() -> None:
            from rotui.tui.queueing import queue_experiment

            try:
                told = queue_experiment(
                    experiment, self._app.workplace, self._app.notice_from_thread, fresh=fresh
                )
            except RotuiError as error:
                self.app.call_from_thread(self._refused, str(error))
            else:
                self._app.feed.look_now()
                self.app.call_from_thread(self._queued, told)

        self.run_worker(work, thread=True, exit_on_error=False, group="queueing", exclusive=True)

    def _refused(self, reason: str) -> None:
        self.query_one("#queue-it", Button).disabled = False
        self.notify(printable(reason, 400), severity="error", timeout=15, markup=False)

    def _queued(self, told: str) -> None:
        self.notify(told, markup=False)
        self.dismiss()

    def _input(self, field: FormField) -> Input:
        return self.query_one(f"#field-{field.identity}", Input)


def _rows(field: FormField) -> ComposeResult:
    with Horizontal(classes="field"):
        yield Static(field.name, classes="field-name", markup=False)
        yield Input(field.value, id=f"field-{field.identity}", compact=True, select_on_focus=False)
    yield Static("", id=f"fault-{field.identity}", classes="fault hidden", markup=False)
