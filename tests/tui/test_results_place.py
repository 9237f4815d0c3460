"""The place of results: every experiment's comparison beside what was published, filling in as runs end, with
a word for each cell that is missing."""

import asyncio
import csv
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
import torch
from begun_runs import begin_run, queue_run
from rich.cells import cell_len
from sample_runs import Console, StillMachine, curve

import rotui.tui.app
from rotui.data.loading import Datasets
from rotui.data.splits import data_identity
from rotui.profile.loading import load_experiment
from rotui.store.layout import PROGRESS
from rotui.store.run_directory import RunDirectory
from rotui.store.session import look
from rotui.study.planning import PlannedRun, plan
from rotui.study.records import Classification, EpochRecord, RunResult
from rotui.tui.app import RotuiApp
from rotui.tui.screens.results import ResultsScreen
from rotui.tui.screens.run import RunScreen
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.comparison_pane import ComparisonTable
from rotui.tui.widgets.experiment_list import ExperimentList
from rotui.tui.workplace import Workplace
from rotui.worker.worker import Worker
from rotui.worker.workplace import Workplace as WorkerPlace

Check = Callable[[Console], Awaitable[None]]
TOLD = Classification(("cat", "dog"), ((1, 0), (0, 1)), (100.0, 100.0))
STAGES = ("rotation", "fine-tuned, pre", "fine-tuned, random", "supervised, pre", "supervised, random")
TINY = """title = "[red]three[/red] \\u001b[31mstages"
stages = ["pretrain", "finetune-pretrained", "supervised-random"]
[data]
name = "digits"
[network]
architecture = "resnet10"
width = 8
[optimizer]
batch_size = 30
[compute]
threads = 1
[scale]
limit = 40
epochs = 1
"""


class ResultsFirst(RotuiApp):
    """The console as it is when one goes to the place of results at once."""

    DEFAULT_MODE = "results"
    CSS_PATH = Path(rotui.tui.app.__file__).with_name("rotui.tcss")


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered, cached and exported stays in the test."""
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def going_on(runs_dir: Path) -> Iterator[RunDirectory]:
    """The published pre-training study: its first run with three seeds, then a run in each state, the last
    never asked for. What is returned is being trained and at 41 percent."""
    first, tuned, tuned_random, supervised, _ = planned("pretraining")
    finish(runs_dir, first, 80.0)
    for seed, best in ((43, 82.0), (44, 84.0)):
        finish(runs_dir, planned("pretraining", f"seed={seed}")[0], best)
    directory = begin_run(runs_dir, tuned, study="pretraining")
    directory.rewrite_epochs(curve(20, 60.0))
    progress = {"epoch": 21, "step": 5, "steps": 10, "images_per_second": 1.0, "seconds_per_epoch": 1.0}
    (directory.path / PROGRESS).write_text(json.dumps(progress))
    queue_run(runs_dir, tuned_random, study="pretraining")
    begin_run(runs_dir, supervised, study="pretraining").fail("loss is nan")
    yield directory
    directory.close()


def planned(name: str, *settings: str) -> list[PlannedRun]:
    return list(plan(load_experiment(name, settings).points).runs)


def finish(
    runs_dir: Path, run: PlannedRun, best: float, study: str = "pretraining", batch: str = "b"
) -> None:
    """Begins a run and ends it at once."""
    directory = begin_run(runs_dir, run, study=study, batch=batch)
    end(directory, best)


def end(directory: RunDirectory, best: float) -> None:
    """Ends a run after three epochs, of which the second is the best."""
    epochs = tuple(
        EpochRecord(number, 1.0, 10.0, 1.25, accuracy, None, None, 0.01, 1.0, 100.0)
        for number, accuracy in enumerate((best - 5, best, best - 0.5), start=1)
    )
    directory.rewrite_epochs(epochs)
    directory.finish(RunResult.of(epochs, TOLD), "")


def in_place(runs_dir: Path, check: Check, size: tuple[int, int] = (120, 40)) -> None:
    """Runs `check` with the place of results in view, once it shows a comparison."""

    async def run() -> None:
        place = Workplace(runs_dir, runs_dir.parent / "data", trains=False)
        app = ResultsFirst(place, probe=StillMachine(), state=ViewState())
        async with app.run_test(size=size) as pilot:
            console = Console(pilot, app)
            await console.until(lambda: isinstance(app.screen, ResultsScreen))
            await console.until(lambda: app.screen.query_one(ComparisonTable).rows)
            await pilot.pause()
            await check(console)

    asyncio.run(run())


def on_screen(console: Console) -> list[str]:
    """The lines of the whole screen."""
    return [strip.text for strip in console.app.screen._compositor.render_strips()]


def rows(console: Console) -> dict[str, list[str]]:
    """The words of each row of the table by the stage's short title."""
    found = {}
    for line in console.text("#comparison").splitlines()[1:]:
        for title in STAGES:
            if title in line:
                found[title] = line.split(title)[1].split()
    return found


