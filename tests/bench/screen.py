"""A terminal's screen in so far as the console draws on it: which character stands in which cell."""

import re
from unicodedata import east_asian_width

CURSOR = "▸"
"""The sign of the row under a table's cursor."""

_CONTROL = re.compile(
    r"\x1b\[(?P<mode>[?<>=!]?)(?P<numbers>[\d;:]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b[()#%][ -~]|\x1b[ -OQ-WYZ\\`-~]"
    r"|[\x00-\x1a\x1c-\x1f\x7f]"
)


class Screen:
    """Takes what is written to a terminal, in pieces of any length. Colours are passed over."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        """The lines from above."""
        return ["".join(row) for row in self._cells]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)

    @property
    def cursors(self) -> list[tuple[int, str]]:
        """Each line with a table's cursor: its place from above, and what stands right of the sign."""
        found = ((y, line.partition(CURSOR)) for y, line in enumerate(self.lines) if CURSOR in line)
        return [(y, parts[2]) for y, parts in found]

    def feed(self, written: str) -> None:
        """Draws what was written; a sequence that is not whole yet waits for its end."""
        written = self._rest + written
        place = 0
        while place < len(written):
            control = _CONTROL.match(written, place)
            if control is not None:
                self._obey(control)
                place = control.end()
            elif written[place] == "\x1b":
                break
            else:
                end = next(
                    (at for at in range(place, len(written)) if written[at] < " " or written[at] == "\x7f"),
                    len(written),
                )
                self._put(written[place:end])
                place = end
        self._rest = written[place:]

    def _put(self, text: str) -> None:
        for character in text:
            if self._x < self.columns:
                self._cells[self._y][self._x] = character
            self._x += 1 if character.isascii() or east_asian_width(character) not in "WF" else 2

    def _obey(self, control: "re.Match[str]") -> None:
        match control["final"]:
            case None:
                self._move(control[0])
            case "H" | "f":
                row, _, column = control["numbers"].partition(";")
                self._y = min(int(row or 1), self.rows) - 1
                self._x = int(column or 1) - 1
            case "J" if control["numbers"] in ("2", "3"):
                self._cells = [[" "] * self.columns for _ in range(self.rows)]
            case "K":
                self._cells[self._y][self._x :] = [" "] * (self.columns - self._x)
            case "h" | "l" if control["mode"] == "?" and control["numbers"] == "1049":
                self._cells = [[" "] * self.columns for _ in range(self.rows)]

    def _move(self, control: str) -> None:
        match control:
            case "\r":
                self._x = 0
            case "\n":
                self._y = min(self._y + 1, self.rows - 1)
            case "\b":
                self._x = max(self._x - 1, 0)
