"""The place Preview, with real pictures of real data and runs that were really trained."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_runs import StillMachine
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher, OptionList, Static
from trained_runs import silent, train_runs

import rotui.data.digits
import rotui.previewing
import rotui.tui.app
from rotui.data.loading import Datasets
from rotui.engine.preview import PreviewBatch
from rotui.previewing import Task, batch, previewed_runs
from rotui.profile.loading import load_experiment
from rotui.tui.app import RotuiApp
from rotui.tui.screens.preview import CHOOSER, PICTURES, SAID, PreviewScreen
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.picture_grid import PictureGrid
from rotui.tui.widgets.profile_list import ProfileList
from rotui.tui.workplace import Workplace

SIZES = [(50, 24), (80, 24), (120, 40), (200, 50)]
PATIENCE = 60
STRANGE = ("[red]cat", "\x1b[31mdog", "漢字" * 30)


read_digits = cache(rotui.data.digits.load_digits)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of all colours, homes of its own, and digits that are read once for all tests."""
    monkeypatch.setattr(rotui.data.digits, "load_digits", read_digits)
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A runs directory with a pre-training and a classifier, and their names."""
    runs_dir = tmp_path_factory.mktemp("trained") / "runs"
    return runs_dir, train_runs(runs_dir, "pretrain", "supervised-random")


@pytest.fixture
def runs(trained: tuple[Path, dict[str, str]], tmp_path: Path) -> tuple[Path, dict[str, str]]:
    return Path(shutil.copytree(trained[0], tmp_path / "runs")), trained[1]


@dataclass(frozen=True)
class Place:
    """The console with the place Preview in view, and what stands there."""

    app: RotuiApp
    pilot: Pilot[int]

    @property
    def screen(self) -> PreviewScreen:
        assert isinstance(self.app.screen, PreviewScreen)
        return self.app.screen

    @property
    def part(self) -> str | None:
        return self.screen.query_one(ContentSwitcher).current

    @property
    def grid(self) -> PictureGrid:
        return self.screen.query_one(PictureGrid)

    def text(self, name: str) -> str:
        return str(self.screen.query_one(f"#preview-{name}", Static).content)

    def painted(self) -> str:
        return "\n".join(self.grid.render_line(y).text for y in range(self.grid.size.height))

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Waits for it."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not condition():
            assert loop.time() < end, what or self.text("text")
            await self.pilot.pause(0.01)

    async def press(self, *keys: str) -> None:
        """Presses keys and waits for what they asked for."""
        await self.pilot.press(*keys)
        await self.settled()

    async def settled(self) -> None:
        await self.pilot.pause()
        await self.until(lambda: not self.screen._latest.is_busy and not self.screen._listing.is_busy)
        await self.pilot.pause()


class PreviewFirst(RotuiApp):
    """The console as it is when one goes to the place Preview at once."""

    DEFAULT_MODE = "preview"
    CSS_PATH = Path(rotui.tui.app.__file__).with_name("rotui.tcss")


@asynccontextmanager
async def opened(
    size: tuple[int, int] = (80, 24), runs_dir: Path | None = None, profile: str = "", run: str = ""
) -> AsyncIterator[Place]:
    """The console that only watches, gone to the pictures of what was chosen."""
    where = Workplace(runs_dir or Path("runs"), Path("data"), "cpu", trains=False)
    app = PreviewFirst(where, probe=StillMachine(), state=ViewState())
    app.chosen_profile, app.chosen_run = profile, run
    async with app.run_test(size=size) as pilot:
        place = Place(app, pilot)
        if runs_dir is not None:
            await place.until(lambda: len(app.snapshot.runs) > 0, "no runs were found")
        await place.settled()
        yield place


def look(
    check: Callable[[Place], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    runs_dir: Path | None = None,
    **chosen: str,
) -> None:
    async def run() -> None:
        async with opened(size, runs_dir, **chosen) as place:
            await check(place)

    asyncio.run(run())


def expected(profile: str, task: Task, point: int = 0, **where: object) -> PreviewBatch:
    """The batch that the core gives."""
    run = previewed_runs(load_experiment(profile).points[point])[task]
    splits = Datasets(Path("data"), progress=silent, stop=lambda: False).splits(run)
    values = {"epoch": 1, "step": 1, "validation": False, **where}
    return batch(run, splits, **values)  # type: ignore[arg-type]


def assert_shows(place: Place, seen: PreviewBatch) -> None:
    """The pictures in view are those of the batch, with its captions."""
    assert place.part == PICTURES
    assert place.grid._pictures is not None
    assert np.array_equal(place.grid._pictures, seen.images)
    assert [str(caption) for (caption,) in place.grid._captions] == list(seen.captions)


@pytest.mark.parametrize("size", SIZES)
def test_a_profiles_first_batch_is_shown_at_every_size(size: tuple[int, int]) -> None:
    async def check(place: Place) -> None:
        seen = expected("quick", "pretrain")
        assert_shows(place, seen)
        assert place.text("title").startswith("quick · pre-training · crop ±4 px, 1 of 4 rotations")
        assert place.text("facts").startswith("training · step 1/12 · epoch 1/")
        in_view = int(place.grid.facts[0].split()[0].split("–")[1])
        assert in_view >= (4 if size[0] == 50 else 8)
        rows = [place.grid.render_line(y) for y in range(place.grid.size.height)]
        assert all(row.cell_length == place.grid.size.width for row in rows)
        captions = [row.text.split() for row in rows if row.text.split() and "▀" not in row.text]
        assert [each for line in captions for each in line][:in_view] == list(seen.captions[:in_view])
        assert place.grid.has_focus

    look(check, size, profile="quick")


def test_keys_go_through_steps_epochs_stages_and_splits() -> None:
    async def check(place: Place) -> None:
        await place.press("n")
        assert_shows(place, expected("quick", "pretrain", step=2))
        await place.press("e")
        assert_shows(place, expected("quick", "pretrain", step=2, epoch=2))
        await place.press("s")
        assert_shows(place, expected("quick", "classifier", step=2, epoch=2))
        assert "classifier" in place.text("title")
        await place.press("v")
        assert_shows(place, expected("quick", "classifier", epoch=2, validation=True))
        assert place.text("facts").startswith("validation · step 1/3 · epoch 2/")
        await place.press("E", "v", "s", "p")
        assert_shows(place, expected("quick", "pretrain"))

    look(check, profile="quick")


def test_steps_end_where_the_epoch_does() -> None:
    async def check(place: Place) -> None:
        await place.press("v", "p")
        assert "step 1/3" in place.text("facts")
        await place.press(*"nnnnnn")
        assert_shows(place, expected("quick", "pretrain", step=3, validation=True))
        await place.press("v")
        assert "step 1/12" in place.text("facts")

    look(check, profile="quick")


def test_keys_that_are_pressed_faster_than_pictures_load_all_count() -> None:
    async def check(place: Place) -> None:
        await place.press(*"nnnnn", "s", "n")
        assert_shows(place, expected("quick", "classifier", step=7))

    look(check, profile="quick")


class Gate:
    """Lets batches through one by one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Semaphore(0)
        monkeypatch.setattr(rotui.previewing, "batch", self._batch)

    def _batch(self, *arguments: object, **options: object) -> PreviewBatch:
        assert self.opened.acquire(timeout=PATIENCE)
        return batch(*arguments, **options)  # type: ignore[arg-type]


