"""Every place as it looks, on a study that was really trained (tests/tui/study): the pictures of the README.

After a change that is meant: pytest tests/tui/test_pictures.py --snapshot-update, and look at each.
"""

import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from rotui.store.run_directory import lock_run
from rotui.study.estimate import Machine
from rotui.tui.app import RotuiApp
from rotui.tui.machine import MachineReading
from rotui.tui.place import Place
from rotui.tui.screens.form import ProfileForm
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.chart import Chart
from rotui.tui.widgets.comparison_pane import ComparisonTable
from rotui.tui.widgets.picture_grid import PictureGrid
from rotui.tui.widgets.profile_list import ProfileList
from rotui.tui.widgets.virtual_table import VirtualTable
from rotui.tui.workplace import Workplace

STUDY = Path(__file__).parent / "study" / "runs"
SIZES = [(80, 24), (120, 40), (200, 50)]
GPU = MachineReading("NVIDIA H200", 87.0, 12_400_000_000, 150_100_000_000, 61, 412.0)

Arrive = Callable[["Pilot[int]"], Awaitable[None]]


class Gpu:
    """A probe of a GPU that always does the same."""

    def read(self) -> tuple[MachineReading, ...]:
        return (GPU,)


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RotuiApp]:
    """The console on a copy of the study, whose eighth run is being trained: its lock is held."""
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(STUDY, tmp_path / "runs")
    [going_on] = (tmp_path / "runs").glob("0008-*")
    lock = lock_run(going_on)
    place = Workplace(Path("runs"), Path("data"), "cpu", trains=False)
    yield RotuiApp(place, probe=Gpu(), state=ViewState(), machine=Machine("gpu-box", 2, "cpu"))
    lock.release()


async def until(pilot: "Pilot[int]", holds: Callable[[], object]) -> None:
    """Waits until something is so, and everything is drawn."""
    for _ in range(3000):
        await pilot.pause(0.02)
        if holds() and all(chart.is_drawn for chart in pilot.app.screen.query(Chart)):
            await pilot.pause()
            return
    raise AssertionError("never came about")


async def in_console(pilot: "Pilot[int]") -> None:
    """The queue, with the curves of what is being trained."""
    screen = pilot.app.screen
    await until(pilot, lambda: screen.query_one("#queue", VirtualTable).rows)
    await until(pilot, lambda: screen.query_one("#profiles", ProfileList).profile)
    await pilot.press(*["down"] * 6)
    await until(pilot, lambda: "handwritten" in str(screen.query_one("#profile-about", Static).content))


async def in_results(pilot: "Pilot[int]") -> None:
    """The comparison of the study."""
    await in_console(pilot)
    await pilot.press("2")
    await until(pilot, lambda: isinstance(pilot.app.screen, Place))
    await until(pilot, lambda: pilot.app.screen.query(ComparisonTable))
    await until(pilot, lambda: pilot.app.screen.query_one(ComparisonTable).rows)


async def in_runs(pilot: "Pilot[int]") -> None:
    """The table of all runs."""
    await in_console(pilot)
    await pilot.press("3")
    await until(pilot, lambda: pilot.app.screen.query("#runs"))
    await until(pilot, lambda: pilot.app.screen.query_one("#runs", VirtualTable).rows)


async def comparing(pilot: "Pilot[int]") -> None:
    """Three runs side by side."""
    await in_runs(pilot)
    await pilot.press("/", *"finetune", "enter", "space", "space", "space", "c")
    await until(pilot, lambda: pilot.app.screen.query("#sides"))


async def in_run(pilot: "Pilot[int]") -> None:
    """A finished run, its classes."""
    await in_runs(pilot)
    await pilot.press("end", "enter")
    await until(pilot, lambda: pilot.app.screen.query("#overview-left"))
    await until(pilot, lambda: str(pilot.app.screen.query_one("#overview-left", Static).content))


async def in_classes(pilot: "Pilot[int]") -> None:
    """Per-class accuracy and the confusion matrix."""
    await in_run(pilot)
    await pilot.press("alt+3")
    await until(pilot, lambda: pilot.app.screen.query_one("#confusion").display)


async def in_preview(pilot: "Pilot[int]") -> None:
    """A batch as the network sees it."""
    await in_console(pilot)
    await pilot.press("o")
    await until(pilot, lambda: pilot.app.screen.query(PictureGrid))
    await until(pilot, lambda: pilot.app.screen.query_one(PictureGrid).virtual_size.height)


async def in_form(pilot: "Pilot[int]") -> None:
    """The form of a profile with its plan."""
    await in_console(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProfileForm))
    await pilot.press(*"range(42,45)")
    await until(pilot, lambda: "15 runs" in str(pilot.app.screen.query_one("#plan", Static).content))


PLACES = {
    "console": in_console,
    "form": in_form,
    "results": in_results,
    "runs": in_runs,
    "compare": comparing,
    "run": in_run,
    "classes": in_classes,
    "preview": in_preview,
}


@pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
@pytest.mark.parametrize("place", PLACES)
def test_place(
    console: RotuiApp, snap_compare: Callable[..., bool], place: str, size: tuple[int, int]
) -> None:
    assert snap_compare(console, terminal_size=size, run_before=PLACES[place])
