"""The last line: the keys that do something here, made from the bindings in force."""

from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual.dom import DOMNode
from textual.events import Click
from textual.widget import Widget

GAP = 2
"""Blank cells between two hints."""

TINY_BELOW = 60
"""Columns of the screen below which few hints fit."""


@dataclass(frozen=True)
class Hint:
    """A key as it is shown, what it does in a word, and the action with the node that has it."""

    key: str
    description: str
    action: str
    node: DOMNode

    @property
    def width(self) -> int:
        """Cells it takes."""
        return cell_len(self.key) + 1 + cell_len(self.description)


class HintLine(Widget):
    """As many hints as there is room for, those of the focused widget first. `always` names the bindings by
    id that keep their place at the right, `when_tiny` those that do so too where hardly any others fit."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"hint-line--key", "hint-line--description"}  # noqa: RUF012  # declared so by Textual
    DEFAULT_CSS = """
    HintLine {
        height: 1;
        padding: 0 1;
        & > .hint-line--key { text-style: bold; color: $accent; }
        & > .hint-line--description { color: $text-muted; }
    }
    """

    def __init__(
        self, always: tuple[str, ...] = (), when_tiny: tuple[str, ...] = (), *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._always = always
        self._when_tiny = when_tiny
        self._hints: list[Hint] = []
        self._fixed: list[Hint] = []

    def on_mount(self) -> None:
        """Follows the focus and what is allowed."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.gather())
        self.call_after_refresh(self.gather)

    def gather(self) -> None:
        """Takes the bindings as they are now."""
        if not self.is_attached or not self.screen.is_current:
            return
        is_tiny = self.app.size.width < TINY_BELOW
        always = (*self._when_tiny, *self._always) if is_tiny else self._always
        hints: dict[tuple[str, str], Hint] = {}
        fixed: dict[str, Hint] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if not binding.description:
                continue
            key = self.app.get_key_display(binding)
            hint = Hint(key, binding.description, binding.action, active.node)
            if binding.id in always:
                fixed.setdefault(binding.id, hint)
            elif binding.show and active.enabled:
                hints.setdefault((binding.action, binding.description), hint)
        shown = list(hints.values()), [fixed[name] for name in always if name in fixed]
        if shown != (self._hints, self._fixed):
            self._hints, self._fixed = shown
            self.refresh()

    def render(self) -> Text:
        """One line."""
        line = Text(no_wrap=True, overflow="crop", end="")
        key_style = self.get_component_rich_style("hint-line--key")
        muted = self.get_component_rich_style("hint-line--description")
        at = 0
        for start, hint in self._placed():
            line.append(" " * (start - at))
            line.append(hint.key, key_style).append(" ").append(hint.description, muted)
            at = start + hint.width
        return line

    def _placed(self) -> list[tuple[int, Hint]]:
        """Each hint that there is room for, with the cell it begins at."""
        width = self.content_size.width
        fixed_width = sum(hint.width for hint in self._fixed) + GAP * max(len(self._fixed) - 1, 0)
        room = width - fixed_width - GAP
        placed: list[tuple[int, Hint]] = []
        at = 0
        for hint in self._hints:
            if at + hint.width > room:
                break
            placed.append((at, hint))
            at += hint.width + GAP
        at = max(width - fixed_width, 0)
        for hint in self._fixed:
            placed.append((at, hint))
            at += hint.width + GAP
        return placed

    async def on_click(self, event: Click) -> None:
        """A click does what the key does."""
        point = event.get_content_offset(self)
        for start, hint in self._placed():
            if point is not None and start <= point.x < start + hint.width:
                await self.app.run_action(hint.action, hint.node)
                return