def test_a_key_goes_on_from_what_was_asked_for_and_not_from_what_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(place: Place) -> None:
        gate = Gate(monkeypatch)
        await place.pilot.press("n", "n", "n")
        gate.opened.release()
        await place.until(lambda: "step 2/" in place.text("facts"))
        await place.pilot.press("n")
        gate.opened.release(9)
        await place.settled()
        assert_shows(place, expected("quick", "pretrain", step=5))

    look(check, profile="quick")


def test_pictures_that_nobody_waits_for_any_more_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    other = write_profile("other", 'extends = "quick"\nseed = 7\n')
    shown: list[np.ndarray] = []
    show = PictureGrid.show

    def watched(grid: PictureGrid, pictures: np.ndarray, captions: object) -> None:
        shown.append(pictures)
        show(grid, pictures, captions)  # type: ignore[arg-type]

    async def check(place: Place) -> None:
        gate = Gate(monkeypatch)
        monkeypatch.setattr(PictureGrid, "show", watched)
        await place.pilot.press("n")
        place.app.chosen_profile = other
        place.screen.on_screen_resume()
        gate.opened.release(9)
        await place.settled()
        assert len(shown) == 1
        assert_shows(place, expected(other, "pretrain"))

    look(check, profile="quick")


def write_profile(name: str, text: str) -> str:
    Path("profiles").mkdir(exist_ok=True)
    path = Path("profiles") / f"{name}.toml"
    path.write_text(text)
    return str(path)


