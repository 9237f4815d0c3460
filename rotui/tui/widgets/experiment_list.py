"""The experiments one can look at the results of, each with how much of it is there."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual import on
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rotui.text import printable
from rotui.tui.comparison_view import ListedExperiment

LONGEST_NAME = 24


class ExperimentList(OptionList):
    """One line an experiment: a sign and a count tell how its runs stand."""

    class Chosen(Message):
        """Another experiment is under the cursor."""

        def __init__(self, reference: str) -> None:
            self.reference = reference
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._listed: tuple[ListedExperiment, ...] = ()

    @property
    def listed(self) -> tuple[ListedExperiment, ...]:
        """What is listed, in its order."""
        return self._listed

    def show(self, listed: Sequence[ListedExperiment], chosen: str) -> None:
        """Lists the experiments, the cursor on the one that is chosen."""
        before = [each.reference for each in self._listed]
        self._listed = tuple(listed)
        references = [each.reference for each in listed]
        longest = max((cell_len(printable(each.name, LONGEST_NAME)) for each in listed), default=0)
        with self.prevent(OptionList.OptionHighlighted):
            if references != before:
                self.set_options([Option(_line(each, longest)) for each in listed])
            else:
                for index, each in enumerate(listed):
                    self.replace_option_prompt_at_index(index, _line(each, longest))
            if chosen in references and self.highlighted != references.index(chosen):
                self.highlighted = references.index(chosen)

    @on(OptionList.OptionHighlighted)
    def tell(self, message: OptionList.OptionHighlighted) -> None:
        """Told on in terms of experiments."""
        message.stop()
        if message.option_index < len(self._listed):
            self.post_message(self.Chosen(self._listed[message.option_index].reference))


def _line(listed: ListedExperiment, longest: int) -> Text:
    mark, style = ("·", "dim")
    if listed.going_on:
        mark, style = ("▶", "green")
    elif listed.failed:
        mark, style = ("✗", "bold red")
    elif listed.finished == listed.runs:
        mark, style = ("✓", "green")
    name = set_cell_size(printable(listed.name, LONGEST_NAME), longest)
    return Text.assemble(
        (mark, style), " ", name, (f" {listed.finished:>3}/{listed.runs}", "dim"), no_wrap=True
    )
