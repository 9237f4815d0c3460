"""The right side of a profile's form: what would be queued, and what the field under the cursor means."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from rotui.text import printable
from rotui.tui.form_fields import FormField
from rotui.tui.queueing import PlanOutlook
from rotui.tui.widgets.hint_line import TINY_BELOW


class PlanPane(Vertical):
    """Shows a plan, or the faults that no field is to blame for alone."""

    DEFAULT_CSS = """
    PlanPane {
        & #plan-scroll { height: 1fr; scrollbar-size-vertical: 1; }
        & #plan { height: auto; }
        & #field-about { height: auto; max-height: 50%; color: $text-muted; margin-top: 1; }
    }
    """

    _field: FormField | None = None
    _plan: PlanOutlook | None = None
    _faults: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        """The plan above, the field's meaning below."""
        with VerticalScroll(id="plan-scroll", can_focus=False):
            yield Static("working out the plan …", id="plan", markup=False)
        yield Static("", id="field-about", markup=False)

    def show_plan(self, told: PlanOutlook) -> None:
        """Facts, then the runs; what is there already is told beside each."""
        self._plan, self._faults = told, ()
        text = Text(self._between).join(Text(printable(fact, 200)) for fact in told.facts)
        text.append("\n\n")
        for run in told.runs:
            sign = "=" if run.standing else "·"
            text.append(f"{sign} {printable(run.title, 120)}")
            text.append(f"  {run.standing}\n" if run.standing else "\n", "dim")
        if told.more:
            text.append(f"  and {told.more} more", "dim")
        self.query_one("#plan", Static).update(text)

    def show_faults(self, faults: Sequence[str]) -> None:
        """What is wrong beside the fields' own faults."""
        self._plan, self._faults = None, faults
        text = self._between.join(["not valid yet", *(printable(fault, 300) for fault in faults)])
        self.query_one("#plan", Static).update(text)

    @property
    def _between(self) -> str:
        """What parts what is told: in little room it goes on in the same line."""
        return " · " if self.app.size.width < TINY_BELOW else "\n"

    def show_field(self, field: FormField) -> None:
        """What a field means, what it allows and what the profile says; in little room the bounds first."""
        self._field = field
        about = Text(printable(field.about, 600))
        if self.app.size.width < TINY_BELOW:
            parts = [Text.assemble((field.key, "bold"), f": {field.allowed}"), about]
        else:
            parts = [Text(field.key, "bold"), about, Text(field.allowed)]
        if field.choices:
            parts.append(Text("ctrl+n: the next of them", "italic"))
        parts.append(Text(f"in the profile: {printable(field.value, 100) or 'empty'}", "dim"))
        self.query_one("#field-about", Static).update(Text("\n").join(parts))

    def on_resize(self) -> None:
        """Tells all anew in the shape that the room asks for."""
        if self._plan is not None:
            self.show_plan(self._plan)
        elif self._faults:
            self.show_faults(self._faults)
        if self._field is not None:
            self.show_field(self._field)