def test_brackets_go_through_the_points_of_a_sweep_round_and_round() -> None:
    profile = write_profile("turns", 'extends = "quick"\n[sweep]\n"rotation.count" = [4, 6, 8]\n')

    async def check(place: Place) -> None:
        assert place.text("title").startswith("turns 1/3 count=4 ·")
        await place.press("right_square_bracket")
        assert_shows(place, expected(profile, "pretrain", 1))
        assert place.text("title").startswith("turns 2/3 count=6 ·")
        await place.press("left_square_bracket", "left_square_bracket")
        assert_shows(place, expected(profile, "pretrain", 2))
        assert place.text("title").startswith("turns 3/3 count=8 ·")

    look(check, profile=profile)


def offered(place: Place) -> set[str]:
    return {
        active.binding.id.removeprefix("preview.")
        for active in place.screen.active_bindings.values()
        if active.enabled and active.binding.id and active.binding.id.startswith("preview.")
    }


def test_keys_that_would_change_nothing_are_not_offered() -> None:
    profile = write_profile("one", 'extends = "quick"\nstages = ["supervised-random"]\n')

    async def check(place: Place) -> None:
        assert "classifier" in place.text("title")
        assert offered(place) >= {"next", "previous", "split", "mistakes", "choose", "reload"}
        assert not offered(place) & {"stage", "point", "point-back"}
        await place.press("c")
        assert not offered(place) & {"next", "previous", "split", "stage"}

    look(check, profile=profile)


def test_where_nothing_was_chosen_the_profiles_are_offered() -> None:
    async def check(place: Place) -> None:
        assert place.part == CHOOSER
        profiles = place.screen.query_one(ProfileList)
        await place.until(lambda: profiles.option_count > 5)
        assert profiles.has_focus
        assert "no run is finished yet" in str(
            place.screen.query_one("#preview-runs", OptionList).get_option_at_index(0).prompt
        )
        names = [str(option.prompt).split()[0] for option in profiles.options]
        profiles.highlighted = names.index("quick")
        await place.press("enter")
        assert_shows(place, expected("quick", "pretrain"))
        assert place.app.chosen_profile
        await place.press("n", "c")
        assert (place.part, place.text("title")) == (CHOOSER, "")
        await place.press("escape")
        assert_shows(place, expected("quick", "pretrain", step=2))

    look(check)


def test_missing_data_is_told_in_place_with_how_to_get_it() -> None:
    async def check(place: Place) -> None:
        assert place.part == SAID
        said = place.text("text")
        assert "CIFAR-10 was not found" in said
        assert "rotui data fetch cifar10" in said
        assert "r looks again · c chooses something else" in said
        assert place.screen.query_one("#preview-text").has_class("bad")
        await place.press("n", "s", "v", "p")
        assert place.part == SAID

    look(check, profile="pretraining")


def make_pictures(root: Path, classes: tuple[str, ...]) -> None:
    draw = np.random.default_rng(0)
    for split in ("train", "val"):
        for name in classes:
            (root / split / name).mkdir(parents=True)
            for number in range(3):
                pixels = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")


FOLDER = """stages = ["supervised-random"]
[data]
name = "folder"
path = "pictures"
image_size = 16
"""


def test_data_that_came_since_is_found_when_one_looks_again() -> None:
    profile = write_profile("own", FOLDER)

    async def check(place: Place) -> None:
        assert "there is no folder" in place.text("text")
        make_pictures(Path("pictures"), ("cat", "dog"))
        await place.press("r")
        assert_shows(place, expected(profile, "classifier"))
        shutil.rmtree("pictures")
        make_pictures(Path("pictures"), ("cow", "dog", "emu"))
        await place.press("r")
        assert_shows(place, expected(profile, "classifier"))

    look(check, profile=profile)


