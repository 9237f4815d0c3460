"""Horizontal bars of percentages: several beside each other for one label, told apart by sign and word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widget import Widget

from rotui.text import printable

EIGHTHS = " ▏▎▍▌▋▊▉█"
WORDS_FROM = 64
"""Columns from which on each bar has its word beside it; below that the heading alone tells the signs."""
LONGEST_LABEL = 24


@dataclass(frozen=True)
class Bar:
    """One bar from 0 to 100: its word, the sign it is drawn with and the text behind it. `value` None draws
    none."""

    word: str
    sign: str
    colour: str
    value: float | None
    told: str


@dataclass(frozen=True)
class BarGroup:
    """The bars of one label, under a heading where there is one."""

    label: str
    bars: tuple[Bar, ...]
    heading: str = ""


class Bars(VerticalScroll, can_focus=True):
    """Groups of bars on one axis, under a title that names the signs. Scrolls by key."""

    DEFAULT_CSS = """
    Bars {
        height: 1fr;
        scrollbar-size-vertical: 1;
        & > _Lines { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", "Up", show=False, id="bars.up", tooltip="One line up"),
        Binding("j", "scroll_down", "Down", show=False, id="bars.down", tooltip="One line down"),
    ]

    def compose(self) -> ComposeResult:
        """One widget as high as its lines."""
        yield _Lines()

    def show(self, groups: Sequence[BarGroup], title: str, empty: str = "nothing to show yet") -> None:
        """Shows these bars instead."""
        self.query_one(_Lines).show(groups, title, empty)


class _Lines(Widget):
    def __init__(self) -> None:
        super().__init__()
        self._groups: tuple[BarGroup, ...] = ()
        self._title = self._empty = ""

    def show(self, groups: Sequence[BarGroup], title: str, empty: str) -> None:
        told = (tuple(groups), title, empty)
        if told != (self._groups, self._title, self._empty):
            self._groups, self._title, self._empty = told
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        del container, viewport
        return len(bar_lines(self._groups, max(1, width), self._title, self._empty))

    def render(self) -> Text:
        lines = bar_lines(self._groups, max(1, self.size.width), self._title, self._empty)
        return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def bar_lines(groups: Sequence[BarGroup], width: int, title: str, empty: str) -> list[Text]:
    """The lines of a bar chart that is `width` cells wide; a bar of 100 takes all the room there is."""
    heading = Text.assemble((printable(title), "bold"), no_wrap=True)
    words = {(bar.word, bar.sign, bar.colour) for group in groups for bar in group.bars if bar.word}
    for name, sign, colour in sorted(words):
        heading.append("  ").append(sign * 2, colour).append(f" {name}")
    if not groups:
        return [heading, Text(f" {empty}", "dim")]
    with_words = width >= WORDS_FROM and bool(words)
    label = min(LONGEST_LABEL, max(cell_len(printable(group.label)) for group in groups), max(6, width // 3))
    word = max(len(text) for text, _, _ in words) + 1 if with_words else 0
    told = max(cell_len(bar.told) for group in groups for bar in group.bars)
    room = max(4, width - label - word - told - 3)
    lines = [heading]
    for group in groups:
        if group.heading:
            lines.append(Text(printable(group.heading), "bold"))
        for number, bar in enumerate(group.bars):
            line = Text(_fitted(printable(group.label) if number == 0 else "", label) + " ", no_wrap=True)
            if with_words:
                line.append(f"{bar.word:<{word}}", "dim")
            line.append(_drawn(bar, room), bar.colour).append(f" {bar.told}")
            lines.append(line)
    return [*lines, _axis(label + word + 1, room)]


def _drawn(bar: Bar, room: int) -> str:
    if bar.value is None:
        return " " * room
    share = min(max(bar.value, 0.0), 100.0) / 100
    if bar.sign != EIGHTHS[-1]:
        return (bar.sign * round(share * room)).ljust(room)
    eighths = round(share * room * 8)
    whole, rest = divmod(eighths, 8)
    return (EIGHTHS[-1] * whole + (EIGHTHS[rest] if rest else "")).ljust(room)


def _axis(indent: int, room: int) -> Text:
    """0, 50 and 100 percent under the bars."""
    marks = [" "] * (room + 4)
    for share, text in ((0.0, "0"), (0.5, "50"), (1.0, "100 %")):
        start = min(round(share * room), room - 1)
        marks[start : start + len(text)] = text
    return Text(" " * indent + "".join(marks).rstrip(), "dim", no_wrap=True)


def _fitted(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"
