"""Runs side by side: where their settings differ, what they reached, curves told apart by sign and colour."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from sample_runs import Console, begin, curve, finish, queue_profiles, refresh, runs_place, small

from rotui.results.run_comparison import compare_runs
from rotui.store.listing import ListedRun
from rotui.store.past_runs import read_run
from rotui.store.session import look
from rotui.tui.charts.charting import SIGNS
from rotui.tui.run_sides import run_looks, side_lines
from rotui.tui.screens.compare import CompareScreen
from rotui.tui.widgets.side_by_side import SideBySide

Check = Callable[[Console], Awaitable[None]]


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered and what is exported stays in the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Three finished runs with different smoothing, the second the best, the last trained elsewhere."""
    runs_dir = tmp_path / "runs"
    losses = ({"label_smoothing": smoothing} for smoothing in (0.0, 0.1, 0.2))
    names = queue_profiles(runs_dir, *(small(7, loss=loss) for loss in losses))
    finish(runs_dir / names[0], 70.0)
    finish(runs_dir / names[1], 90.0)
    finish(runs_dir / names[2], 80.0, host="[b]other[/b] \x1b[31mbox")
    return runs_dir


def compared(runs_dir: Path, check: Check, size: tuple[int, int] = (90, 34)) -> None:
    """Runs `check` with all runs of the directory side by side."""

    async def run() -> None:
        async with runs_place(runs_dir, size) as console:
            await console.press(*["space"] * len(look(runs_dir)[0]), "c")
            await console.until(lambda: sides(console))
            await check(console)

    asyncio.run(run())


def sides(console: Console) -> dict[str, list[str]]:
    """The cells of each line by its label, as they are shown."""
    lines = console.text("#sides").splitlines()
    cells = [[part for part in line.split("  ") if part.strip()] for line in lines]
    return {first.strip(): [cell.strip() for cell in rest] for first, *rest in filter(None, cells)}


def lines_of(runs_dir: Path, *names: str) -> dict[str, list[str]]:
    lines = side_lines(compare_runs([read_run(runs_dir / name) for name in names]))
    return {line.label: [cell.plain.strip() for cell in line.cells] for line in lines}


def listed(*numbers: int) -> list[ListedRun]:
    """Runs of these numbers, made of a real one."""
    some = ListedRun.__dataclass_fields__
    blank = ListedRun(**{**dict.fromkeys(some, ""), "tags": (), "status": "finished"})
    return [replace(blank, name=f"{number:04d}-x", number=number) for number in numbers]


def test_a_run_looks_the_same_in_every_comparison_where_no_other_has_its_look() -> None:
    alone = run_looks(listed(5, 12))["0012-x"]
    assert run_looks(listed(2, 12, 14))["0012-x"] == alone
    assert run_looks(listed(12, 100))["0012-x"] == alone


def test_no_two_runs_have_one_sign_and_few_have_one_colour() -> None:
    looks = run_looks(listed(1, 12, 23, 9, 2, 3, 4, 5, 6, 7, 8)).values()
    assert sorted(look.sign for look in looks) == sorted(SIGNS)
    colours = run_looks(listed(1, 9, 17, 25)).values()
    assert len({look.colour for look in colours}) == 4