def test_class_names_from_outside_are_text_and_nothing_else() -> None:
    profile = write_profile("own", FOLDER)
    make_pictures(Path("pictures"), STRANGE)

    async def check(place: Place) -> None:
        await place.press("v", "minus")
        told = {str(caption) for (caption,) in place.grid._captions}
        assert {"[red]cat", r"\x1b[31mdog"} < told
        painted = place.painted()
        assert "\x1b" not in painted
        assert r"\x1b[31mdo" in painted
        rows = [place.grid.render_line(y) for y in range(place.grid.size.height)]
        assert all(row.cell_length == place.grid.size.width for row in rows)

    look(check, profile=profile)


def test_a_bad_profile_is_told_with_its_faults() -> None:
    profile = write_profile("bad", 'extends = "quick"\n[rotation]\ncount = 1\nspeed = 3\n')

    async def check(place: Place) -> None:
        assert "rotation.count" in place.text("text")
        assert "rotation.speed" in place.text("text")
        write_profile("bad", 'extends = "quick"\n')
        await place.press("r")
        assert_shows(place, expected("quick", "pretrain"))

    look(check, profile=profile)


def test_an_edited_profile_is_seen_when_one_comes_back() -> None:
    profile = write_profile("own", 'extends = "quick"\n')

    async def check(place: Place) -> None:
        await place.press("n")
        await place.pilot.press("1")
        write_profile("own", 'extends = "quick"\nseed = 7\n')
        await place.press("5")
        assert_shows(place, expected(profile, "pretrain", step=2))
        assert not np.array_equal(expected(profile, "pretrain").images, expected("quick", "pretrain").images)

    look(check, profile=profile)


def test_a_profile_that_was_chosen_elsewhere_is_shown_from_its_first_batch() -> None:
    profile = write_profile("other", 'extends = "quick"\nseed = 7\n')

    async def check(place: Place) -> None:
        await place.press("n", "s")
        await place.pilot.press("1")
        place.app.open_preview(profile=profile)
        await place.settled()
        assert_shows(place, expected(profile, "pretrain"))

    look(check, profile="quick")


