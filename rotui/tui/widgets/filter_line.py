"""One line in which a filter is typed: it works as one types, and says what it cannot use."""

import re
from typing import ClassVar, get_args

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from rotui.profile.stages import STAGES
from rotui.store.filtering import Filter, FilterError, filter_keys
from rotui.store.status import Status
from rotui.tui.widgets.still_input import StillInput

PLACEHOLDER = "words, or stage=finetune acc>60 seed=42 -tag=old"

_LAST_WORD = re.compile(r"(?:^|\s)-?(\w+)$")
_LAST_CHOICE = re.compile(r"(?:^|\s)-?(stage|status)!?=([\w-]+)$")
_NO_VALUE = re.compile(r"(?:^|\s)-?(\w+)(?:!=|>=|<=|=|>|<|~|!)$")


class FilterInput(StillInput):
    """The line itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,down",
            "submit",
            "Use",
            key_display="⏎",
            id="filter.use",
            tooltip="Keep the filter and go to the table",
        ),
        Binding("escape", "clear", "Clear", id="filter.clear", tooltip="Show every run again"),
    ]

    class Cleared(Message):
        """The user wants no filter."""

    def action_clear(self) -> None:
        self.value = ""
        self.post_message(self.Cleared())


class FilterLine(Vertical):
    """Holds the filter that was last whole, also while what stands in the line is not."""

    DEFAULT_CSS = """
    FilterLine {
        height: auto;
        & > Horizontal { height: 1; padding: 0 1; }
        & #filter-sign { width: 2; }
        & #filter { width: 1fr; }
        & #filter-count { width: auto; padding-left: 2; text-wrap: nowrap; }
        & > #filter-fault { height: auto; max-height: 2; padding: 0 1 0 3; }
        & > #filter-fault.hidden { display: none; }
    }
    """

    class Changed(Message):
        """Another filter counts from now on."""

        def __init__(self, filter: Filter, text: str) -> None:
            self.filter = filter
            self.text = text
            super().__init__()

    class Left(Message):
        """The user is done with the line."""

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = text
        self._taken = ""
        self.filter = Filter()

    def compose(self) -> ComposeResult:
        """The line with what it leaves at its end, and below it what is wrong with it."""
        with Horizontal():
            yield Static("/", id="filter-sign", markup=False)
            yield FilterInput(
                self._text,
                id="filter",
                compact=True,
                placeholder=PLACEHOLDER,
                suggester=FilterSuggester(),
                select_on_focus=False,
            )
            yield Static(id="filter-count", markup=False)
        yield Static(id="filter-fault", classes="fault hidden", markup=False)

    def on_mount(self) -> None:
        """What was remembered counts from the beginning."""
        self._take(self._text)

    def type(self) -> None:
        """Has what is typed go into the line from the very next key, also of keys that come together."""
        self.screen.set_focus(self.query_one("#filter", Input))

    def set_count(self, text: str) -> None:
        """Says at the end of the line what the filter leaves."""
        count = self.query_one("#filter-count", Static)
        if str(count.content) != text:
            count.update(text)

    @on(FilterInput.Cleared)
    def clear(self) -> None:
        """Empties the line and leaves it."""
        self.query_one("#filter", Input).value = ""
        self.post_message(self.Left())

    @on(Input.Submitted)
    def use(self, message: Input.Submitted) -> None:
        """Takes the line as it is and leaves it, unless something is wrong with it."""
        message.stop()
        if self._take(message.value):
            self.post_message(self.Left())

    @on(Input.Changed)
    def check(self, message: Input.Changed) -> None:
        """Takes what is typed, unless its end is but the beginning of a comparison."""
        message.stop()
        if not _is_begun(message.value):
            self._take(message.value)

    def _take(self, text: str) -> bool:
        """Has the text count if it can be used, else says why not; whether it can."""
        fault = self.query_one("#filter-fault", Static)
        try:
            taken = Filter.parse(text)
        except FilterError as error:
            fault.update(str(error))
            fault.remove_class("hidden")
            return False
        fault.add_class("hidden")
        if text != self._taken:
            self.filter, self._taken = taken, text
            self.post_message(self.Changed(taken, text))
        return True


class FilterSuggester(Suggester):
    """Completes keys, stages and states."""

    def __init__(self) -> None:
        super().__init__(case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word completed."""
        if choice := _LAST_CHOICE.search(value):
            names = tuple(STAGES) if choice[1] == "stage" else get_args(Status)
            return _completed(value, choice[2], names)
        if (word := _LAST_WORD.search(value)) and len(word[1]) > 1:
            return _completed(value, word[1], filter_keys())
        return None


def _completed(value: str, begun: str, names: "list[str] | tuple[str, ...]") -> str | None:
    found = next((name for name in names if name.startswith(begun) and name != begun), None)
    return value + found[len(begun) :] if found else None


def _is_begun(text: str) -> bool:
    """Whether more is to come: the text ends in the beginning of a key or a comparison without a value."""
    word, comparison = _LAST_WORD.search(text), _NO_VALUE.search(text)
    if word:
        return any(key.startswith(word[1].lower()) for key in filter_keys())
    return comparison is not None and comparison[1].lower() in filter_keys()
