"""The command palette's own entries: everything that a key does can be found there."""

from collections.abc import Iterator

from textual.binding import ActiveBinding
from textual.command import DiscoveryHit, Hit, Hits, Provider


class PlaceCommands(Provider):
    """Every binding of the console in force, by its description and tooltip; what only moves about is left
    to its keys."""

    def _entries(self) -> Iterator[ActiveBinding]:
        seen = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.description and binding.id and binding.action not in seen and active.enabled:
                seen.add(binding.action)
                yield active

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for active in self._entries():
            yield DiscoveryHit(active.binding.description, self._runner(active), help=_help(active))

    async def search(self, query: str) -> Hits:
        """Those that fit what is typed."""
        matcher = self.matcher(query)
        for active in self._entries():
            name = active.binding.description
            score = max(matcher.match(name), matcher.match(_help(active)))
            if score > 0:
                yield Hit(score, matcher.highlight(name), self._runner(active), help=_help(active))

    def _runner(self, active: ActiveBinding):  # type: ignore[no-untyped-def]  # what Textual calls a command
        async def run() -> None:
            await self.app.run_action(active.binding.action, active.node)

        return run


def _help(active: ActiveBinding) -> str:
    return active.binding.tooltip or active.binding.description