def test_pictures_are_loaded_in_a_thread_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[threading.Thread] = []

    def watched(*arguments: object, **options: object) -> object:
        seen.append(threading.current_thread())
        return batch(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(rotui.previewing, "batch", watched)

    async def check(place: Place) -> None:
        await place.press("n")
        assert len(seen) == 2
        assert threading.main_thread() not in seen

    look(check, profile="quick")


def test_what_takes_long_is_told_and_what_was_there_before_stays_until_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    going = threading.Event()

    def slow(*arguments: object, **options: object) -> object:
        assert going.wait(PATIENCE)
        return batch(*arguments, **options)  # type: ignore[arg-type]

    async def check(place: Place) -> None:
        monkeypatch.setattr(rotui.previewing, "batch", slow)
        await place.pilot.press("n")
        assert place.part == PICTURES
        await place.until(lambda: place.part == SAID)
        assert place.text("text") == "loading …"
        assert not place.screen.query_one("#preview-text").has_class("bad")
        going.set()
        await place.settled()
        assert_shows(place, expected("quick", "pretrain", step=2))

    look(check, profile="quick")


def test_whatever_goes_wrong_is_told_and_the_console_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise KeyError("[red]\x1b[31mno")

    async def check(place: Place) -> None:
        monkeypatch.setattr(rotui.previewing, "batch", broken)
        await place.press("n")
        assert r"KeyError: '[red]\x1b[31mno'" in place.text("text")
        monkeypatch.setattr(rotui.previewing, "batch", batch)
        await place.press("r")
        assert place.part == PICTURES

    look(check, profile="quick")


@pytest.mark.parametrize(
    ("size", "stage"),
    [((50, 24), "supervised-random"), ((200, 50), "supervised-random"), ((80, 24), "pretrain")],
)
def test_a_finished_runs_surest_mistakes_are_shown(
    size: tuple[int, int], stage: str, runs: tuple[Path, dict[str, str]]
) -> None:
    async def check(place: Place) -> None:
        assert place.text("title").startswith(f"run {number} · ")
        await place.press("m")
        assert place.part == PICTURES
        assert place.text("title").startswith(f"mistakes of run {number} · ")
        wrong = int(place.text("facts").split()[0])
        assert place.text("facts").startswith(f"{wrong} of 60 wrong · is / taken for, surest first · 1–")
        told = [tuple(map(str, lines)) for lines in place.grid._captions]
        assert len(told) == wrong > 0
        sure = [int(said.split(" %")[0]) for _, said in told]
        assert sure == sorted(sure, reverse=True)
        for is_line, said_line in told:
            assert is_line.removeprefix("is ") != said_line.split(" % ")[1]
        assert told[0][0] in place.painted()
        assert told[0][1] in place.painted()
        assert not offered(place) & {"next", "split", "stage"}
        await place.press("m")
        assert place.text("title").startswith(f"run {number} · ")

    number = int(runs[1][stage][:4])
    look(check, size, runs[0], run=runs[1][stage])


def test_mistakes_of_a_run_are_chosen_from_those_that_are_finished(
    runs: tuple[Path, dict[str, str]],
) -> None:
    async def check(place: Place) -> None:
        await place.press("n", "m")
        choice = place.screen.query_one("#preview-runs", OptionList)
        assert place.part == CHOOSER
        assert choice.has_focus
        assert [str(option.prompt).split()[1] for option in choice.options] == [
            "supervised-random",
            "pretrain",
        ]
        await place.press("enter")
        assert place.text("title").startswith("mistakes of run 2 · ")
        assert place.app.chosen_run == runs[1]["supervised-random"]
        await place.press("m")
        assert_shows(place, expected("quick", "pretrain", step=2))
        await place.press("m")
        assert place.text("title").startswith("mistakes of run 2 · ")

    look(check, runs_dir=runs[0], profile="quick")


def test_a_run_that_is_not_finished_shows_its_batches_and_says_so_of_its_mistakes(
    runs: tuple[Path, dict[str, str]],
) -> None:
    state = runs[0] / runs[1]["supervised-random"] / "state.json"
    state.write_text(state.read_text().replace('"finished"', '"failed"'))
    (runs[0] / "queue.sqlite3").unlink()

    async def check(place: Place) -> None:
        assert place.part == PICTURES
        await place.press("m")
        assert "run 2 is failed" in place.text("text")
        await place.press("m")
        assert place.part == PICTURES

    look(check, runs_dir=runs[0], run=runs[1]["supervised-random"])


def test_a_run_that_is_gone_is_told(runs: tuple[Path, dict[str, str]]) -> None:
    async def check(place: Place) -> None:
        assert place.part == SAID
        assert "0099-gone" in place.text("text")

    look(check, runs_dir=runs[0], run="0099-gone")


def test_leaving_does_not_wait_for_pictures_to_be_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    ended: list[bool] = []

    def decoding(datasets: Datasets, run: object) -> object:
        del run
        begun.set()
        while True:
            datasets._decoding(1, 2)
            ended.append(datasets._stop())

    monkeypatch.setattr(Datasets, "splits", decoding)

    async def run() -> None:
        where = Workplace(Path("runs"), Path("data"), "cpu", trains=False)
        app = PreviewFirst(where, probe=StillMachine(), state=ViewState())
        app.chosen_profile = "quick"
        async with app.run_test() as pilot:
            place = Place(app, pilot)
            await place.until(begun.is_set)
            await place.until(lambda: "decoding the pictures, once: 1 of 2 …" in place.text("text"))

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_every_key_of_the_place_has_a_name_to_rebind_it_by_and_a_tooltip() -> None:
    bindings = [binding for binding in PreviewScreen.BINDINGS if not isinstance(binding, tuple)]
    assert len(bindings) == len({binding.id for binding in bindings}) > 8
    assert all(binding.id and binding.tooltip and binding.description for binding in bindings)
