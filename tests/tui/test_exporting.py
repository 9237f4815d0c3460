"""A table as a file: numbers in full, texts as data, a name that was free."""

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest
from textual.app import App

from rotui.errors import StoreError
from rotui.tui.exporting import Format, Rows, export_table, table_text, write_new

ROWS = [
    {"number": 1, "best": 100 / 3, "scaled": True, "note": 'a, "b"\n| *c* <d>', "tags": ("x", "y")},
    {"number": 2, "best": None, "scaled": False, "note": "=1+1 \x1b]52;c;eA==\x07", "tags": ()},
    {"number": 3, "best": float("nan"), "scaled": False, "note": "語 \u202e\ud800", "tags": ("z",)},
]


def test_csv_has_every_number_in_full_and_nothing_where_there_is_none() -> None:
    rows = list(csv.DictReader(io.StringIO(table_text(ROWS, "csv"))))
    assert [float(row["best"]) if row["best"] else None for row in rows] == [100 / 3, None, None]
    assert [row["tags"] for row in rows] == ["x; y", "", "z"]
    assert [row["scaled"] for row in rows] == ["true", "false", "false"]
    assert rows[0]["note"] == 'a, "b"\\n| *c* <d>'


def test_json_reads_back_as_it_was_but_for_what_is_not_finite() -> None:
    read = json.loads(table_text(ROWS, "json"))
    assert read == [{**row, "tags": list(row["tags"])} for row in ROWS[:2]] + [
        {**ROWS[2], "best": None, "tags": ["z"]}
    ]


def test_markdown_is_a_table_whose_cells_cannot_end_it() -> None:
    head, rule, *lines = table_text(ROWS, "markdown").splitlines()
    assert head == "| number | best | scaled | note | tags |"
    assert rule == "| ---: | ---: | --- | --- | --- |"
    assert lines[0] == r'| 1 | 33.3333 | true | a, "b"\\n\| \*c\* \<d> | x; y |'
    assert len(lines) == 3


@pytest.mark.parametrize("form", ["csv", "markdown", "json"])
def test_nothing_in_a_file_is_obeyed_by_a_terminal(form: Format) -> None:
    text = table_text(ROWS, form)
    assert all(character.isprintable() or character == "\n" for character in text)
    text.encode()


@pytest.mark.parametrize(("form", "text"), [("csv", ""), ("markdown", ""), ("json", "[]\n")])
def test_no_rows_are_no_table(form: Format, text: str) -> None:
    assert table_text([], form) == text


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("mine")
    (tmp_path / "runs-3.csv").symlink_to(tmp_path / "nowhere")
    written = [write_new(tmp_path, "runs", ".csv", str(number)).name for number in range(3)]
    assert written == ["runs-2.csv", "runs-4.csv", "runs-5.csv"]
    assert (tmp_path / "runs.csv").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_where_nothing_can_be_written_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(StoreError, match=r"runs\.csv: cannot be written"):
        write_new(tmp_path / "plain", "runs", ".csv", "text")
    with pytest.raises(UnicodeEncodeError):
        write_new(tmp_path, "runs", ".csv", "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_the_format_is_chosen_by_a_key_and_the_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows: Rows = [{"a": 1}]

    async def run() -> None:
        app: App[None] = App()
        async with app.run_test(size=(50, 24)) as pilot:
            for keys in (["escape"], ["c"], ["down", "enter"], ["j"]):
                export_table(app.screen, "rows", "one row", lambda: rows)
                await pilot.pause()
                await pilot.press(*keys)
                await pilot.pause()
                await app.workers.wait_for_complete()
            await pilot.pause()
            told = [notification.message for notification in app._notifications]
            assert [text.split()[3] for text in told] == ["rows.csv,", "rows.md,", "rows.json,"]

    asyncio.run(run())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "rows.csv": "a\n1\n",
        "rows.md": "| a |\n| ---: |\n| 1 |\n",
        "rows.json": '[\n  {\n    "a": 1\n  }\n]\n',
    }


def test_a_folder_that_cannot_be_written_is_told_and_the_screen_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)

    async def run() -> None:
        app: App[None] = App()
        async with app.run_test() as pilot:
            export_table(app.screen, "rows", "one row", lambda: [{"a": 1}])
            await pilot.pause()
            gone.rmdir()
            await pilot.press("c")
            await app.workers.wait_for_complete()
            await pilot.pause()
            [told] = app._notifications
            assert told.severity == "error"

    asyncio.run(run())
