"""The plan in a profile's form, and that what it says is queued: all of it, once, or nothing."""

import asyncio
import platform
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sample_runs import Console, finish, opened, queue_profiles, refresh
from textual.widgets import Button, Input

from rotui.profile.loading import load_experiment
from rotui.store.bench_figures import keep_figures
from rotui.store.past_runs import read_run
from rotui.store.queue_entry import read_entry
from rotui.store.session import look
from rotui.study.bench_figure import BenchFigure
from rotui.study.planning import plan
from rotui.tui.screens.form import ProfileForm
from rotui.tui.workplace import Workplace

TINY = """stages = ["supervised-random"]
[data]
name = "digits"
[network]
architecture = "resnet10"
width = 8
[compute]
threads = 1
[scale]
limit = 40
epochs = 1
"""
HERE = {"host": platform.node(), "device": "cpu", "device_name": "processor", "threads": 1}


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only profile of the project, the first in the list; what is remembered stays in the test."""
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "profiles" / "tiny.toml"
    path.parent.mkdir()
    path.write_text(TINY)
    return path


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def in_form(runs_dir: Path, check: Callable[[Console], Awaitable[None]]) -> None:
    """Runs `check` with the form of the profile open and its plan worked out."""

    async def run() -> None:
        place = Workplace(runs_dir, runs_dir.parent / "data", trains=False, command=("rotui", "here"))
        async with opened(place, (120, 40)) as console:
            await console.press("enter")
            await console.until(lambda: isinstance(console.app.screen, ProfileForm))
            await console.until(lambda: "images to train on" in told(console))
            await check(console)

    asyncio.run(run())


def told(console: Console) -> str:
    """What the plan says, in one line."""
    return " ".join(console.text("#plan").split())


async def fill(console: Console, key: str, text: str) -> None:
    """Goes to a field and puts this in place of what is there."""
    console.app.screen.query_one(f"#field-{key.replace('.', '-')}", Input).focus()
    await console.press("end", "ctrl+u")
    await console.paste(text)


def test_what_no_run_tells_is_estimated_from_the_bench(runs_dir: Path, tiny: Path) -> None:
    tiny.write_text(TINY.replace("resnet10", "resnet18").replace("width = 8\n", ""))
    figure = BenchFigure(
        host=platform.node(),
        device="cpu",
        device_name="cpu",
        threads=1,
        architecture="resnet18",
        image_size=32,
        batch_size=128,
        precision="fp32",
        trains_all=True,
        training_seconds=0.5,
        evaluation_seconds=0.25,
        measured="2026-01-01T00:00:00.000Z",
    )
    keep_figures([figure])

    async def check(console: Console) -> None:
        assert "about 30 s on this machine (from rotui bench)" in told(console)

    in_form(runs_dir, check)


def forms(console: Console) -> list[object]:
    return [screen for screen in console.app.screen_stack if isinstance(screen, ProfileForm)]


def keys(*settings: str) -> list[str]:
    """The content keys of the runs that the profile with these settings asks for."""
    return [run.key for run in plan(load_experiment("tiny", settings).points).runs]


def test_the_plan_follows_what_is_typed(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        assert told(console).startswith("1 run of 1 setting 40 images to train on time unknown")
        assert "· supervised, random init, seed 42" in told(console)
        await fill(console, "seed", "range(0,3), 7")
        await console.until(lambda: told(console).startswith("4 runs of 4 settings 160 images"))
        assert [f"seed {seed}" in told(console) for seed in (0, 1, 2, 3, 7)] == [
            True,
            True,
            True,
            False,
            True,
        ]
        await fill(console, "loss.label_smoothing", "0,0.1")
        await console.until(lambda: told(console).startswith("8 runs of 8 settings"))
        await fill(console, "stages", '["finetune-pretrained"]')
        await console.until(lambda: told(console).startswith("16 runs of 8 settings"))
        await fill(console, "seed", "range(0,50)")
        await console.until(lambda: told(console).endswith("and 160 more"))

    in_form(runs_dir, check)


def test_the_time_is_told_from_what_was_trained_here_and_what_is_there_is_not_trained_twice(
    runs_dir: Path,
) -> None:
    names = queue_profiles(
        runs_dir, *(point.profile for point in load_experiment("tiny", ["seed=42,43"]).points)
    )
    finish(runs_dir / names[0], **HERE)
    refresh(runs_dir)

    async def check(console: Console) -> None:
        assert "1 run of 1 setting 0 images to train on 1 finished before, reused" in told(console)
        assert "= supervised, random init, seed 42 reuses 1" in told(console)
        await fill(console, "seed", "42,43,44")
        await console.until(
            lambda: told(console).startswith("3 runs of 3 settings 80 images to train on about")
        )
        assert "about 2 min on this machine (from run 1)" in told(console)
        assert "1 finished before, reused 1 there already, not queued twice" in told(console)
        assert "= supervised, random init, seed 43 queued 2" in told(console)
        assert "· supervised, random init, seed 44" in told(console)
        await console.press("ctrl+r")
        await console.until(lambda: "fresh: what is finished is trained again" in told(console))
        assert "3 runs of 3 settings 120 images to train on about 3 min" in told(console)
        assert "reuse" not in told(console)
        await console.press("ctrl+r")
        await console.until(lambda: "reuses 1" in told(console))

    in_form(runs_dir, check)


def test_what_the_plan_says_is_queued_and_the_form_closes(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await fill(console, "seed", "5,6")
        await console.press("ctrl+s")
        await console.until_told("queued 2 runs; 0 finished before, 0 in the queue already")
        await console.until(lambda: not forms(console))
        await console.until(lambda: len(console.app.snapshot.queue) == 2)

    in_form(runs_dir, check)
    runs = look(runs_dir)[0]
    assert [run.key for run in runs] == keys("seed=5,6")
    assert {(run.status, run.study) for run in runs} == {("queued", "tiny")}
    assert [read_run(runs_dir / run.name).profile.seed for run in runs] == [5, 6]
    assert {read_entry(runs_dir / run.name).queued_by for run in runs} == {("rotui", "here")}


def test_what_is_finished_is_queued_again_only_afresh(runs_dir: Path) -> None:
    (name,) = queue_profiles(runs_dir, load_experiment("tiny").profile)
    finish(runs_dir / name)
    refresh(runs_dir)

    async def check(console: Console) -> None:
        await console.press("ctrl+s")
        await console.until_told("queued 0 runs; 1 finished before")
        await console.press("enter")
        await console.until(lambda: forms(console) and "reuses 1" in told(console))
        await console.press("ctrl+r", "ctrl+s")
        await console.until_told("queued 1 run; 0 finished before")

    in_form(runs_dir, check)
    assert [run.status for run in look(runs_dir)[0]] == ["finished", "queued"]


def test_a_refusal_is_told_once_and_the_form_stays_as_it_was(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await fill(console, "data.name", "cifar10")
        await console.until(lambda: "1 run of 1 setting" in told(console))
        await console.press("ctrl+s")
        await console.until_told("rotui data fetch cifar10")
        assert len(console.told) == 1
        assert forms(console)
        button = console.app.screen.query_one("#queue-it", Button)
        assert not button.disabled
        await fill(console, "data.name", "digits")
        await console.until(lambda: "1 run of 1 setting" in told(console))
        button.press()
        await console.until_told("queued 1 run")
        await console.until(lambda: not forms(console))

    in_form(runs_dir, check)
    assert [run.key for run in look(runs_dir)[0]] == keys()


def test_escape_queues_nothing(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        await fill(console, "seed", "5,6")
        await console.press("escape")
        assert not forms(console)
        assert console.told == []

    in_form(runs_dir, check)
    assert look(runs_dir)[0] == []


def test_asking_twice_queues_once(runs_dir: Path) -> None:
    async def check(console: Console) -> None:
        form = console.app.screen
        for _ in range(3):
            form.action_queue()
        await console.until(lambda: not forms(console))
        await console.until(lambda: not list(console.app.workers))
        await console.pilot.pause()
        assert console.told == ["queued 1 run; 0 finished before, 0 in the queue already"]
        await console.until(lambda: len(console.app.snapshot.queue) == 1)

    in_form(runs_dir, check)
    assert len(look(runs_dir)[0]) == 1


def test_a_dialog_that_was_opened_while_runs_are_queued_stays_and_the_form_goes_after_it(
    runs_dir: Path,
) -> None:
    async def check(console: Console) -> None:
        form = console.app.screen
        await console.press("ctrl+p")
        await console.until(lambda: type(console.app.screen).__name__ == "CommandPalette")
        form.action_queue()
        await console.until_told("queued 1 run")
        await console.pilot.pause()
        assert type(console.app.screen).__name__ == "CommandPalette"
        await console.press("escape")
        await console.until(lambda: not forms(console))

    in_form(runs_dir, check)
