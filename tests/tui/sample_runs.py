"""Runs as the queue makes and the worker fills them, with made-up curves, and the console opened on them."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Static

import rotui.tui.app
from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.store.listing import ListedRun
from rotui.store.past_runs import read_profile, read_state
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import Point, plan
from rotui.study.records import Classification, EpochRecord, RunResult
from rotui.tui.app import RotuiApp
from rotui.tui.machine import MachineReading
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.profile_list import ProfileList
from rotui.tui.widgets.virtual_table import VirtualTable
from rotui.tui.workplace import Workplace

PATIENCE = 60
"""Seconds that something may take on a busy machine."""
CLASSES = Classification(("a", "b"), ((1, 0), (0, 1)), (100.0, 100.0))


def queue_profiles(runs_dir: Path, *profiles: Profile) -> list[str]:
    """The directory names of the runs that the profiles ask for, queued together, in the plan's order."""
    planned = plan(Point(profile) for profile in profiles)
    queued = add_plan(runs_dir, planned, Wishes(study=profiles[0].name), {}, print)
    return [queued.names[run.key] for run in planned.runs]


def small(seed: int = 1, **values: object) -> Profile:
    """A profile of one quick stage on the bundled digits."""
    values = {"stages": ("supervised-random",), **values}
    return Profile.model_validate({"name": "small", "data": {"name": "digits"}, "seed": seed, **values})


def begin(path: Path, epochs: Iterable[EpochRecord], **provenance: object) -> RunDirectory:
    """A run that has trained these epochs and goes on."""
    directory = RunDirectory.begin(path)
    directory.write_provenance({"threads": 2, "packages": {"torch": "2.15"}, "host": "box", **provenance})
    directory.rewrite_epochs(epochs)
    return directory


def finish(path: Path, top: float = 90.0, **provenance: object) -> None:
    """Trains the run in no time to about `top` percent."""
    planned = read_profile(path).epochs(read_state(path).stage)
    epochs = curve(planned, top)
    directory = begin(path, epochs, **provenance)
    (path / "model.safetensors").write_bytes(b"weights")
    directory.finish(RunResult.of(epochs, CLASSES), "")


def curve(count: int, top: float = 90.0) -> tuple[EpochRecord, ...]:
    """Epochs that rise towards `top` percent."""

    def at(number: int) -> EpochRecord:
        share = 1 - math.exp(-4 * number / max(count, 10))
        wobble = math.sin(number * 2.1 + top) * 0.8
        return EpochRecord(
            epoch=number,
            train_loss=2.3 - 2 * share,
            train_accuracy=min(99.9, 10 + top * share),
            validation_loss=2.3 - 1.8 * share + wobble / 20,
            validation_accuracy=10 + (top - 10) * share + wobble,
            holdout_loss=None,
            holdout_accuracy=None,
            learning_rate=0.001,
            seconds=61.5,
            images_per_second=1234.5,
        )

    return tuple(at(number) for number in range(1, count + 1))


def refresh(runs_dir: Path) -> None:
    """Brings the index up to date with the directories."""
    Queue(runs_dir, print).resume()


class RunsFirst(RotuiApp):
    """The console as it is when one goes to the place of runs at once."""

    DEFAULT_MODE = "runs"
    CSS_PATH = Path(rotui.tui.app.__file__).with_name("rotui.tcss")


class StillMachine:
    """A probe that tells nothing."""

    def read(self) -> tuple[MachineReading, ...]:
        return ()


class Console:
    """The console in a test: keys go in, what the places show comes out."""

    def __init__(self, pilot: "Pilot[int | None]", app: RotuiApp) -> None:
        self.pilot = pilot
        self.app = app

    async def press(self, *keys: str) -> None:
        """Presses the keys and lets the console come to rest."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Types the text into what has the focus."""
        await self.press(*("space" if character == " " else character for character in text))

    async def paste(self, text: str) -> None:
        """Pastes the text into what has the focus, as a terminal does."""
        self.app.screen.focused.post_message(Paste(text))
        await self.pilot.pause()

    async def until(self, holds: Callable[[], object]) -> None:
        """Waits until something is so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if holds():
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"never came about; told: {self.told}")

    async def until_told(self, text: str) -> None:
        """Waits for a notification with this text in it."""
        await self.until(lambda: any(text in told for told in self.told))

    @property
    def told(self) -> list[str]:
        """The notifications that are still there."""
        return [notification.message for notification in self.app._notifications]

    @property
    def table(self) -> "VirtualTable[ListedRun]":
        """The table of runs."""
        return self.app.screen.query_one("#runs", VirtualTable)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the rows, from above."""
        return [run.number for run in self.table.rows]

    def text(self, selector: str) -> str:
        """What a widget of the screen in view shows."""
        widget = self.app.screen.query_one(selector)
        if isinstance(widget, Static):
            return str(widget.visual)
        return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


@asynccontextmanager
async def runs_place(
    runs_dir: Path, size: tuple[int, int], state: ViewState | None = None
) -> AsyncIterator[Console]:
    """The console with its place of runs in view, after its first look at the directory."""
    workplace = Workplace(runs_dir, runs_dir.parent / "data", trains=False)
    app = RunsFirst(workplace, probe=StillMachine(), state=state or ViewState())
    async with app.run_test(size=size) as pilot:
        console = Console(pilot, app)
        await console.until(lambda: app.snapshot.version > 0)
        await pilot.pause()
        yield console


@asynccontextmanager
async def opened(
    workplace: Workplace, size: tuple[int, int], state: ViewState | None = None
) -> AsyncIterator[Console]:
    """The console as it opens, once it shows the runs and the profiles that there are."""
    app = RotuiApp(workplace, probe=StillMachine(), state=state or ViewState())
    async with app.run_test(size=size) as pilot:
        console = Console(pilot, app)
        await console.until(lambda: app.snapshot.version and app.screen.query_one(ProfileList).option_count)
        await pilot.pause()
        yield console


def in_console(
    runs_dir: Path,
    check: Callable[[Console], Awaitable[None]],
    size: tuple[int, int] = (120, 40),
    state: ViewState | None = None,
) -> None:
    """Runs `check` with the console opened on the directory, training nothing."""

    async def run() -> None:
        async with opened(
            Workplace(runs_dir, runs_dir.parent / "data", trains=False), size, state
        ) as console:
            await check(console)

    asyncio.run(run())


def on_screen(console: Console) -> list[str]:
    """The lines of the whole screen in view."""
    return [strip.text for strip in console.app.screen._compositor.render_strips()]
