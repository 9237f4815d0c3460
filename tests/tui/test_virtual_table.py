"""The table shows what there is room for, follows its rows, and asks instead of sorting."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from rich.cells import cell_len
from rich.text import Text
from textual.message import Message
from textual.pilot import Pilot

from rotui.tui.resting import SECONDS
from rotui.tui.widgets.virtual_table import Column, VirtualTable

Alone = Callable[..., list[Message]]
Lines = Callable[[Any], list[str]]
Check = Callable[[Pilot[None]], Awaitable[None]]


def columns() -> list[Column[int]]:
    return [
        Column("number", "run", lambda row: f"{row:04d}", 4),
        Column("name", "name", lambda row: f"name {row}", 8, max_width=20),
        Column("accuracy", "accuracy", lambda row: f"{row / 100:.2f}", 8, "right", rank=1),
        Column("notes", "notes", lambda row: f"note on {row}", 12, rank=2),
    ]


def table_of(rows: Sequence[int]) -> VirtualTable[int]:
    table = VirtualTable(columns(), id="runs")
    table.set_rows(rows, key=str)
    return table


def keys(*pressed: str) -> Check:
    async def press(pilot: Pilot[None]) -> None:
        await pilot.press(*pressed)

    return press


def of(posted: list[Message], kind: type[Message]) -> list[Any]:
    return [message for message in posted if type(message) is kind]


def test_the_header_stays_when_the_rows_scroll(alone: Alone, lines: Lines) -> None:
    table = table_of(range(5000))

    async def check(pilot: Pilot[None]) -> None:
        top = lines(table)
        await pilot.press("G")
        end = lines(table)
        assert top[0].split() == end[0].split() == ["run", "name", "accuracy", "notes"]
        assert "0000" in top[1]
        assert "4999" in end[-1]
        assert table.cursor_row == 4999

    alone(table, check, size=(80, 24))


@pytest.mark.parametrize(
    ("pressed", "cursor"),
    [
        (("down", "j", "j"), "3"),
        (("j", "j", "up", "k"), "0"),
        (("k",), "0"),
        (("G",), "99"),
        (("end", "down"), "99"),
        (("end", "home"), "0"),
        (("G", "g"), "0"),
        (("pagedown",), "8"),
        (("pagedown", "pagedown", "pageup"), "8"),
    ],
)
def test_keys_move_the_cursor(alone: Alone, lines: Lines, pressed: tuple[str, ...], cursor: str) -> None:
    table = table_of(range(100))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press(*pressed)
        assert table.cursor_key == cursor
        marked = [line for line in lines(table) if line.startswith("▸")]
        assert len(marked) == 1
        assert f"name {cursor} " in marked[0]

    alone(table, check, size=(60, 10))


def test_enter_selects_the_row_under_the_cursor(alone: Alone) -> None:
    posted = alone(table_of(range(5)), keys("j", "j", "enter"))
    assert [message.row for message in of(posted, VirtualTable.RowSelected)] == [2]
    assert of(posted, VirtualTable.RowSelected)[0].control.id == "runs"


def test_an_empty_table_has_nothing_to_select_or_mark(alone: Alone, lines: Lines) -> None:
    table = VirtualTable(columns(), empty="no run yet: press enter on a profile [1]")

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("enter", "space", "G", "k", "s")
        assert table.cursor_row is None
        assert table.cursor_key is None
        assert any("no run yet: press enter on a profile [1]" in line for line in lines(table))
        table.empty = "other"
        assert any("other" in line for line in lines(table))

    posted = alone(table, check)
    assert not of(posted, VirtualTable.RowSelected)
    assert not of(posted, VirtualTable.MarksChanged)


def test_moving_tells_of_the_row_that_the_cursor_is_on(alone: Alone) -> None:
    posted = alone(table_of(range(5)), keys("j"))
    assert of(posted, VirtualTable.RowHighlighted)[-1].row == 1


def test_what_is_told_of_a_row_waits_while_keys_come_one_after_another(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("rotui.tui.resting.monotonic", lambda: now[0])
    table, told = table_of(range(9)), list[int]()
    post = table.post_message

    def record(message: Message) -> bool:
        if isinstance(message, VirtualTable.RowHighlighted):
            told.append(message.row)
        return post(message)

    async def check(pilot: Pilot[None]) -> None:
        monkeypatch.setattr(table, "post_message", record)
        await pilot.press("j")
        assert told == [1]
        await pilot.press("j", "j")
        await pilot.pause(2 * SECONDS)
        assert told == [1]
        now[0] += SECONDS
        while len(told) < 2:
            await pilot.pause(SECONDS)
        assert told == [1, 3]
        now[0] += SECONDS
        await pilot.press("j")
        assert told == [1, 3, 4]

    alone(table, check)


def test_space_marks_and_moves_on_and_marks_are_signs(alone: Alone, lines: Lines) -> None:
    table = table_of(range(5))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("space", "space", "j", "space", "k", "k", "k", "space")
        assert table.marked == {"0", "3"}
        assert table.marked_rows == [0, 3]
        assert [line[1] for line in lines(table)[1:6]] == ["●", " ", " ", "●", " "]

    posted = alone(table, check)
    assert [len(message.marked) for message in of(posted, VirtualTable.MarksChanged)] == [1, 2, 3, 2]


def test_cursor_and_screen_stay_with_their_row_when_the_order_changes(alone: Alone, lines: Lines) -> None:
    table = table_of(range(1000))

    async def check(pilot: Pilot[None]) -> None:
        table.move_cursor(500)
        await pilot.press("k", "k", "k")
        height = [line.startswith("▸") for line in lines(table)].index(True)
        table.set_rows(list(reversed(range(1000))), key=str)
        await pilot.pause()
        assert table.cursor_key == "497"
        shown = lines(table)
        assert shown[height].startswith("▸")
        assert "0497" in shown[height]

    alone(table, check)


def test_what_is_on_the_screen_stays_where_the_cursor_is_out_of_sight(alone: Alone, lines: Lines) -> None:
    table = table_of(range(1000))

    async def check(pilot: Pilot[None]) -> None:
        table.scroll_to(y=300, animate=False)
        await pilot.pause()
        assert "0300" in lines(table)[1]
        table.set_rows(range(-50, 1000), key=str)
        await pilot.pause()
        assert "0300" in lines(table)[1]
        assert table.cursor_key == "0"

    alone(table, check)


@pytest.mark.parametrize(
    ("left", "cursor"),
    [([1, 2, 3, 6, 7], "6"), ([0, 1, 2], "2"), ([20, 21], "20"), ([5, 4, 3], "5")],
)
def test_the_cursor_of_a_row_that_went_is_on_the_next_that_is_left(
    alone: Alone, left: list[int], cursor: str
) -> None:
    table = table_of(range(10))

    async def check(pilot: Pilot[None]) -> None:
        table.move_to_key("5")
        await pilot.pause()
        table.set_rows(left, key=str)
        assert table.cursor_key == cursor

    posted = alone(table, check)
    assert str(of(posted, VirtualTable.RowHighlighted)[-1].row) == cursor


def test_the_cursor_is_on_no_row_where_all_went(alone: Alone) -> None:
    table = table_of(range(10))

    async def check(_: Pilot[None]) -> None:
        table.set_rows([], key=str)

    posted = alone(table, check)
    assert of(posted, VirtualTable.RowHighlighted)[-1].row is None


def test_marks_outlive_a_filter(alone: Alone) -> None:
    table = table_of(range(10))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("space")
        table.set_rows(range(5, 10), key=str)
        assert table.marked == {"0"}
        assert table.marked_rows == []
        table.set_rows(range(10), key=str)
        assert table.marked_rows == [0]

    alone(table, check)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (120, ["number", "name", "accuracy", "notes"]),
        (44, ["number", "name", "accuracy", "notes"]),
        (40, ["number", "name", "accuracy"]),
        (20, ["number", "name"]),
        (10, ["number", "name"]),
    ],
)
def test_columns_of_the_highest_rank_go_first(
    alone: Alone, lines: Lines, width: int, shown: list[str]
) -> None:
    table = table_of(range(5))

    async def check(_: Pilot[None]) -> None:
        assert [column.key for column in table.visible_columns] == shown
        assert all(cell_len(line) == width for line in lines(table))

    alone(table, check, size=(width, 24))


def test_columns_grow_to_what_is_seen_and_do_not_shrink_again(alone: Alone, lines: Lines) -> None:
    table = VirtualTable(
        [
            Column[int]("name", "name", lambda row: "x" * (row % 100), 4, max_width=30),
            Column[int]("end", "end", lambda _: "|", 1),
        ]
    )

    def end() -> int:
        return lines(table)[1].index("|")

    async def check(pilot: Pilot[None]) -> None:
        table.set_rows(range(200), key=str)
        await pilot.pause()
        assert end() == 3 + 8 + 2
        table.move_cursor(50)
        await pilot.pause()
        assert end() == 3 + 30 + 2
        await pilot.press("g")
        assert end() == 3 + 30 + 2
        table.set_rows(range(3), key=str)
        await pilot.pause()
        assert end() == 3 + 4 + 2

    alone(table, check, size=(80, 10))


def test_the_scrollbar_hides_no_column(alone: Alone, lines: Lines) -> None:
    table = VirtualTable([Column[int]("name", "name", lambda _: "x" * 100, 4, max_width=200)])

    async def check(pilot: Pilot[None]) -> None:
        for count, room in ((100, 48), (3, 50)):
            table.set_rows(range(count), key=str)
            await pilot.pause()
            await pilot.pause()
            assert {len(line.rstrip()) for line in lines(table)[1:4]} == {room}

    alone(table, check, size=(50, 10))


def test_sorting_is_asked_for_and_its_order_shown(alone: Alone, lines: Lines) -> None:
    table = table_of(range(5))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("s")
        await pilot.press("right", "s")
        await pilot.pause()
        assert [int(line[3:7]) for line in lines(table)[1:6]] == [0, 1, 2, 3, 4]
        table.show_order("name", reverse=False)
        assert "name▲" in lines(table)[0]
        await pilot.press("s")
        await pilot.pause()
        table.show_order("name", reverse=True)
        assert "name▼" in lines(table)[0]
        assert (table.sort_key, table.sort_reverse) == ("name", True)
        await pilot.press("s", ">", "S", "<", "<", "s")

    posted = alone(table, check)
    asked = [(message.column_key, message.reverse) for message in of(posted, VirtualTable.SortAsked)]
    assert asked == [
        ("number", False),
        ("name", False),
        ("name", True),
        ("name", False),
        ("accuracy", True),
        ("number", False),
    ]


def test_a_click_moves_then_selects_marks_at_the_left_and_sorts_at_the_top(alone: Alone) -> None:
    table = table_of(range(50))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("pagedown", "pagedown")
        first = round(table.scroll_y)
        await pilot.click(table, offset=(10, 3))
        assert table.cursor_row == first + 2
        await pilot.click(table, offset=(10, 3))
        await pilot.click(table, offset=(1, 5))
        assert table.marked == {str(first + 4)}
        await pilot.click(table, offset=(12, 0))

    posted = alone(table, check, size=(80, 12))
    assert len(of(posted, VirtualTable.RowSelected)) == 1
    assert of(posted, VirtualTable.SortAsked)[0].column_key == "name"


def test_a_click_below_the_last_row_does_nothing(alone: Alone) -> None:
    table = table_of(range(3))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.click(table, offset=(10, 15))
        assert table.cursor_row == 0

    assert not of(alone(table, check), VirtualTable.RowSelected)


HOSTILE = [
    "[bold]brackets[/bold]",
    "\x1b[31mred\x1b]0;title\x07",
    "two\nlines\r\tand a tab",
    "日本語のとても長い名前です",
    "\u202eright to left\u202c שלום",
    "x" * 10_000,
    "🙂👩‍👩‍👧 e\u0301",
    "\ud800",
    "",
]


def test_text_from_outside_neither_reaches_the_terminal_raw_nor_breaks_the_layout(
    alone: Alone, lines: Lines
) -> None:
    table = VirtualTable(
        [
            Column[str]("plain", "plain", lambda row: row, 6, max_width=24),
            Column[str]("text", "text\x1b", lambda row: Text(row, style="bold"), 6, "right", max_width=24),
            Column[str]("end", "end", lambda _: "|", 3),
        ]
    )

    async def check(pilot: Pilot[None]) -> None:
        table.set_rows(HOSTILE, key=str)
        await pilot.pause()
        shown = lines(table)
        assert all(line.isprintable() for line in shown)
        assert {cell_len(line) for line in shown} == {80}
        ends = {cell_len(line[: line.index("|")]) for line in shown[1 : len(HOSTILE) + 1]}
        assert len(ends) == 1
        assert "[bold]brackets[/bold]" in shown[1]

    alone(table, check)


def test_only_rows_on_the_screen_are_made_into_text(alone: Alone) -> None:
    made: list[int] = []

    def cell(row: int) -> str:
        made.append(row)
        return str(row)

    table = VirtualTable([Column[int]("name", "name", cell)])

    async def check(pilot: Pilot[None]) -> None:
        table.set_rows(range(5000), key=str)
        await pilot.pause()
        assert 0 < len(made) <= 3 * 24
        made.clear()
        await pilot.press("G")
        assert 0 < len(made) <= 24
        made.clear()
        await pilot.press("k")
        assert made == []
        table.set_rows(range(1, 5001), key=str)
        await pilot.pause()
        assert 0 < len(made) <= 3 * 24

    alone(table, check)


def test_the_cursor_stays_in_sight_when_the_terminal_shrinks(alone: Alone, lines: Lines) -> None:
    table = table_of(range(100))

    async def check(pilot: Pilot[None]) -> None:
        table.move_cursor(20)
        await pilot.resize_terminal(50, 8)
        await pilot.pause()
        assert any(line.startswith("▸") for line in lines(table))

    alone(table, check, size=(80, 40))


def test_other_columns_and_changed_cells_are_shown(alone: Alone, lines: Lines) -> None:
    table = table_of(range(3))

    async def check(pilot: Pilot[None]) -> None:
        lines(table)
        table.set_columns([Column[int]("other", "other", lambda row: f"other {row}", 8)])
        await pilot.pause()
        assert "other 2" in lines(table)[3]
        table.set_columns([Column[int]("other", "other", lambda row: f"again {row}", 8)])
        await pilot.pause()
        assert "again 2" in lines(table)[3]
        words = ["first"]
        said = [Column[int]("other", "other", lambda _: words[0], 8)]
        table.set_columns(said)
        assert "first" in lines(table)[3]
        words[0] = "other"
        table.set_columns(said)
        assert "other" in lines(table)[3]

    alone(table, check)


def test_of_rows_in_the_same_order_only_those_that_changed_are_drawn_again(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {row: f"row {row}" for row in range(100)}

    def said() -> list[Column[int]]:
        return [Column("word", "word", lambda row: words[row], 12)]

    table: VirtualTable[int] = VirtualTable(said())
    table.set_rows(range(100), key=str)

    async def check(pilot: Pilot[None]) -> None:
        def painted() -> list[str]:
            return [strip.text.strip() for strip in pilot.app.screen._compositor.render_strips()]

        table.move_cursor(60)
        await pilot.pause()
        assert painted()[-2:] == ["row 59", "▸  row 60"]
        drawn: list[int] = []
        render_line = table.render_line
        monkeypatch.setattr(table, "render_line", lambda y: (drawn.append(y), render_line(y))[1])
        words[58], words[5] = "changed", "unseen"
        table.show(said(), range(100), key=str)
        await pilot.pause()
        assert painted()[-3:] == ["changed", "row 59", "▸  row 60"]
        assert drawn == [21]
        drawn.clear()
        table.set_rows([*range(58), *range(59, 100)], key=str)
        await pilot.pause()
        assert painted()[-2:] == ["row 59", "▸  row 60"]
        assert "changed" not in painted()

    alone(table, check)


def test_keys_can_be_others(alone: Alone) -> None:
    table = table_of(range(3))

    async def check(pilot: Pilot[None]) -> None:
        await pilot.press("m")
        assert table.marked == {"0"}

    alone(table, check, keymap={"table.mark": "m"})


def painted(pilot: Pilot[None]) -> list[str]:
    """What stands on the screen, where a line that was not asked to be drawn again stays what it was."""
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


@pytest.mark.parametrize("first", [0, 40])
def test_each_line_in_view_whose_row_changed_is_drawn_again(alone: Alone, lines: Lines, first: int) -> None:
    said = ["before"] * 100
    table = VirtualTable([Column[int]("said", "said", lambda row: f"{row} {said[row]}", 12)])

    async def check(pilot: Pilot[None]) -> None:
        table.set_rows(range(100), key=str)
        await pilot.pause()
        table.scroll_to(y=first, animate=False)
        await pilot.pause()
        assert painted(pilot)[1].split()[-2:] == [str(first), "before"]
        for row in (first, first + 4, first + 8):
            said[row] = "after"
        table.set_rows(range(100), key=str)
        await pilot.pause()
        assert ["after" in line for line in painted(pilot)[1:]] == [True, *[False] * 3] * 2 + [True]
        table.set_rows(range(first + 3), key=str)
        await pilot.pause()
        assert all(map(str.startswith, painted(pilot), lines(table)))

    alone(table, check, size=(40, 10))
