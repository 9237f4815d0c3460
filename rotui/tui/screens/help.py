"""Every key of the place one is in, made from the bindings themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

ROOMY = 100
"""Columns of the screen from which on there is room for the bindings' ids."""

HERE, EVERYWHERE, MOVING = "here", "everywhere", "moving about"


@dataclass(frozen=True)
class KeyHelp:
    """What some keys do. `identity` is what `keymap.toml` calls them, empty where they cannot be changed."""

    group: str
    keys: tuple[str, ...]
    description: str
    about: str
    identity: str


class HelpScreen(ModalScreen[None]):
    """Lists the bindings that were in force when it was opened: the place's own first, those that only move
    about last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,q,question_mark", "app.pop_screen", "Close", id="help.close", tooltip="Back to the place"
        )
    ]

    def compose(self) -> ComposeResult:
        """One table in a dialog that scrolls."""
        with VerticalScroll(classes="dialog wide"):
            yield Static("Keys", classes="dialog-title")
            yield Static(id="keys")
            yield Static(
                "ctrl+p opens the palette, where each of these can be searched. Keys can be changed in "
                'keymap.toml of the configuration directory: one line `binding-id = "key"` each.',
                classes="dialog-note",
                markup=False,
            )
            yield Static(
                f"From {ROOMY} columns on this list has the ids.", id="no-identities", classes="dialog-note"
            )

    def on_mount(self) -> None:
        """Gathers the keys of the screen below."""
        below = self.app.screen_stack[-2]
        told = self._gathered(below.active_bindings.values())
        has_room = self.app.size.width >= ROOMY
        self.query_one("#no-identities").set_class(has_room, "hidden")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column(no_wrap=True)
        table.add_column(style="dim")
        if has_room:
            table.add_column(style="dim", no_wrap=True)
        for group in (HERE, EVERYWHERE, MOVING):
            rows = [each for each in told if each.group == group]
            if rows:
                table.add_row(Text(group, "italic"))
            for each in rows:
                keys = Text("  " + " ".join(each.keys))
                identity = [Text(each.identity)] if has_room else []
                table.add_row(keys, Text(each.description), Text(each.about), *identity)
        self.query_one("#keys", Static).update(table)

    def _gathered(self, bindings: Iterable[ActiveBinding]) -> list[KeyHelp]:
        """One entry for each action, with all its keys."""
        found: dict[tuple[str, str], list[Binding]] = {}
        for active in bindings:
            if active.binding.description:
                at = (active.binding.action, active.binding.description)
                found.setdefault(at, []).append(active.binding)
        return [
            KeyHelp(
                _group(same[0]),
                tuple(dict.fromkeys(self.app.get_key_display(binding) for binding in same)),
                description,
                same[-1].tooltip,
                same[-1].id or "",
            )
            for (_, description), same in found.items()
        ]


def _group(binding: Binding) -> str:
    name = binding.id or ""
    if name.startswith(("app.", "place.")):
        return EVERYWHERE
    is_moving = name in ("table.up", "table.down", "table.page_up", "table.page_down")
    return HERE if name and not is_moving else MOVING
