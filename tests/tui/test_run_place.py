"""The place of one run: whose run it is, what each tab tells of it, and that it follows what goes on."""

import asyncio
import json
import os
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
from rotui.profile.loading import load_experiment
from rotui.profile.schema import Profile
from rotui.queueing import queue_plan
from rotui.store.adding import Wishes
from rotui.store.past_runs import read_run
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.store.run_files import RunFilesReader
from rotui.study.events import EpochEnded, Event
from rotui.study.planning import PlannedRun, Point, plan
from rotui.study.records import Classification, FeatureProbe, RunResult
from rotui.tui.app import RotuiApp
from rotui.tui.screens.preview import PreviewScreen
from rotui.tui.screens.run import RunScreen
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.run_tabs import TABS
from rotui.tui.workplace import Workplace
from rotui.worker.worker import Worker
from rotui.worker.workplace import Workplace as WorkerPlace

Check = Callable[[Console], Awaitable[None]]
HOSTILE = "a [red]b[/red] \x1b[31m \u202ec 字"
TOLD = Classification(("cat", "dog", HOSTILE), ((8, 2, 0), (1, 9, 0), (0, 0, 0)), (80.0, 90.0, None))
SIZES = ((50, 30), (80, 24), (200, 50))


class RunFirst(RotuiApp):
    """The console as it is when one goes to the place of a run at once."""

    DEFAULT_MODE = "run"
    CSS_PATH = Path(rotui.tui.app.__file__).with_name("rotui.tcss")


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered and cached stays in the test."""
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def planned(*settings: str) -> list[PlannedRun]:
    return list(plan(load_experiment("pretraining", settings).points).runs)


@pytest.fixture
def going_on(runs_dir: Path) -> Iterator[RunDirectory]:
    """Four runs: one finished, one that is being trained and is returned, one failed, one queued."""
    first, second, third, fourth, _ = planned("optimizer.batch_size=64")
    finished = begin_run(runs_dir, first, study="pretraining")
    finished.write_provenance({"device_name": "NVIDIA [H200]", "packages": {"torch": "2.15"}, "threads": 8})
    epochs = curve(45, 80.0)
    finished.rewrite_epochs(epochs)
    finished.log("began on cuda")
    (finished.path / "model.safetensors").write_bytes(b"w" * 2_500_000)
    probes = {"pretrained": FeatureProbe(61.5, 70.25)}
    finished.finish(RunResult.of(epochs, TOLD, probes), "")
    directory = begin_run(runs_dir, second, study="pretraining", parent_run=finished.name)
    directory.rewrite_epochs(curve(20, 60.0))
    begin_run(runs_dir, third, study="pretraining").fail("loss is nan: [b]lower[/b] \x1b[31mthe rate")
    queue_run(runs_dir, fourth, study="pretraining")
    yield directory
    directory.close()


def in_place(runs_dir: Path, check: Check, size: tuple[int, int] = (120, 40), chosen: str = "") -> None:
    """Runs `check` with the place of one run in view."""

    async def run() -> None:
        place = Workplace(runs_dir, runs_dir.parent / "data", trains=False)
        app = RunFirst(place, probe=StillMachine(), state=ViewState())
        app.chosen_run = chosen
        async with app.run_test(size=size) as pilot:
            console = Console(pilot, app)
            await console.until(lambda: isinstance(app.screen, RunScreen) and app.snapshot.version > 0)
            await console.until(lambda: shown(console).strip())
            await check(console)

    asyncio.run(run())


def screen(console: Console) -> list[str]:
    """The lines of the whole screen."""
    return [strip.text for strip in console.app.screen._compositor.render_strips()]


def shown(console: Console) -> str:
    """What stands below the line of tabs."""
    return "\n".join(screen(console)[3:-1])


async def go_to(console: Console, tab: str) -> None:
    """Shows a tab by its number."""
    await console.press(f"alt+{list(TABS).index(tab) + 1}")
    await console.pilot.pause()


def fact(console: Console, label: str) -> str:
    """What stands beside a label in the overview."""
    found = (line.split(f"  {label}  ", 1)[1] for line in screen(console) if f"  {label}  " in line)
    return next(found, "").strip()


def test_the_run_is_the_one_that_was_opened_else_one_that_goes_on_else_the_newest(
    runs_dir: Path, going_on: RunDirectory
) -> None:
    async def opened(console: Console) -> None:
        assert console.text("#run-line").startswith("3 finetune-random  ✗ failed")

    async def active(console: Console) -> None:
        assert console.text("#run-line").startswith("2 finetune-pretrained  ▶ running")
        going_on.stop("that is enough")
        await console.until(lambda: console.text("#run-line").startswith("2 finetune-pretrained  ■ stopped"))

    async def newest(console: Console) -> None:
        assert console.text("#run-line").startswith("4 supervised-pretrained  · queued")

    in_place(runs_dir, opened, chosen="0003-pretraining-finetune-random-seed42")
    in_place(runs_dir, active)
    in_place(runs_dir, newest)


def test_brackets_go_to_the_runs_before_and_after(runs_dir: Path, going_on: RunDirectory) -> None:
    async def check(console: Console) -> None:
        numbers = []
        for key in ("left", "left", "left", "right", "right"):
            await console.press(f"{key}_square_bracket")
            numbers.append(console.text("#run-line").split()[0])
        assert numbers == ["1", "4", "3", "4", "1"]
        assert console.text("#run-line").endswith("1 of 4")
        assert console.app.chosen_run != going_on.name
        await console.press("o")
        await console.until(lambda: isinstance(console.app.screen, PreviewScreen))

    in_place(runs_dir, check)


@pytest.mark.usefixtures("going_on")
def test_tabs_are_changed_by_tab_and_by_number_and_the_keys_go_to_what_is_shown(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        def current() -> str | None:
            return console.app.screen.query_one("#run-tabs").current

        seen = []
        for _ in TABS:
            await console.press("tab")
            seen.append(current())
        assert seen == [*list(TABS)[1:], "overview"]
        await console.press("shift+tab")
        assert current() == "log"
        for tab in TABS:
            await go_to(console, tab)
            assert current() == tab
            inside = console.app.screen.query_one(f"#{tab}")
            await console.until(
                lambda inside=inside: (
                    console.app.screen.focused is not None
                    and inside in console.app.screen.focused.ancestors_with_self
                )
            )
        await go_to(console, "curves")
        first = console.app.screen.focused
        await console.press("f")
        assert console.app.screen.focused is not first
        assert console.app.screen.query_one("#curves") in console.app.screen.focused.ancestors_with_self

    in_place(runs_dir, check)


@pytest.mark.usefixtures("going_on")
def test_the_overview_tells_what_the_run_is_how_it_stands_and_what_it_ended_with(runs_dir: Path) -> None:
    names = sorted(path.name for path in runs_dir.iterdir() if path.is_dir())
    Queue(runs_dir, print).note(names[:1], HOSTILE)
    Queue(runs_dir, print).tag(names[:1], ["baseline", "[b]"], [])

    async def finished(console: Console) -> None:
        await console.until(lambda: fact(console, "now").startswith("✓ finished"))
        assert fact(console, "stage").startswith("rotation pre-training")
        best = read_run(runs_dir / names[0]).result.best_accuracy
        assert fact(console, "best").startswith(f"{best:.2f} %  epoch ")
        assert f"difference {best - 79.07:+.2f}" in fact(console, "published") or not fact(
            console, "published"
        )
        assert fact(console, "floor").startswith("25.0 %")
        assert fact(console, "pretrained trunk").startswith("20 neighbours 61.50 %, linear 70.25 %")
        assert fact(console, "optimizer.batch_size").startswith("64  default 128")
        assert fact(console, "verdict").startswith("never stopped")
        assert fact(console, "note") == "a [red]b[/red] \\x1b[31m \\u202ec 字"
        assert fact(console, "tags") == "baseline, [b]"
        assert fact(console, "model") == "2.5 MB"
        assert fact(console, "device") == "NVIDIA [H200]"

    async def failed(console: Console) -> None:
        await console.until(lambda: fact(console, "now").startswith("✗ failed"))
        assert fact(console, "why").startswith("loss is nan: [b]lower[/b] \\x1b[31mthe rate")
        assert "\x1b" not in "".join(screen(console))

    in_place(runs_dir, finished, (160, 60), chosen=names[0])
    in_place(runs_dir, failed, (160, 50), chosen=names[2])


def test_curves_and_overview_follow_what_goes_on(runs_dir: Path, going_on: RunDirectory) -> None:
    async def check(console: Console) -> None:
        await console.until(lambda: fact(console, "epochs").startswith("20 of 50"))
        await go_to(console, "curves")
        assert console.text("#run-accuracy").startswith("accuracy (%)")
        assert console.text("#run-loss").startswith("loss (nats)")
        record = curve(21, 60.0)[-1]
        going_on.append_epoch(record)
        await console.until(lambda: f"{record.validation_accuracy:.4g}" in console.text("#run-accuracy"))
        await go_to(console, "overview")
        going_on.fail("gone")
        await console.until(lambda: fact(console, "why").startswith("gone"))

    in_place(runs_dir, check)


@pytest.mark.usefixtures("going_on")
def test_classes_are_bars_and_a_confusion_matrix_once_the_run_is_finished(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await go_to(console, "classes")
        assert shown(console).count("told when the run is finished") == 2
        await console.press("left_square_bracket")
        await console.until(lambda: "told when the run" not in shown(console))
        lines = shown(console).splitlines()
        cat, dog = (next(line for line in lines if line.strip().startswith(name)) for name in ("cat", "dog"))
        assert "80.0 %" in cat
        assert 1.05 < dog.count("█") / cat.count("█") < 1.2
        assert any("no images" in line for line in lines)
        assert "predicted →" in shown(console)
        assert "cat recognised: 8 of 10 (80.0 %)" in shown(console)

    in_place(runs_dir, check)


def test_profile_provenance_and_log_are_shown_as_they_lie_in_the_directory(
    runs_dir: Path, going_on: RunDirectory
) -> None:
    async def check(console: Console) -> None:
        await console.press("left_square_bracket")
        await go_to(console, "profile")
        await console.press("end")
        await console.until(lambda: "● batch_size = 64" in shown(console))
        assert "  learning_rate = 0.01" in shown(console)
        await go_to(console, "provenance")
        await console.until(lambda: "packages.torch" in shown(console))
        assert "2.15" in shown(console)
        await console.press("right_square_bracket")
        await go_to(console, "provenance")
        await console.until(lambda: "told when the run begins" in shown(console))
        await go_to(console, "log")
        for number in range(60):
            going_on.log(f"line {number}: [red] {HOSTILE}")
        await console.until(lambda: "line 59: [red] a [red]b[/red] \\x1b[31m" in shown(console))
        await console.press("pageup")
        await console.until(lambda: "line 59" not in shown(console))
        going_on.log("one more")
        await console.pilot.pause(0.3)
        assert "one more" not in shown(console)
        await console.press("end")
        await console.until(lambda: "one more" in shown(console))
        going_on.log("and another")
        await console.until(lambda: "and another" in shown(console))

    in_place(runs_dir, check)


@pytest.mark.usefixtures("going_on")
def test_every_tab_fits_any_size_and_lets_no_text_from_outside_through(runs_dir: Path) -> None:
    name = sorted(path.name for path in runs_dir.iterdir() if path.is_dir())[0]
    Queue(runs_dir, print).note([name], "long " * 200)
    profile = runs_dir / name / "profile.toml"
    profile.write_text(profile.read_text() + "# \u202e[red]\n")
    (runs_dir / name / "run.log").write_text(f"{HOSTILE}\n" + "w" * 10_000)

    async def check(console: Console) -> None:
        for size in SIZES:
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: cell_len(screen(console)[0]) == size[0])
            for tab in TABS:
                await go_to(console, tab)
                lines = screen(console)
                assert all(cell_len(line) <= size[0] for line in lines)
                assert not any(sign in line for line in lines for sign in ("\x1b", "\u202e"))
                assert console.text("#run-line").startswith("1 pretrain  ✓ finished  best ")
                names = next(line for line in lines if "Overview" in line)
                assert all(title in names for title in TABS.values())

    in_place(runs_dir, check, chosen=name)


def test_a_damaged_run_says_what_is_wrong_and_still_shows_its_log(
    runs_dir: Path, going_on: RunDirectory
) -> None:
    going_on.log("the last words")

    async def check(console: Console) -> None:
        await console.until(lambda: fact(console, "stage").startswith("fine-tuned, pre-trained"))
        (going_on.path / "provenance.json").write_text("[\x1b[31m")
        os.utime(runs_dir)
        await console.until(lambda: "cannot be read" in shown(console))
        await console.until(lambda: console.app.snapshot.run(going_on.path.name) is None)
        await console.pilot.pause()
        assert "provenance.json: damaged" in shown(console).replace("\n", "")
        await go_to(console, "log")
        await console.until(lambda: "the last words" in shown(console))

    in_place(runs_dir, check, (200, 50))


def test_a_place_without_runs_says_where_to_queue_one(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        assert "no runs yet" in console.text("#run-line")
        await console.press("right_square_bracket", "tab", "o", "y", "f")

    async def run() -> None:
        app = RunFirst(Workplace(runs_dir, runs_dir, trains=False), probe=StillMachine(), state=ViewState())
        async with app.run_test(size=(80, 24)) as pilot:
            console = Console(pilot, app)
            await console.until(lambda: isinstance(app.screen, RunScreen) and app.snapshot.version > 0)
            await pilot.pause()
            await check(console)

    asyncio.run(run())


def test_files_are_read_again_only_where_one_of_them_changed(runs_dir: Path, going_on: RunDirectory) -> None:
    reader = RunFilesReader(runs_dir)
    first = reader.read(going_on.name)
    assert reader.read(going_on.name) is first
    going_on.log("more")
    second = reader.read(going_on.name)
    assert second is not first
    assert second.log[-1].endswith("more")
    (going_on.path / "checkpoints").mkdir()
    assert reader.read(going_on.name) is not second


def test_a_run_that_is_stopped_and_resumed_is_followed_to_its_verdict(runs_dir: Path, tmp_path: Path) -> None:
    stop = Flag()

    def train(on: Callable[[Event], None]) -> None:
        place = WorkerPlace(runs_dir, torch.device("cpu"), ("rotui", "run"))
        Worker(place, datasets, listener=on, notice=print, stop=stop).work()

    def stop_after_an_epoch(event: Event) -> None:
        if isinstance(event, EpochEnded):
            stop.set()

    datasets = Datasets(tmp_path / "data", progress=lambda *_: None, stop=lambda: False)
    profile = Profile.model_validate(
        {
            "name": "tiny",
            "stages": ("supervised-random",),
            "data": {"name": "digits"},
            "network": {"architecture": "resnet10", "width": 8},
            "optimizer": {"batch_size": 30},
            "compute": {"threads": 1},
            "scale": {"limit": 60, "epochs": 3},
        }
    )
    queue_plan(plan([Point(profile)]), runs_dir, datasets, Wishes(study="tiny"), print)
    train(stop_after_an_epoch)
    stop.clear()

    async def check(console: Console) -> None:
        await console.until(lambda: fact(console, "now").startswith("■ stopped"))
        stored = fact(console, "checkpoint")
        assert stored.startswith("epoch-")
        assert stored.endswith(" MB")
        await asyncio.to_thread(train, lambda _: None)
        await console.until(lambda: fact(console, "now").startswith("✓ finished"))
        await console.until(lambda: fact(console, "verdict").startswith("= exact  resumed 1 time"))
        await console.until(lambda: not fact(console, "checkpoint"))
        assert fact(console, "epochs").startswith("3 of 3")
        result = json.loads(next(runs_dir.glob("0001-*/result.json")).read_text())
        await console.until(lambda: fact(console, "best").startswith(f"{result['best_accuracy']:.2f} %"))
        await go_to(console, "classes")
        await console.until(lambda: "all: " in shown(console))
        assert f"all: {result['last_accuracy']:.1f} % correct" in shown(console)

    in_place(runs_dir, check, (160, 50))
