"""A table of thousands of rows that makes only the lines on the screen and keeps its place as rows change."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic

from rich.style import Style
from rich.text import Text
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rotui.tui.resting import Resting
from rotui.tui.tables.table_columns import Column, Row, shown_text
from rotui.tui.tables.table_layout import GUTTER, TableLayout
from rotui.tui.tables.table_rows import TableRows
from rotui.tui.widgets import table_messages
from rotui.tui.widgets.table_keys import TABLE_KEYS

__all__ = ["Column", "VirtualTable"]

HEADER = 1
"""Lines of the header, which stays in place."""

KEPT_LINES = 512
"""Lines that are kept for when they are scrolled to again."""


class VirtualTable(ScrollView, Generic[Row], can_focus=True):
    """Rows under a header that stays. The table never sorts or filters: it asks, and shows what it is given.

    A click moves the cursor; a click on the cursor's row selects it, one left of a row marks it and one on
    the header asks for that order.
    """

    RowSelected = table_messages.RowSelected
    RowHighlighted = table_messages.RowHighlighted
    MarksChanged = table_messages.MarksChanged
    SortAsked = table_messages.SortAsked

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--header",
        "virtual-table--chosen",
        "virtual-table--cursor",
        "virtual-table--marked",
        "virtual-table--empty",
    }
    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr;
        overflow-x: hidden;
        & > .virtual-table--header { text-style: bold; color: $text-muted; }
        & > .virtual-table--chosen { text-style: bold; color: $text-muted; }
        &:focus > .virtual-table--chosen { text-style: bold underline; }
        & > .virtual-table--cursor { text-style: bold; }
        &:focus > .virtual-table--cursor { background: $primary-muted; text-style: bold; }
        &:nocolor:focus > .virtual-table--cursor { text-style: reverse; }
        &:ansi:focus > .virtual-table--cursor { background: ansi_default; text-style: reverse; }
        & > .virtual-table--marked { color: $text-accent; }
        & > .virtual-table--empty { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*TABLE_KEYS]

    def __init__(
        self,
        columns: Sequence[Column[Row]] = (),
        *,
        empty: str | Text = "nothing here yet",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._content: TableRows[Row] = TableRows()
        self._table_layout: TableLayout[Row] = TableLayout(columns)
        self._empty = empty
        self._lines: dict[int, Strip] = {}
        self._parts: dict[str, Style] = {}
        self._resting = Resting(
            self, lambda: self.post_message(self.RowHighlighted(self, self.cursor_row, by_user=True))
        )

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, in the order they were given."""
        return self._content.rows

    @property
    def cursor_index(self) -> int | None:
        """The place of the row under the cursor, None where there are no rows."""
        return self._content.cursor if len(self._content) else None

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._content.rows[self._content.cursor] if len(self._content) else None

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._content.cursor_key

    @property
    def marked(self) -> frozenset[str]:
        """The keys of the marked rows, also of those that are not among the rows now."""
        return self._content.marked

    @property
    def marked_rows(self) -> list[Row]:
        """The marked rows that are among the rows now, in their order."""
        return self._content.marked_rows

    @property
    def columns(self) -> tuple[Column[Row], ...]:
        """All columns, also those that there is no room for."""
        return self._table_layout.columns

    @property
    def visible_columns(self) -> list[Column[Row]]:
        """The columns that there is room for now."""
        return [column for column, _ in self._table_layout.shown]

    @property
    def sort_key(self) -> str | None:
        """The column whose header shows the order of the rows."""
        return self._table_layout.order[0]

    @property
    def sort_reverse(self) -> bool:
        """True where the header shows a falling order."""
        return self._table_layout.order[1]

    @property
    def empty(self) -> str | Text:
        """What is shown where there are no rows."""
        return self._empty

    @empty.setter
    def empty(self, text: str | Text) -> None:
        self._empty = text
        self.refresh()

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Shows these columns instead."""
        self._table_layout.set_columns(columns)
        self._fit()
        self._forget_lines()

    def show(self, columns: Sequence[Column[Row]], rows: Sequence[Row], key: Callable[[Row], str]) -> None:
        """Shows these columns and rows instead."""
        self._table_layout.set_columns(columns)
        self.set_rows(rows, key)

    def show_order(self, key: str | None, reverse: bool = False) -> None:
        """Shows in the header by which column the rows are sorted, and in which direction."""
        if (key, reverse) != self._table_layout.order:
            self._table_layout.order = (key, reverse)
            self._table_layout.chosen = key or self._table_layout.chosen
            self._fit()
            self.refresh()

    def set_marked(self, keys: frozenset[str]) -> None:
        """Marks exactly the rows of these keys."""
        if keys != self._content.marked:
            self._content.marked = keys
            self._forget_lines()
            self.post_message(self.MarksChanged(self, keys))

    def set_rows(self, rows: Sequence[Row], key: Callable[[Row], str]) -> None:
        """Shows these rows; the cursor and what is on the screen stay with the rows they were on."""
        content, top = self._content, round(self.scroll_y)
        before, count = content.cursor_key, len(content)
        held = content.cursor if top <= content.cursor < top + self._page else top
        follows_cursor = held == content.cursor
        held_key = content.keys[held] if held < count else None
        moved = content.replace(rows, key)
        self._table_layout.forget(widths=moved)
        if len(content) != count:
            self.virtual_size = Size(0, len(content) + HEADER)
            self._forget_lines()
        if moved and self.is_attached:
            place = content.cursor if follows_cursor else content.place(held_key)
            if place is not None:
                self.scroll_to(y=place - (held - top), animate=False, force=True)
        self._fit()
        self._renew_lines()
        if content.cursor_key != before:
            self.post_message(self.RowHighlighted(self, self.cursor_row, by_user=False))

    def move_cursor(self, index: int) -> None:
        """Moves the cursor to this row, or to the nearest there is, and into view."""
        content = self._content
        index = content.clamped(index)
        if index != content.cursor:
            for place in (content.cursor, index):
                self._lines.pop(place, None)
                self.refresh_line(place + HEADER)
            content.cursor = index
            self._resting.ask()
        self._show_cursor()

    def move_to_key(self, key: str) -> bool:
        """Moves the cursor to the row of this key; False where there is none."""
        place = self._content.place(key)
        if place is not None:
            self.move_cursor(place)
        return place is not None

    def action_move(self, rows: int) -> None:
        self.move_cursor(self._content.cursor + rows)

    def action_page(self, pages: int) -> None:
        self.move_cursor(self._content.cursor + pages * max(1, self._page - 1))

    def action_first(self) -> None:
        self.move_cursor(0)

    def action_last(self) -> None:
        self.move_cursor(len(self._content) - 1)

    def action_select(self) -> None:
        if len(self._content):
            self.post_message(self.RowSelected(self, self.cursor_row))

    def action_mark(self) -> None:
        if (key := self.cursor_key) is not None:
            self.set_marked(self.marked ^ {key})
            self.action_move(1)

    def action_choose(self, columns: int) -> None:
        self._table_layout.choose(columns)
        self.refresh()

    def action_sort(self) -> None:
        self._ask_order(self._table_layout.column_to_sort_by())

    def action_sort_down(self) -> None:
        self._ask_order(self._table_layout.column_to_sort_by(), down=True)

    def on_click(self, event: Click) -> None:
        point = event.get_content_offset(self)
        if point is None:
            return
        index = point.y - HEADER + round(self.scroll_y)
        if point.y < HEADER:
            self._ask_order(self._table_layout.column_at(point.x))
        elif index >= len(self._content):
            return
        elif point.x < GUTTER:
            self.set_marked(self.marked ^ {self._content.keys[index]})
            self.move_cursor(index)
        elif index == self._content.cursor:
            self.action_select()
        else:
            self.move_cursor(index)

    def on_mount(self) -> None:
        self.virtual_size = Size(0, len(self._content) + HEADER)

    def on_resize(self) -> None:
        self._table_layout.forget(widths=True)
        self._show_cursor()
        self._fit()
        self._forget_lines()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._parts.clear()
        self._forget_lines()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._fit()

    def watch_show_vertical_scrollbar(self) -> None:
        """The scrollbar takes its cells from the lines."""
        self._fit()
        self._forget_lines()

    @property
    def _width(self) -> int:
        return self.size.width - self.scrollbar_size_vertical

    @property
    def _page(self) -> int:
        return max(1, self.size.height - HEADER)

    def _ask_order(self, key: str | None, *, down: bool = False) -> None:
        layout = self._table_layout
        if key is not None:
            layout.chosen = key
            self.post_message(self.SortAsked(self, key, down or layout.order == (key, False)))
            self.refresh()

    def _show_cursor(self) -> None:
        top, cursor = round(self.scroll_y), self._content.cursor
        if cursor < top:
            self.scroll_to(y=cursor, animate=False, force=True)
        elif cursor >= top + self._page:
            self.scroll_to(y=cursor - self._page + 1, animate=False, force=True)

    def _forget_lines(self) -> None:
        self._lines.clear()
        self.refresh()

    def _renew_lines(self) -> None:
        """Draws those lines again that are not what they were."""
        top, before = round(self.scroll_y), self._lines
        self._lines = {}
        if not before:
            self.refresh()
            return
        for index in range(top, min(top + self._page, len(self._content))):
            if self._row(index) != before.get(index):
                self.refresh_line(index + HEADER)

    def _fit(self) -> None:
        if self._width > 0:
            top = round(self.scroll_y)
            on_screen = range(top, min(top + self._page, len(self._content)))
            if self._table_layout.fit(self._content.rows, on_screen, self._width):
                self._forget_lines()

    def render_line(self, y: int) -> Strip:
        index = y - HEADER + round(self.scroll_y)
        if y < HEADER:
            header = self._table_layout.header(self._part("header"), self._part("chosen"))
            return self._strip(header, self._part(""))
        if index >= len(self._content):
            return self._strip(self._empty_line(y - HEADER - 1), self._part(""))
        return self._row(index)

    def _row(self, index: int) -> Strip:
        strip = self._lines.get(index)
        if strip is None:
            if len(self._lines) >= KEPT_LINES:
                self._lines.clear()
            style, content = self._part(""), self._content
            cursor, marked = index == content.cursor, content.keys[index] in content.marked
            style += self._part("marked") if marked else Style()
            style += self._part("cursor", partial=True) if cursor else Style()
            line = self._table_layout.line(content.rows, index, cursor=cursor, marked=marked)
            strip = self._lines[index] = self._strip(line, style)
        return strip

    def _empty_line(self, y: int) -> Text:
        if not len(self._content) and y >= 0:
            wrapped = shown_text(self._empty).wrap(self.app.console, max(1, self._width - GUTTER - 1))
            if y < len(wrapped):
                return Text.assemble(" " * GUTTER, Text.assemble(wrapped[y], style=self._part("empty")))
        return Text()

    def _part(self, part: str, *, partial: bool = False) -> Style:
        """The style of a part, of the table itself without one; kept, for every line asks for it."""
        if part not in self._parts:
            named = f"virtual-table--{part}"
            self._parts[part] = (
                self.get_component_rich_style(named, partial=partial) if part else self.rich_style
            )
        return self._parts[part]

    def _strip(self, line: Text, style: Style) -> Strip:
        line.end = ""
        segments = line.render(self.app.console)
        return Strip(segments).adjust_cell_length(self._width, style).apply_style(style)
