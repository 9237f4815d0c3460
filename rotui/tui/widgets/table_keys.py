"""The keys of a table."""

from textual.binding import Binding


def _hidden(keys: str, action: str, description: str, tooltip: str, identity: str) -> Binding:
    return Binding(keys, action, description, show=False, tooltip=tooltip, id=f"table.{identity}")


TABLE_KEYS = (
    _hidden("up,k", "move(-1)", "Up", "One row up", "up"),
    _hidden("down,j", "move(1)", "Down", "One row down", "down"),
    _hidden("pageup", "page(-1)", "Page up", "A page up", "page_up"),
    _hidden("pagedown", "page(1)", "Page down", "A page down", "page_down"),
    _hidden("home,g", "first", "First", "The first row", "first"),
    _hidden("end,G", "last", "Last", "The last row", "last"),
    Binding("enter", "select", "Open", tooltip="Open the row under the cursor", id="table.select"),
    Binding("space", "mark", "Mark", tooltip="Mark the row, or take its mark away", id="table.mark"),
    _hidden("left,<", "choose(-1)", "Column left", "Choose the column on the left to sort by", "left"),
    _hidden("right,>", "choose(1)", "Column right", "Choose the column on the right to sort by", "right"),
    Binding("s", "sort", "Sort", tooltip="Sort by the chosen column; again: the other way", id="table.sort"),
    _hidden("S", "sort_down", "Sort down", "Sort by the chosen column, the largest first", "sort_down"),
)