def listed(console: Console) -> list[str]:
    """The names in the list of experiments."""
    return [each.name for each in console.app.screen.query_one(ExperimentList).listed]


async def choose(console: Console, name: str) -> None:
    """Goes through the experiments to the one of this name."""
    for _ in listed(console):
        if console.text("#result-title").startswith(name):
            return
        before = console.text("#result-title")
        await console.press("right_square_bracket")
        await console.until(lambda before=before: console.text("#result-title") != before)
    raise AssertionError(f"{name} is not listed")


def datasets(folder: Path) -> Datasets:
    return Datasets(folder / "data", progress=lambda *_: None, stop=lambda: False)


def train_all(runs_dir: Path) -> None:
    """Trains what is queued, in this thread."""
    place = WorkerPlace(runs_dir, torch.device("cpu"), ("rotui",))
    Worker(place, datasets(runs_dir.parent), listener=lambda _: None, notice=print, stop=Flag()).work()


@pytest.mark.usefixtures("going_on")
def test_measured_stands_beside_published_with_difference_seeds_and_spread(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        assert console.text("#result-title").startswith("pretraining  3 of 7 runs finished · 1 failed")
        row = rows(console)["rotation"]
        assert row[:6] == ["82.00", "±", "2.00", "79.07", "+2.93", "81.50"]
        assert row[-1] == "3"
        notes = console.text("#notes-text")
        assert "best: the best epoch on the test split" in notes
        assert "4 of 7 runs have no result yet." in notes
        await console.press("x", "escape", "question_mark")
        assert any("Queue what is missing" in line for line in on_screen(console))

    in_place(runs_dir, check)


@pytest.mark.usefixtures("going_on")
def test_a_missing_cell_says_how_it_stands_and_no_number_is_cut_in_any_width(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        table = console.app.screen.query_one(ComparisonTable)
        table.focus()
        for size in ((50, 30), (80, 24), (120, 40), (200, 50)):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: cell_len(on_screen(console)[0]) == size[0])
            await console.until(lambda size=size: table.size.width > min(0.45 * size[0], 80))
            await console.pilot.pause()
            shown = console.text("#comparison")
            for told in ("82.00 ± 2.00", "▶ 41 %", "· queued", "✗ failed", "not asked"):
                assert told in shown
            assert "…" not in shown
            assert {"stage", "best", "published"} <= {column.key for column in table.visible_columns}
            if size[0] != 120:
                assert ("no room for:" in console.text("#notes-text")) == (size[0] < 120)
            assert all(cell_len(line) <= size[0] for line in on_screen(console))

    in_place(runs_dir, check)


def test_a_cell_fills_in_when_its_run_ends(runs_dir: Path, going_on: RunDirectory) -> None:
    async def check(console: Console) -> None:
        (going_on.path / PROGRESS).write_text(
            json.dumps(
                {"epoch": 21, "step": 9, "steps": 9, "images_per_second": 1.0, "seconds_per_epoch": 1.0}
            )
        )
        await console.until(lambda: rows(console)["fine-tuned, pre"][:3] == ["▶", "42", "%"])
        end(going_on, 61.0)
        await console.until(lambda: rows(console)["fine-tuned, pre"][0] == "61.00")
        assert rows(console)["fine-tuned, pre"][1:3] == ["60.00", "+1.00"]
        assert console.text("#result-title").startswith("pretraining  4 of 7 runs finished")

    in_place(runs_dir, check)


def test_the_list_has_what_was_published_and_what_has_runs_each_with_how_much_is_there(
    runs_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text(TINY)
    (tmp_path / "profiles" / "broken.toml").write_text("stages = 1\n")

    async def check(console: Console) -> None:
        assert {"pretraining", "few-labels"} <= set(listed(console))
        assert not {"quick", "tiny", "broken"} & set(listed(console))
        finish(runs_dir, planned("tiny")[0], 33.0, study="tiny")
        await console.until(lambda: "tiny" in listed(console))
        await choose(console, "tiny")
        assert any("tiny" in line and "1/3" in line for line in on_screen(console))
        assert rows(console)["rotation"][0] == "33.00"
        assert "[red]three[/red] \\x1b[31mstages" in console.text("#result-title")
        assert not any("\x1b" in line for line in on_screen(console))

    in_place(runs_dir, check)


def test_one_key_queues_what_is_missing_and_what_is_trained_then_stands_in_the_table(
    runs_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text(TINY)
    known = planned("tiny")[2]
    directory = begin_run(runs_dir, known, study="tiny")
    directory.write_provenance({"data_identity": data_identity(datasets(tmp_path).splits(known))})
    (directory.path / "model.safetensors").write_bytes(b"weights")
    end(directory, 33.0)

    async def check(console: Console) -> None:
        assert rows(console)["fine-tuned, pre"][:2] == ["not", "asked"]
        await console.press("m")
        await console.until_told("queued 2 runs; 1 finished before")
        await console.until(lambda: rows(console)["fine-tuned, pre"][:2] == ["·", "queued"])
        await asyncio.to_thread(train_all, runs_dir)
        await console.until(lambda: "3 of 3 runs finished" in console.text("#result-title"))
        best = {run.stage: run.best for run in look(runs_dir)[0]}
        assert rows(console)["rotation"][0] == f"{best['pretrain']:.2f}"
        assert rows(console)["fine-tuned, pre"][0] == f"{best['finetune-pretrained']:.2f}"
        await console.press("m")
        await console.until_told("nothing is missing")
        assert len(look(runs_dir)[0]) == 3

    in_place(runs_dir, check)


def test_what_cannot_be_queued_is_told_with_its_reason(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await choose(console, "pretraining")
        await console.press("m")
        await console.until_told("CIFAR-10 was not found")
        assert look(runs_dir)[0] == []

    in_place(runs_dir, check)


@pytest.fixture
def labelled(runs_dir: Path) -> Path:
    """Three amounts of labels with two stages each, and the pre-training that they share."""
    runs = planned("few-labels")
    finish(runs_dir, runs[0], 80.0, study="few-labels")
    for number, run in enumerate(runs[1:7]):
        finish(runs_dir, run, 30.0 + number, study="few-labels")
    return runs_dir


def test_the_charts_are_bars_curves_of_stages_curves_of_a_stage_and_accuracy_by_labels(
    labelled: Path,
) -> None:
    async def check(console: Console) -> None:
        bars = "\n".join(on_screen(console))
        assert "best accuracy, %  ██ measured  ░░ published" in bars
        assert "labels 20" in bars
        lines = [line for line in bars.splitlines() if "measured  █" in line or "published ░" in line]
        values = [float(re.findall(r"\d+\.\d\d", line)[0]) for line in lines]
        assert values[1:3] == [30.00, 29.23]
        lengths = [line.count("█") + line.count("░") for line in lines]
        for length, value in zip(lengths, values, strict=True):
            assert abs(length - lengths[0] * value / values[0]) <= 1.5
        await console.press("v")
        curves = console.text("#result-curves")
        assert "test accuracy, labels 20 (%)" in curves
        assert all(name in curves for name in ("● rotation", "fine-tuned, pre", "supervised, random"))
        console.app.screen.query_one(ComparisonTable).focus()
        await console.press("down", "down", "down", "v")
        swept = console.text("#result-sweep")
        assert swept.startswith("fine-tuned, pre, by labels (%)")
        assert all(f" {labels} " in swept.splitlines()[0] for labels in (20, 50, 100))
        await console.press("v")
        axis = console.text("#result-labels").splitlines()[-1]
        places = [axis.index(label) for label in (" 20", " 50", " 100", " 200", " 500", "1000")]
        assert places == sorted(places)
        assert abs((places[2] - places[1]) - (places[3] - places[2])) <= 2
        assert "○ publ. pre ft" in console.text("#result-labels")
        await console.press("V", "V", "V")
        assert console.app.screen.query_one("#result-bars").region.height > 10

    in_place(labelled, check)


def test_on_a_low_screen_table_and_charts_take_turns(labelled: Path) -> None:
    async def check(console: Console) -> None:
        screen = console.app.screen
        table, chart = screen.query_one("#comparison-pane"), screen.query_one("#result-chart")
        assert (table.display, chart.display) == (True, False)
        await console.press("v")
        assert (table.display, chart.display) == (False, True)
        await console.press("V")
        assert (table.display, chart.display) == (True, False)
        await console.press("enter")
        await console.until(lambda: screen.query_one(ComparisonTable).has_focus)
        assert not screen.query_one("#experiments-pane").display
        await console.press("b")
        await console.until(lambda: screen.query_one(ExperimentList).has_focus)

    in_place(labelled, check, (80, 24))


def test_enter_opens_a_run_of_the_row(runs_dir: Path, going_on: RunDirectory) -> None:
    async def check(console: Console) -> None:
        console.app.screen.query_one(ComparisonTable).focus()
        await console.press("end", "enter")
        await console.until_told("no run of these settings was ever queued")
        await console.press("home", "down", "enter")
        await console.until(lambda: isinstance(console.app.screen, RunScreen))
        assert console.app.chosen_run == going_on.name

    in_place(runs_dir, check)


@pytest.mark.usefixtures("going_on")
def test_the_table_is_exported_to_new_files_and_their_names_are_told(runs_dir: Path, tmp_path: Path) -> None:
    async def check(console: Console) -> None:
        for key, name in (
            ("c", "results-pretraining.csv"),
            ("m", "results-pretraining.md"),
            ("j", "results-pretraining.json"),
            ("c", "results-pretraining-2.csv"),
        ):
            await console.press("x", key)
            await console.until_told(name)
        first, second = (tmp_path / f"results-pretraining{end}.csv" for end in ("", "-2"))
        assert first.read_text() == second.read_text()
        found = list(csv.DictReader(first.read_text().splitlines()))
        assert (found[0]["best_accuracy"], found[0]["published_accuracy"]) == ("82.0", "79.07")
        assert "| rotation pre-training | 82.00 ± 2.00 |" in (tmp_path / "results-pretraining.md").read_text()
        document = json.loads((tmp_path / "results-pretraining.json").read_text())
        assert document["rows"][0]["seeds"] == 3

    in_place(runs_dir, check)


def test_an_experiment_is_shown_with_each_of_the_settings_it_was_run_with(runs_dir: Path) -> None:
    finish(runs_dir, planned("pretraining")[0], 80.0)
    for stem, best in (("imagenet", 85.0), ("cifar", 86.0)):
        finish(
            runs_dir, planned("pretraining", f"network.stem={stem}", "data.holdout=0.1")[0], best, batch="c"
        )
    finish(runs_dir, planned("pretraining", "network.stem=cifar")[0], 90.0, batch="d")

    async def check(console: Console) -> None:
        seen: dict[str, str] = {}
        for place in (1, 2, 3):
            await console.until(lambda place=place: f"settings {place} of 3" in console.text("#notes-text"))
            seen[console.text("#result-title").split("  ")[1]] = rows(console)["rotation"][0]
            await console.press("s")
        await console.until(lambda: "settings 1 of 3" in console.text("#notes-text"))
        assert list(seen.items())[1:] == [
            ("network.stem=cifar", "90.00"),
            ("data.holdout=0.1 network.stem=imagenet,cifar", "86.00"),
        ]
        assert next(iter(seen.values())) == "80.00"

    in_place(runs_dir, check)


def test_runs_that_cannot_be_read_are_told_below_the_table(runs_dir: Path) -> None:
    first, second, *_ = planned("pretraining")
    finish(runs_dir, first, 80.0)
    finish(runs_dir, second, 60.0)
    (next(runs_dir.glob("0002-*")) / "result.json").write_text("[\x1b[31m")

    async def check(console: Console) -> None:
        notes = console.text("#notes-text")
        told = [*notes.splitlines(), *console.app.snapshot.unreadable]
        assert any("result.json: damaged" in line for line in told)
        assert rows(console)["fine-tuned, pre"][0] in ("not", "–", "✓")

    in_place(runs_dir, check)


def test_an_edited_profile_is_compared_anew(runs_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    profile = tmp_path / "profiles" / "tiny.toml"
    profile.write_text(TINY)
    finish(runs_dir, planned("tiny")[0], 33.0, study="tiny")

    async def check(console: Console) -> None:
        assert set(rows(console)) == {"rotation", "fine-tuned, pre", "supervised, random"}
        profile.write_text(TINY.replace('"finetune-pretrained", ', ""))
        await console.until(lambda: set(rows(console)) == {"rotation", "supervised, random"})

    in_place(runs_dir, check)
