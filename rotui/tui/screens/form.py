"""The form of a profile: every setting with what it means and allows, and the plan before it is queued."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from rotui.errors import RotuiError
from rotui.profile.faults import Fault, ProfileError
from rotui.profile.loading import Experiment, load_experiment
from rotui.text import printable
from rotui.tui.form_fields import FormField, form_fields, setting_of
from rotui.tui.latest import Latest
from rotui.tui.queueing import Outlooks, PlanOutlook, queue_experiment
from rotui.tui.widgets.hint_line import HintLine
from rotui.tui.widgets.plan_pane import PlanPane
from rotui.tui.widgets.still_input import StillInput

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp

Asked = tuple[Experiment, bool]
"""An experiment and whether it is to be trained afresh."""


class ProfileForm(ModalScreen[None]):
    """Made from the profile's model: its fields, bounds and meanings are declared once, there.

    A field takes several values, separated by commas, or `range(0,5)`: that is a sweep. Only what was changed
    is laid over the profile, as `--set` would.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "queue", "Queue", id="form.queue", priority=True, tooltip="Queue what is planned"),
        Binding("ctrl+n", "next_choice", "Next choice", id="form.choice", priority=True,
                tooltip="The next value of a field with few"),
        Binding("ctrl+r", "fresh", "Fresh", id="form.fresh", priority=True,
                tooltip="Train finished runs again, or reuse them"),
        Binding("ctrl+z", "undo", "Undo", id="form.undo", priority=True,
                tooltip="What the profile says in this field"),
        Binding("up", "field(-1)", "Up", show=False, id="form.up", priority=True,
                tooltip="The field above"),
        Binding("down", "field(1)", "Down", show=False, id="form.down", priority=True,
                tooltip="The field below"),
        Binding("escape", "back", "Back", id="form.back", tooltip="Queue nothing"),
    ]  # fmt: skip

    def __init__(self, experiment: Experiment, reference: str) -> None:
        super().__init__()
        self._reference = reference
        self._title = experiment.profile.title or experiment.profile.name
        self._fields = {field.identity: field for field in form_fields(experiment)}
        self._experiment: Experiment | None = None
        self._fresh = False
        self._is_over = False

    @property
    def _app(self) -> "RotuiApp":
        return cast("RotuiApp", self.app)

    def compose(self) -> ComposeResult:
        """Sections of fields at the left, the plan they make at the right."""
        with Vertical(classes="dialog form"):
            yield Static(f"Queue: {printable(self._title)}", classes="dialog-title", markup=False)
            with Horizontal(id="form-body"):
                with VerticalScroll(id="form-fields", can_focus=False):
                    section = ""
                    for field in self._fields.values():
                        if field.section != section:
                            section = field.section
                            yield Static(section, classes="section", markup=False)
                        yield from _rows(field)
                with Vertical(id="form-plan"):
                    yield PlanPane()
                    yield Button("Queue", id="queue-it", variant="success", compact=True)
            yield HintLine(("form.back",))

    def on_mount(self) -> None:
        """The plan of the profile as it is."""
        outlooks = Outlooks(self._app.workplace.runs_dir, self._app.machine)
        self._looking: Latest[Asked, tuple[Asked, PlanOutlook]] = Latest(
            self, lambda asked: (asked, outlooks.of(asked[0], fresh=asked[1])), self._show_plan, self._unknown
        )
        self._queueing: Latest[Asked, str] = Latest(self, self._queue, self._queued, self._refused)
        self.set_focus(self.query(Input).first())
        self.check()

    @on(Input.Changed)
    def check(self) -> None:
        """Validates all fields together and shows the faults at theirs, or the plan."""
        changed = {name: setting_of(field, self._text(name)) for name, field in self._fields.items()}
        faults: tuple[Fault, ...] = ()
        self._experiment = None
        try:
            self._experiment = load_experiment(self._reference, [text for text in changed.values() if text])
        except ProfileError as error:
            faults = error.faults
        rest = self._show_faults(changed, faults)
        self.query_one("#queue-it", Button).disabled = self._experiment is None
        if self._experiment is None:
            self.query_one(PlanPane).show_faults(rest)
        else:
            self._looking.ask((self._experiment, self._fresh))

    def _show_faults(self, changed: dict[str, str], faults: Iterable[Fault]) -> list[str]:
        """Marks what was changed and tells each fault at its field; those that are at none are returned."""
        told: dict[str, str] = {}
        for fault in faults:
            told.setdefault(fault.key, f"{printable(fault.wrong, 80)} ({printable(fault.allowed, 120)})")
        for name, field in self._fields.items():
            wrong = told.pop(field.key, "")
            line = self.query_one(f"#fault-{name}", Static)
            if str(line.content) != wrong:
                line.update(wrong)
                line.set_class(not wrong, "hidden")
            label = self.query_one(f"#name-{name}", Static)
            marked = f"{'●' if changed[name] else ' '} {field.name}"
            if str(label.content) != marked:
                label.update(marked)
        return [f"{key}: {wrong}" for key, wrong in told.items()]

    def _show_plan(self, told: tuple[Asked, PlanOutlook]) -> None:
        (experiment, fresh), plan = told
        if experiment is self._experiment and fresh == self._fresh:
            self.query_one(PlanPane).show_plan(plan)

    def _unknown(self, error: RotuiError) -> None:
        self.query_one(PlanPane).show_faults([str(error)])

    @on(Input.Submitted)
    def next_field(self) -> None:
        """Enter goes to the next field."""
        self.action_field(1)

    def on_resize(self) -> None:
        """The button goes where there is little room; whoever was on it is in a field then."""
        self.call_after_refresh(self._stay_in_reach)

    def _stay_in_reach(self) -> None:
        if self.is_attached and self.focused is None:
            self.set_focus(self.query(Input).first())

    def on_descendant_focus(self) -> None:
        """What the field under the cursor means."""
        field = self._focused_field()
        if field is not None:
            self.query_one(PlanPane).show_field(field)

    @on(Button.Pressed)
    def pressed(self) -> None:
        """The button does what the key does."""
        self.action_queue()

    def action_field(self, step: int) -> None:
        """The field above or below."""
        if step > 0:
            self.focus_next(Input)
        else:
            self.focus_previous(Input)

    def action_next_choice(self) -> None:
        """The next value of the field, where it has only a few."""
        field = self._focused_field()
        if field is not None:
            self._input(field.identity).value = field.next_choice(self._text(field.identity).strip())

    def action_undo(self) -> None:
        """Back to what the profile says."""
        field = self._focused_field()
        if field is not None:
            self._input(field.identity).value = field.value

    def action_back(self) -> None:
        """Back without queueing; what is being queued already is waited for."""
        if not self._queueing.is_busy:
            self.dismiss()

    def action_fresh(self) -> None:
        """Finished runs are trained again, or reused."""
        self._fresh = not self._fresh
        self.check()

    def action_queue(self) -> None:
        """Queues what the plan says, off the event loop, and goes back when it is safely on disk."""
        if self._experiment is None:
            self.notify("something is not valid yet", severity="warning")
        elif not self._queueing.is_busy:
            self.query_one("#queue-it", Button).disabled = True
            self._queueing.ask((self._experiment, self._fresh))

    def _queue(self, asked: Asked) -> str:
        experiment, fresh = asked
        return queue_experiment(
            experiment,
            self._app.workplace,
            self._app.notice_from_thread,
            stop=self._app.departure.begun.is_set,
            fresh=fresh,
        )

    def _refused(self, error: RotuiError) -> None:
        self.query_one("#queue-it", Button).disabled = self._experiment is None
        self.notify(printable(error, 400), severity="error", timeout=15, markup=False)

    def _queued(self, told: str) -> None:
        self._app.queue_changed()
        self.notify(printable(told), markup=False)
        self._is_over = True
        self.on_screen_resume()

    def on_screen_resume(self) -> None:
        """Goes back once everything is queued; a dialog that was opened over the form meanwhile stays."""
        if self._is_over and self.app.screen is self:
            self._is_over = False
            self.dismiss()

    def _input(self, name: str) -> Input:
        return self.query_one(f"#field-{name}", Input)

    def _text(self, name: str) -> str:
        return self._input(name).value

    def _focused_field(self) -> FormField | None:
        identity = (self.focused.id if self.focused is not None else None) or ""
        return self._fields.get(identity.removeprefix("field-"))


def _rows(field: FormField) -> ComposeResult:
    with Horizontal(classes="field"):
        yield Static(f"  {field.name}", id=f"name-{field.identity}", classes="field-name", markup=False)
        yield StillInput(field.value, id=f"field-{field.identity}", compact=True)
    yield Static("", id=f"fault-{field.identity}", classes="fault hidden", markup=False)
