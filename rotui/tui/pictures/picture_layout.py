"""How pictures of one size lie in rows: their widths to choose from, and how many a room of cells holds."""

from dataclasses import dataclass, replace

GAP = 2
"""Cells between two pictures."""

AT_ONCE = 8
"""Pictures that are in view at once where nobody chose their size."""

SMALLEST, READABLE = 8, 16
"""Cells that a picture is wide at least, and at least where nobody chose."""

_PARTS = (8, 12, 16, 24, 32, 48, 64, 80, 96, 128, 160, 240)


@dataclass(frozen=True)
class PictureLayout:
    """`count` pictures of `height` by `width` px in a room of cells, each `shown` cells wide with `captions`
    lines of text under it. A cell is as high as two pixels."""

    count: int
    height: int
    width: int
    captions: int
    room_width: int
    room_height: int
    shown: int = READABLE

    @property
    def lines(self) -> int:
        """Lines that a picture takes."""
        return -(-max(1, round(self.height * self.shown / self.width)) // 2)

    @property
    def columns(self) -> int:
        """Pictures side by side."""
        return max(1, (self.room_width + GAP) // (self.shown + GAP))

    @property
    def rows(self) -> int:
        """Rows of pictures in all."""
        return -(-self.count // self.columns)

    @property
    def margin(self) -> int:
        """Cells left of the first picture."""
        return max(0, self.room_width - self.columns * (self.shown + GAP) + GAP) // 2

    @property
    def row_height(self) -> int:
        """Lines from one row to the next: a blank one between them where that costs no row in view."""
        tight = self.lines + self.captions
        loose = (self.room_height + 1) // (tight + 1) >= self.room_height // tight
        return tight + loose

    @property
    def rows_in_view(self) -> int:
        """Whole rows that there is room for, at least one; the last needs no blank line below."""
        blank = self.row_height - self.lines - self.captions
        return max(1, (self.room_height + blank) // self.row_height)

    @property
    def in_view(self) -> int:
        """Pictures that there is room for."""
        return self.columns * self.rows_in_view

    @property
    def widths(self) -> list[int]:
        """Widths to choose from: parts of the pictures' own, and whole multiples of it."""
        room = max(SMALLEST, self.room_width)
        parts = [width for width in _PARTS if width < self.width]
        multiples = [self.width * times for times in range(1, 1 + room // self.width)]
        return [width for width in parts + multiples if SMALLEST <= width <= room] or [min(self.width, room)]

    def at(self, width: int) -> "PictureLayout":
        """With the largest width that there is up to this one."""
        return replace(
            self, shown=max((each for each in self.widths if each <= width), default=self.widths[0])
        )

    def resized(self, steps: int) -> "PictureLayout":
        """With the width so many steps larger or smaller."""
        place = self.widths.index(self.shown) + steps
        return replace(self, shown=self.widths[min(max(place, 0), len(self.widths) - 1)])

    def fitted(self) -> "PictureLayout":
        """With the largest width that lets several pictures be in view, and one can see something in."""
        wanted = min(AT_ONCE, self.count)
        tried = [replace(self, shown=width) for width in self.widths]
        fitting = [each for each in tried if each.shown <= READABLE or each.in_view >= wanted]
        return fitting[-1] if fitting else tried[0]
