"""Text from outside that would command a terminal or break a layout: it is shown, and it does nothing."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from open_console import OpenConsole
from rich.cells import cell_len
from sample_runs import Console, StillMachine, begin, curve, finish, queue_profiles, small

from rotui.store.queue import Queue
from rotui.tui.app import PLACES, RotuiApp
from rotui.tui.view_state import ViewState
from rotui.tui.widgets.profile_list import ProfileList
from rotui.tui.workplace import Workplace

CLIPBOARD = "\x1b]52;c;c3RvbGVu\x07"
COLOUR = "\x1b[5;33m"
C1 = "\x9b5;33m"
HOSTILE = {
    "markup": "[red]x[/] [@click=app.exit]y[/] [bold",
    "clipboard": f"a{CLIPBOARD}b",
    "colour": f"a{COLOUR}b{C1}c",
    "lines": "first\nsecond\tthird\rfourth\x0b\x0c\x08\x00fifth",
    "unseen": "a\u200b\u200d\u2060\ufeffb\u202ec\u2066d",
    "wide": "漢字の学習率と実験" * 8 + "👩\u200d👩\u200d👧 e\u0301",
    "right to left": "שלום עולם مرحبا بالعالم " * 5,
    "long": "y" * 10_000,
}
EVERYTHING = "".join(HOSTILE[name] for name in HOSTILE if name != "long")
RAW = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u202e\u2060\u2066\ufeff]")
"""What no cell of the screen may hold."""
INJECTED = [part.encode() for part in (CLIPBOARD, "\x1b]52", COLOUR, C1, "\u202e", "\u2066")]


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles, what is remembered and what is exported stay in the test."""
    for name in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)


def profiles(folder: Path, text: str) -> None:
    """A profile with the text wherever a profile has text, and one whose faults quote it."""
    quoted = json.dumps(text, ensure_ascii=False)
    (folder / "profiles").mkdir(exist_ok=True)
    title, about = (json.dumps(text[:most], ensure_ascii=False) for most in (200, 4000))
    told = f"title = {title}\ndescription = {about}\n"
    (folder / "profiles" / "!hostile.toml").write_text(f'{told}extends = "quick"\n', encoding="utf-8")
    broken = f"title = 3\n{quoted} = 1\n[data]\nname = {quoted}\n[network]\nstem = {quoted}\n"
    (folder / "profiles" / "!broken.toml").write_text(broken, encoding="utf-8")
    file = re.sub("[/\x00]", "", text)[:40] or "x"
    (folder / "profiles" / f"{file}.toml").write_text('extends = "quick"\n', encoding="utf-8")


@pytest.fixture
def hostile_runs(tmp_path: Path) -> Path:
    """Runs whose notes, tags, reasons, names and classes are hostile: finished, failed, waiting."""
    runs_dir = tmp_path / "runs"
    names = queue_profiles(runs_dir, *(small(seed) for seed in range(1, len(HOSTILE) + 3)))
    for name, (kind, text) in zip(names, HOSTILE.items(), strict=False):
        queue = Queue(runs_dir, print)
        queue.note([name], text[:1000])
        queue.tag([name], [text[:40].strip()], [])
        if kind in ("clipboard", "colour", "long"):
            begin(runs_dir / name, curve(3), host=text[:300]).fail(text)
        else:
            finish(runs_dir / name, 90.0, host=text[:300])
            result = json.loads((runs_dir / name / "result.json").read_text())
            result["classification"]["classes"] = [text, f"b{text}"]
            (runs_dir / name / "result.json").write_text(json.dumps(result))
        with (runs_dir / name / "run.log").open("a") as log:
            log.write(f"2026-01-01T00:00:00.000Z {text}\n")
    return runs_dir


def check_screen(console: Console) -> None:
    """Every line is as wide as the screen and nothing on it is obeyed."""
    size = console.app.size
    for y, strip in enumerate(console.app.screen._compositor.render_strips()):
        text = strip.text
        assert not RAW.search(text), (console.app.current_mode, y, text)
        assert cell_len(text) == size.width, (console.app.current_mode, y, text)


async def walk(console: Console) -> None:
    """Every place, dialog, tab, the palette and the export, with a look at the screen after each."""

    async def look(*keys: str) -> None:
        await console.press(*keys)
        check_screen(console)

    await console.until(lambda: console.app.snapshot.version > 0)
    await console.until(lambda: console.app.screen.query_one(ProfileList).profile)
    for _ in range(4):
        await look()
        await look("down")
    await look("enter")
    await look("escape")
    await look("2")
    await look("v")
    await look("3")
    for _ in range(len(HOSTILE)):
        await look("down")
        await look("n")
        await look("escape")
        await look("t")
        await look("escape")
    await look("home", "space", "space", "space", "c")
    await look("escape")
    await look("x")
    await look("c")
    await look("4")
    for _ in range(len(HOSTILE)):
        await look("tab", "tab", "tab")
        await look("right_square_bracket")
    for _ in range(6):
        await look("tab")
    await look("question_mark")
    await look("escape")
    await look("ctrl+p")
    await look("escape")
    await look("5")


@pytest.mark.parametrize(("size", "kind"), [((80, 24), "everything"), ((120, 40), "long")], ids=str)
def test_nothing_from_outside_breaks_a_line_or_stands_on_the_screen_as_it_came(
    hostile_runs: Path, tmp_path: Path, size: tuple[int, int], kind: str
) -> None:
    profiles(tmp_path, EVERYTHING if kind == "everything" else HOSTILE["long"])

    async def run() -> None:
        place = Workplace(hostile_runs, tmp_path / "data", trains=False)
        app = RotuiApp(place, probe=StillMachine(), state=ViewState())
        async with app.run_test(size=size) as pilot:
            await walk(Console(pilot, app))
            app.notice_from_thread(EVERYTHING)
            await pilot.pause()
            check_screen(Console(pilot, app))

    asyncio.run(run())
    for exported in tmp_path.glob("rotui-*.csv"):
        assert not RAW.search(exported.read_text().replace("\n", "").replace("\t", ""))


def test_nothing_from_outside_reaches_the_terminal_raw(hostile_runs: Path, tmp_path: Path) -> None:
    profiles(tmp_path, EVERYTHING)
    console = OpenConsole(tmp_path, "--watch-only", XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert console.runs == hostile_runs
    try:
        console.wait_for("hostile")
        for keys, shown in (
            ("\x1b[B\x1b[B2", "published"),
            ("3", "words, or stage="),
            ("\x1b[B\x1b[Bn", "enter writes it"),
            ("\r", "Compare"),
            ("4", "Overview"),
            ("1", "CPU"),
        ):
            before = len(console.text)
            console.press(keys)
            console.wait_for(shown, after=before)
        console.press("q")
        assert console.wait() == 0
    finally:
        console.end()
    found = {
        raw: console.drawn[max(console.drawn.find(raw) - 40, 0) :][:80]
        for raw in INJECTED
        if raw in console.drawn
    }
    assert found == {}
    assert len(PLACES) == 5
