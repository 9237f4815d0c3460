"""The queue as a table."""

from rotui.store.listing import ListedRun
from rotui.tui.widgets.virtual_table import VirtualTable


class QueueTable(VirtualTable[ListedRun]):
    """The queue in its own order, in which it is worked off: it is moved in, not sorted."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves out what has no meaning here."""
        return action not in ("sort", "sort_down", "choose") and super().check_action(action, parameters)
