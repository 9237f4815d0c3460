"""The place of runs: a table sorted, filtered and arranged by keys; what is done to runs there is on disk."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from sample_runs import Console, begin, curve, finish, queue_profiles, runs_place, small

from rotui.formats import count
from rotui.store.listing import ListedRun
from rotui.store.queue import Queue
from rotui.store.session import look
from rotui.store.trash import trashed
from rotui.tui.tables.run_columns import RUN_COLUMNS, in_column_order
from rotui.tui.view_state import ViewState

Check = Callable[[Console], Awaitable[None]]
COLUMNS_SHOWN = {(50, 24): 4, (80, 24): 6, (120, 40): 10, (200, 50): len(RUN_COLUMNS)}


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered and what is exported stays in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Iterator[Path]:
    """Five runs: two finished, one failed, one queued, one that is being trained."""
    runs_dir = tmp_path / "runs"
    first, second, third, _, fifth = queue_profiles(runs_dir, *(small(seed) for seed in range(11, 16)))
    finish(runs_dir / first, 70.0)
    finish(runs_dir / second, 90.0)
    begin(runs_dir / third, curve(4, 80.0)).fail("out of memory: [red]3.2 GB[/red] \x1b[31masked for")
    going_on = begin(runs_dir / fifth, curve(2, 80.0))
    yield runs_dir
    going_on.close()


def in_place(
    runs_dir: Path, check: Check, size: tuple[int, int] = (90, 20), state: ViewState | None = None
) -> None:
    async def run() -> None:
        async with runs_place(runs_dir, size, state) as console:
            await check(console)

    asyncio.run(run())


def runs_by_number(runs_dir: Path) -> dict[int, ListedRun]:
    return {run.number: run for run in look(runs_dir)[0]}


def test_every_run_is_a_row_the_newest_first_and_the_one_under_the_cursor_is_told(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        assert console.numbers == [5, 4, 3, 2, 1]
        assert "5 runs" in console.text("#filter-count")
        states = ["running", "queued", "failed", "finished", "finished"]
        for line, state in zip(console.text("#runs").splitlines()[1:], states, strict=False):
            assert state in line
        await console.press("down", "down")
        reason = "failed: out of memory: [red]3.2 GB[/red] \\x1b[31masked for"
        await console.until(lambda: reason in console.text("#about-run"))

    in_place(runs_dir, check, (160, 40))


def test_the_table_says_what_matters_in_any_width_and_more_where_there_is_room(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        for size, count_shown in COLUMNS_SHOWN.items():
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: console.table.size.width == size[0])
            shown = [column.key for column in console.table.visible_columns]
            assert {"number", "stage", "status", "best"} <= set(shown)
            assert len(shown) == count_shown
            lines = console.text("#runs").splitlines()
            assert "supervised-random" in lines[4]
            assert "✓ finished" in lines[4]
            assert all(cell_len(line) <= size[0] for line in lines)
            assert console.app.screen.query_one("#filter-count").region.right <= size[0]

    in_place(runs_dir, check)


def test_runs_are_sorted_by_any_column_both_ways_and_those_without_a_value_come_last(
    runs_dir: Path,
) -> None:
    Queue(runs_dir, print).note([run.name for run in look(runs_dir)[0][:2]], "Noted")
    Queue(runs_dir, print).tag([look(runs_dir)[0][3].name], ["a"], [])
    runs = look(runs_dir)[0]
    for column in RUN_COLUMNS:
        known = [value for run in runs if (value := column.sort_value(run)) is not None]
        for reverse in (False, True):
            ordered = [column.sort_value(run) for run in in_column_order(runs, column.key, reverse)]
            assert ordered == sorted(known, reverse=reverse) + [None] * (len(runs) - len(known))
    assert [run.number for run in in_column_order(runs, "note", True)] == [1, 2, 3, 4, 5]


def test_stages_are_sorted_as_a_study_has_them_and_states_as_a_run_goes_through_them(
    tmp_path: Path,
) -> None:
    stages = ("supervised-random", "pretrain", "finetune-random")
    queue_profiles(tmp_path / "runs", small(stages=stages))
    runs = look(tmp_path / "runs")[0]
    ordered = [run.stage for run in in_column_order(reversed(runs), "stage", False)]
    assert ordered == ["pretrain", "finetune-random", "supervised-random"]


def test_the_order_of_a_chosen_column_is_turned_round_by_a_second_press_and_remembered(
    runs_dir: Path,
) -> None:
    measured = [run for run in look(runs_dir)[0] if run.best is not None]
    rising = [run.number for run in sorted(measured, key=lambda run: run.best or 0)]

    async def sort(console: Console) -> None:
        while console.table.sort_key != "best":
            await console.press("right", "s")
        assert console.numbers == [*rising, 4]
        await console.press("s")
        assert console.numbers == [*reversed(rising), 4]

    async def again(console: Console) -> None:
        assert console.numbers == [*reversed(rising), 4]
        assert "best▼" in console.text("#runs")

    in_place(runs_dir, sort)
    in_place(runs_dir, again, state=ViewState.load())


def test_a_filter_works_while_it_is_typed_and_a_bad_end_keeps_the_last_good_one(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("slash")
        await console.type("best>60 status=fin")
        assert console.numbers == [2, 1]
        assert "2 of 5 runs" in console.text("#filter-count")
        await console.type(" seed=x")
        assert "character 20: seed=x: x is not a number" in console.text("#filter-fault")
        assert console.numbers == [2, 1]
        await console.press("enter")
        assert console.app.screen.query_one("#filter").has_focus
        await console.press("backspace", "1", "2", "enter")
        assert console.numbers == [2]
        assert not console.app.screen.query_one("#filter-fault").display
        assert console.table.has_focus
        await console.press("escape")
        assert console.numbers == [5, 4, 3, 2, 1]
        assert console.app.view_state.filter == ""

    in_place(runs_dir, check)


def test_the_beginning_of_a_comparison_is_no_filter_yet_unless_enter_says_so(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("slash")
        for character in "seed=":
            await console.type(character)
            assert len(console.numbers) == 5
            assert not console.app.screen.query_one("#filter-fault").display
        await console.type("12")
        assert console.numbers == [2]
        await console.press("ctrl+u")
        await console.type("seed")
        await console.press("enter")
        assert console.numbers == [5, 4, 3, 2, 1]
        assert console.app.view_state.filter == "seed"
        await console.press("slash")
        await console.type("s")
        assert console.numbers == []
        assert "no run fits the filter" in console.text("#runs")

    in_place(runs_dir, check)


@pytest.mark.parametrize(("text", "numbers"), [("status=failed", [3]), ("-seed", [])])
def test_a_filter_is_there_again_in_the_next_session(runs_dir: Path, text: str, numbers: list[int]) -> None:
    async def check(console: Console) -> None:
        await console.press("slash")
        await console.paste(text)
        await console.press("down")

    async def again(console: Console) -> None:
        assert console.app.screen.query_one("#filter").value == text
        assert console.numbers == numbers

    in_place(runs_dir, check)
    in_place(runs_dir, again, state=ViewState.load())


def test_the_end_of_a_key_and_of_a_stage_is_suggested(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("slash")
        await console.paste("sett")
        await console.press("right")
        line = console.app.screen.query_one("#filter")
        assert line.value == "settings"
        await console.press("ctrl+u")
        await console.paste("-stage=pre")
        await console.press("right")
        assert line.value == "-stage=pretrain"

    in_place(runs_dir, check)


def test_keys_of_the_rows_are_letters_while_a_filter_is_typed(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("slash")
        await console.type("drRnutxyCc12q")
        assert console.app.screen.query_one("#filter").value == "drRnutxyCc12q"
        assert console.told == []

    in_place(runs_dir, check)
    assert len(look(runs_dir)[0]) == 5


def test_columns_are_chosen_from_a_list_and_remembered(runs_dir: Path) -> None:
    async def choose(console: Console) -> None:
        await console.press("C", "a", "space", "down", "space", "enter")
        assert [column.title for column in console.table.columns] == ["no.", "study", "settings"]
        await console.press("C", "a", "escape")
        assert len(console.table.columns) == 3

    async def again(console: Console) -> None:
        assert [column.title for column in console.table.columns] == ["no.", "study", "settings"]

    in_place(runs_dir, choose)
    in_place(runs_dir, again, state=ViewState.load())


@pytest.mark.parametrize(
    "kept",
    [{"sort": "gone", "columns": ["gone"]}, {"sort": [1], "reverse": "x", "columns": 3}, {"columns": [[1]]}],
    ids=str,
)
def test_what_was_remembered_and_is_no_more_does_no_harm(runs_dir: Path, kept: dict[str, object]) -> None:
    async def check(console: Console) -> None:
        assert len(console.numbers) == 5
        assert console.table.columns[0].key == "number"

    in_place(runs_dir, check, state=ViewState(filter="gone=1", tables={"runs": kept}))


def test_enter_opens_the_run(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("down", "down", "enter")
        assert console.app.current_mode == "run"
        assert console.app.chosen_run == runs_by_number(runs_dir)[3].name

    in_place(runs_dir, check)


def test_a_rerun_is_a_new_run_of_the_same_settings(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "r")
        await console.until(lambda: console.numbers == [6, 5, 4, 3, 2, 1])

    in_place(runs_dir, check)
    runs = runs_by_number(runs_dir)
    assert (runs[6].key, runs[6].status, runs[6].study) == (runs[1].key, "queued", "small")
    assert runs[1].status == "finished"


def test_reruns_of_what_starts_pretrained_share_one_new_pretraining(tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    names = queue_profiles(runs_dir, small(stages=("finetune-pretrained", "supervised-pretrained")))
    for name in names:
        finish(runs_dir / name)

    async def check(console: Console) -> None:
        await console.press("space", "space", "r")
        await console.until(lambda: len(console.numbers) == 6)

    in_place(runs_dir, check)
    runs = runs_by_number(runs_dir)
    assert [runs[number].stage for number in (4, 5, 6)] == [runs[number].stage for number in (1, 2, 3)]
    assert {runs[5].parent_run, runs[6].parent_run} == {runs[4].name}


def test_a_failed_run_is_taken_up_again_and_a_finished_one_is_not(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "R")
        await console.until_told("1 is finished: r queues it anew")
        await console.press("up", "up", "R")
        await console.until_told("3: in the queue again")

    in_place(runs_dir, check)
    assert runs_by_number(runs_dir)[3].status == "queued"


def test_deleted_runs_are_in_the_trash_until_undo_brings_back_the_last(runs_dir: Path) -> None:
    names = {number: run.name for number, run in runs_by_number(runs_dir).items()}

    async def check(console: Console) -> None:
        await console.press("u")
        await console.until_told("nothing was deleted")
        await console.press("end", "d")
        await console.until(lambda: console.numbers == [5, 4, 3, 2])
        assert console.table.cursor_row.number == 2
        await console.press("space", "up", "space", "d")
        await console.until(lambda: console.numbers == [5, 4])
        assert console.table.marked == frozenset()
        assert trashed(runs_dir) == [names[1], names[2], names[3]]
        await console.press("u")
        await console.until(lambda: console.numbers == [5, 4, 3, 2])
        await console.press("u")
        await console.until(lambda: console.numbers == [5, 4, 3, 2, 1])

    in_place(runs_dir, check)
    assert trashed(runs_dir) == []


def test_what_is_being_trained_is_not_deleted_and_nothing_is_with_it(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("space", "space", "d")
        await console.until_told("is being trained")

    in_place(runs_dir, check)
    assert trashed(runs_dir) == []
    assert len(look(runs_dir)[0]) == 5


def test_marked_runs_that_the_filter_hides_are_told_and_left_alone(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "space", "up", "space", "slash")
        await console.paste("seed=12")
        await console.press("enter")
        assert "2 marked, 1 of them hidden" in console.text("#filter-count")
        await console.press("d")
        await console.until(lambda: trashed(runs_dir))
        await console.press("escape")
        await console.until(lambda: console.numbers == [5, 4, 3, 1])
        await console.press("escape")
        assert console.table.marked == frozenset()

    in_place(runs_dir, check)


def test_a_note_is_written_to_every_chosen_run_and_shown_as_text(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "space", "up", "space", "n")
        await console.paste("[b]odd[/b] seed")
        await console.press("enter")
        await console.until(lambda: console.table.rows[-1].note)
        await console.until(lambda: "[b]odd[/b] seed" in console.text("#about-run"))
        await console.press("n", "escape", "n", "enter")
        assert [run.note for run in look(runs_dir)[0]] == ["[b]odd[/b] seed"] * 2 + [""] * 3
        await console.press("n", "ctrl+u", "enter")
        await console.until(lambda: not console.table.rows[-1].note)

    in_place(runs_dir, check, (200, 50))


def test_only_the_common_tags_are_changed(runs_dir: Path) -> None:
    names = [run.name for run in look(runs_dir)[0][:2]]
    Queue(runs_dir, print).tag(names, ["common", "kept \x1b[1m"], [])
    Queue(runs_dir, print).tag(names[:1], ["own"], [])

    async def check(console: Console) -> None:
        await console.press("end", "space", "up", "space", "t")
        assert console.app.screen.query_one("#line").value == "common, kept \\x1b[1m"
        await console.press("home", *["delete"] * len("common, "), "end")
        await console.paste(",new one")
        await console.press("enter")
        await console.until(lambda: "new one" in console.table.rows[-1].tags)

    in_place(runs_dir, check)
    assert [look(runs_dir)[0][place].tags for place in (0, 1)] == [
        ("kept \x1b[1m", "own", "new one"),
        ("kept \x1b[1m", "new one"),
    ]


def test_a_tag_that_is_none_is_refused_and_told(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "t")
        await console.paste("x" * 41)
        await console.press("enter")
        await console.until_told("is no tag")

    in_place(runs_dir, check)


def test_paths_are_copied_by_the_terminal(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "y")
        first, second = (str(runs_dir / runs_by_number(runs_dir)[number].name) for number in (1, 2))
        assert console.app.clipboard == first
        await console.press("space", "up", "space", "y")
        assert console.app.clipboard == f"{first}\n{second}"

    in_place(runs_dir, check)


def test_the_table_in_view_is_exported_and_never_over_another_file(runs_dir: Path, tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("slash")
        await console.paste("best>60")
        await console.press("enter", "C", "a")
        for _ in range(6):
            await console.press("down")
        await console.press("space", "enter", "x", "j")
        await console.until_told("rows in rotui-runs.json")
        await console.press("x", "enter")
        await console.until_told("rows in rotui-runs.csv")
        await console.press("x", "j")
        await console.until_told("rows in rotui-runs-2.json")
        await console.press("x", "escape")

    in_place(runs_dir, check)
    written = json.loads((tmp_path / "rotui-runs.json").read_text())
    runs = runs_by_number(runs_dir)
    wanted = [runs[number] for number in (5, 3, 2, 1) if (runs[number].best or 0) > 60]
    assert written == [{"number": run.number, "name": run.name, "best": run.best} for run in wanted]
    assert len({path.name for path in tmp_path.glob("rotui-runs*")}) == 3


def test_two_marks_are_needed_to_compare(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "space", "c")
        await console.until_told("mark two or more")
        await console.press("up", "space", "c")
        assert type(console.app.screen).__name__ == "CompareScreen"

    in_place(runs_dir, check)


def test_directories_that_cannot_be_read_are_told(runs_dir: Path) -> None:
    name = runs_by_number(runs_dir)[1].name
    (runs_dir / name / "state.json").write_text("{")

    async def check(console: Console) -> None:
        assert console.numbers == [5, 4, 3, 2]
        assert "1 cannot be read" in console.text("#unreadable")
        assert name in console.text("#unreadable")

    in_place(runs_dir, check, (200, 50))


def test_runs_come_and_go_under_a_cursor_that_stays_and_marks_that_go_with_theirs(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("end", "space", "up", "space", "up", "up", "space", "up")
        assert console.table.cursor_row.number == 3
        gone = runs_by_number(runs_dir)
        queue_profiles(runs_dir, small(99))
        (runs_dir / gone[1].name).rename(runs_dir.parent / "elsewhere")
        await console.until(lambda: console.numbers == [6, 5, 4, 3, 2])
        assert console.table.cursor_row.number == 3
        assert console.table.marked == {gone[3].name, gone[2].name}
        assert "2 marked" in console.text("#filter-count")

    in_place(runs_dir, check)


def test_a_directory_without_runs_says_what_to_do(tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        assert "no runs yet: choose a profile in the console (1)" in console.text("#runs")
        await console.press("r", "R", "d", "n", "t", "y", "enter", "space", "s", "escape")
        assert console.told == []

    in_place(tmp_path / "none", check)


def test_rates_and_times_are_told_in_words(runs_dir: Path) -> None:
    run = runs_by_number(runs_dir)[1]
    cells = {column.key: column.column.cell(run) for column in RUN_COLUMNS}
    assert (cells["took"], cells["rate"], cells["epochs"]) == ("51 min 15 s", count(1234), "50/50")
