"""A line of input whose cursor stands still: over a slow link nothing is sent while nothing happens."""

from textual.reactive import reactive
from textual.widgets import Input


class StillInput(Input):
    """Textual's Input, with a cursor that does not blink."""

    cursor_blink = reactive(False, init=False)
