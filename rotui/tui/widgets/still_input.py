"""A line of input whose cursor stands still: over a slow link nothing is sent while nothing happens."""

from textual.events import Key
from textual.reactive import reactive
from textual.widgets import Input


class StillInput(Input):
    """Textual's Input, with a cursor that does not blink, and in which keys that come together, as they do
    over a slow link, act in their order: Textual's own types what follows ctrl+u before it deletes."""

    cursor_blink = reactive(False, init=False)

    async def on_key(self, event: Key) -> None:
        """Does at once what the line itself has a key for."""
        if event.is_printable:
            return
        active = self.screen.active_bindings.get(event.key)
        if active is not None and active.node is self and active.enabled:
            event.stop()
            event.prevent_default()
            await self.run_action(active.binding.action)