def test_only_the_settings_that_differ_and_the_final_numbers_stand_side_by_side(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        shown = sides(console)
        assert shown["loss.label_smoothing"] == ["0", "0.1", "0.2"]
        assert "seed" not in shown
        assert [cell.split()[0] for cell in shown["best %"]] == [
            f"{run.best:.2f}" for run in look(runs_dir)[0]
        ]
        assert [cell.endswith("★") for cell in shown["best %"]] == [False, True, False]
        assert shown["state"] == ["✓ finished"] * 3
        assert shown["took"] == ["51 min 15 s"] * 3
        heads = console.text("#sides").splitlines()[0]
        assert [word for word in heads.split() if word.isdigit()] == ["1", "2", "3"]

    compared(runs_dir, check)


def test_the_curves_of_the_runs_have_the_signs_that_stand_at_their_numbers(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        looks = run_looks(look(runs_dir)[0])
        await console.until(
            lambda: all(each.sign in console.text("#compare-loss") for each in looks.values())
        )
        heads = console.text("#sides").splitlines()[0]
        for number, each in enumerate(looks.values(), start=1):
            assert f"{each.sign} {number}" in heads
            for chart in ("#compare-accuracy", "#compare-loss"):
                heading, *picture = console.text(chart).splitlines()
                assert f"{each.sign} {number}" in heading
                assert any(each.sign in line for line in picture)
        for measure in ("validation", "training", "validation"):
            await console.until(
                lambda told=f"{measure} accuracy (%)": told in console.text("#compare-accuracy")
            )
            await console.press("v")

    compared(runs_dir, check)


def test_what_cannot_be_compared_has_no_best(tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    names = queue_profiles(
        runs_dir,
        small(stages=("pretrain", "supervised-random")),
        small(stages=("pretrain",), rotation={"count": 8}),
        small(stages=("supervised-random",), seed=2),
    )
    for place, name in enumerate(names):
        finish(runs_dir / name, 60.0 + place)
    pretrain, supervised, eight, again = names
    assert any("★" in cell for cell in lines_of(runs_dir, supervised, again)["best %"])
    assert not any("★" in cell for cell in lines_of(runs_dir, pretrain, supervised)["best %"])
    assert not any("★" in cell for cell in lines_of(runs_dir, pretrain, eight)["best %"])


def test_runs_that_have_not_begun_have_dashes_and_rows_that_would_be_empty_are_left_out(
    tmp_path: Path,
) -> None:
    runs_dir = tmp_path / "runs"
    first, second = queue_profiles(runs_dir, small(1), small(2))
    finish(runs_dir / first)
    shown = lines_of(runs_dir, first, second)
    assert shown["best %"][1] == shown["took"][1] == shown["images per second"][1] == "–"
    assert shown["epochs"] == ["50/50", "0/50"]
    assert "hold-out %" not in shown
    assert "resumed" not in shown


def test_a_run_that_goes_on_is_followed(runs_dir: Path) -> None:
    [name] = queue_profiles(runs_dir, small(9))
    directory = begin(runs_dir / name, curve(2))

    async def check(console: Console) -> None:
        assert sides(console)["epochs"][-1] == "2/50"
        directory.append_epoch(curve(3)[-1])
        await console.until(lambda: sides(console)["epochs"][-1] == "3/50")

    try:
        compared(runs_dir, check)
    finally:
        directory.close()


def test_text_from_outside_is_shown_and_not_obeyed(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        assert sides(console)["host"] == ["box", "box", "[b]other[/b] \\x1b[31mbox"]

    compared(runs_dir, check, (120, 50))


def test_runs_without_room_are_a_key_away_and_no_line_is_too_long(runs_dir: Path) -> None:
    for name in queue_profiles(runs_dir, *(small(seed) for seed in range(20, 25))):
        finish(runs_dir / name)

    async def check(console: Console) -> None:
        table = console.app.screen.query_one(SideBySide)
        for size in ((200, 50), (80, 24), (50, 24)):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: table.size.width in (size[0], size[0] - 2))
            assert all(cell_len(line) <= size[0] for line in console.text("#sides").splitlines())
            for chart in ("#compare-accuracy", "#compare-loss"):
                assert console.app.screen.query_one(chart).region.right <= size[0]
        await console.press("left")
        assert table.runs_in_view == range(2)
        assert "6›" in console.text("#sides").splitlines()[0]
        await console.press(*["right"] * 10)
        assert table.runs_in_view == range(6, 8)
        head = console.text("#sides").splitlines()[0].split()
        assert head[0] == "‹6"
        assert [word for word in head if word.isdigit()] == ["7", "8"]
        await console.press("left", "down", "pagedown")
        assert table.runs_in_view == range(5, 7)
        assert "images per second" in console.text("#sides")

    compared(runs_dir, check)


def test_a_run_that_is_deleted_meanwhile_leaves_the_others(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        (runs_dir / look(runs_dir)[0][2].name).rename(runs_dir.parent / "elsewhere")
        await console.until(lambda: len(sides(console)["best %"]) == 2)
        (runs_dir / look(runs_dir)[0][1].name).rename(runs_dir.parent / "there")
        await console.until(lambda: "two or more runs" in console.text("#compare-fault"))

    compared(runs_dir, check)


def test_a_run_that_cannot_be_read_is_told_and_the_others_are_compared(runs_dir: Path) -> None:
    refresh(runs_dir)
    name = look(runs_dir)[0][0].name
    (runs_dir / name / "provenance.json").write_text("[")

    async def check(console: Console) -> None:
        assert name in console.text("#compare-fault")
        assert len(sides(console)["best %"]) == 2

    compared(runs_dir, check)


def test_the_comparison_is_exported_and_escape_leads_back(runs_dir: Path, tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        await console.press("x", "j")
        await console.until_told("3 rows in rotui-comparison.json")
        await console.press("z")
        assert console.app.screen.maximized is not None
        await console.press("escape")
        assert isinstance(console.app.screen, CompareScreen)
        await console.press("escape")
        assert len(console.table.marked) == 3

    compared(runs_dir, check)
    rows = json.loads((tmp_path / "rotui-comparison.json").read_text())
    assert [row["loss.label_smoothing"] for row in rows] == [0.0, 0.1, 0.2]
    assert [row["best"] for row in rows] == [run.best for run in look(runs_dir)[0]]
