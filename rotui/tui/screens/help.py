"""Every key of the place one is in, made from the bindings themselves."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


class HelpScreen(ModalScreen[None]):
    """Lists the bindings that were in force when it was opened, those of the focused widget first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "app.pop_screen", "Close", id="help.close")
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

    def on_mount(self) -> None:
        """Gathers the keys of the screen below."""
        below = self.app.screen_stack[-2]
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column(no_wrap=True)
        table.add_column(style="dim")
        table.add_column(style="dim")
        seen: dict[tuple[str, str], list[str]] = {}
        facts: dict[tuple[str, str], tuple[str, str]] = {}
        for active in below.active_bindings.values():
            binding = active.binding
            if not binding.description:
                continue
            at = (binding.action, binding.description)
            seen.setdefault(at, []).append(self.app.get_key_display(binding))
            facts[at] = (binding.tooltip, binding.id or "")
        for (action, description), keys in seen.items():
            tooltip, identity = facts[action, description]
            table.add_row(
                Text(" ".join(dict.fromkeys(keys))), Text(description), Text(tooltip), Text(identity)
            )
        self.query_one("#keys", Static).update(table)
