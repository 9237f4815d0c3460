"""What a table posts. `control` is the table, so that `@on` can select by its id."""

from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from rotui.tui.widgets.virtual_table import VirtualTable


class TableMessage(Message):
    """Something that happened in `table`."""

    def __init__(self, table: "VirtualTable[Any]") -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> "VirtualTable[Any]":
        return self.table


class RowSelected(TableMessage, namespace="virtual_table"):
    """Enter was pressed on a row, or the row under the cursor was clicked."""

    def __init__(self, table: "VirtualTable[Any]", row: Any) -> None:
        super().__init__(table)
        self.row = row


class RowHighlighted(TableMessage, namespace="virtual_table"):
    """The cursor has come to rest on another row, or is on none (None): moved by the user, or the rows
    changed."""

    def __init__(self, table: "VirtualTable[Any]", row: Any | None, *, by_user: bool) -> None:
        super().__init__(table)
        self.row = row
        self.by_user = by_user

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, RowHighlighted) and message.table is self.table


class MarksChanged(TableMessage, namespace="virtual_table"):
    """A row was marked, or its mark taken away."""

    def __init__(self, table: "VirtualTable[Any]", marked: frozenset[str]) -> None:
        super().__init__(table)
        self.marked = marked


class SortAsked(TableMessage, namespace="virtual_table"):
    """The user wants the rows in the order of this column; the table waits to be given them."""

    def __init__(self, table: "VirtualTable[Any]", column_key: str, reverse: bool) -> None:
        super().__init__(table)
        self.column_key = column_key
        self.reverse = reverse
