"""The command palette's own entries: everything that a key does can be found there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

if TYPE_CHECKING:
    from rotui.tui.app import RotuiApp


class PlaceCommands(Provider):
    """Every binding in force, by its description and tooltip."""

    def _entries(self) -> Iterator[tuple[str, str, str]]:
        seen = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.description and binding.action not in seen and active.enabled:
                seen.add(binding.action)
                yield binding.description, binding.tooltip or binding.description, binding.action

    @property
    def _app(self) -> "RotuiApp":
        return cast("RotuiApp", self.app)

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for name, help_text, action in self._entries():
            yield DiscoveryHit(name, self._runner(action), help=help_text)

    async def search(self, query: str) -> Hits:
        """Those that fit what is typed."""
        matcher = self.matcher(query)
        for name, help_text, action in self._entries():
            score = max(matcher.match(name), matcher.match(help_text))
            if score > 0:
                yield Hit(score, matcher.highlight(name), self._runner(action), help=help_text)

    def _runner(self, action: str):  # type: ignore[no-untyped-def]  # what Textual calls a command
        focused = self.screen.focused or self.screen

        async def run() -> None:
            await self.app.run_action(action, focused)

        return run
