"""The first place: profiles by where they come from, watched as files; the charts of the run in view."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_runs import (
    CLASSES,
    Console,
    begin,
    curve,
    finish,
    in_console,
    on_screen,
    queue_profiles,
    refresh,
    small,
)

from rotui.profile.loading import load_experiment
from rotui.store.layout import PROGRESS
from rotui.study.records import RunResult
from rotui.tui.widgets.chart import Chart
from rotui.tui.widgets.profile_list import ProfileList

TINY = 'title = "[red]Tiny[/red] \\u001b[31mone"\ndescription = "Is it small?"\n[data]\nname = "digits"\n'
BROKEN = "seed = -1\n[loss]\nlabel_smoothing = 2.0\n"


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered, and the profiles that are looked for, stay in the test; files are watched fast."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("rotui.tui.screens.console.PROFILE_SECONDS", 0.1)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def profile(folder: Path, name: str, text: str = TINY) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def listed(console: Console) -> list[str]:
    """The lines of the list of profiles, the headings of origins in brackets."""
    options = console.app.screen.query_one(ProfileList)._options
    return [f"[{option.prompt}]" if option.disabled else str(option.prompt) for option in options]


def about(console: Console) -> str:
    """What is told of the profile under the cursor, in one line."""
    return " ".join(console.text("#profile-about").split())


def has(console: Console, line: str) -> Callable[[], bool]:
    return lambda: any(line in each for each in listed(console))


def test_profiles_are_listed_by_where_they_come_from_and_a_name_counts_once(
    runs_dir: Path, tmp_path: Path
) -> None:
    profile(tmp_path / "profiles", "mine", TINY + "[sweep]\nseed = [1, 2, 3]\n")
    profile(tmp_path / "config" / "rotui" / "profiles", "quick")

    async def check(console: Console) -> None:
        lines = listed(console)
        headings = [line for line in lines if line.startswith("[")]
        assert headings == ["[project]", "[user]", "[built in]"]
        assert lines[1] == "  mine  ×3"
        assert lines[3] == "  quick"
        assert not any("quick" in line for line in lines[4:])
        assert "  pretraining" in lines[4:]

    in_console(runs_dir, check)


def test_what_a_profile_asks_is_told_and_its_text_is_data(runs_dir: Path, tmp_path: Path) -> None:
    profile(tmp_path / "profiles", "tiny")

    async def check(console: Console) -> None:
        await console.until(lambda: "Is it small?" in about(console))
        assert about(console).startswith("[red]Tiny[/red]")
        assert not any("\x1b" in line for line in on_screen(console))
        await console.press("down")
        assert "ResNet18, ResNet34" in about(console)

    in_console(runs_dir, check)


def test_a_bad_profile_is_there_with_its_faults(runs_dir: Path, tmp_path: Path) -> None:
    profile(tmp_path / "profiles", "bad", BROKEN)
    profile(tmp_path / "profiles", "good")

    async def check(console: Console) -> None:
        assert listed(console)[1:3] == ["✗ bad 2 faults", "  good"]
        told = about(console).replace(" ", "")
        assert "profiles/bad.toml:1:seed:" in told
        assert "profiles/bad.toml:3:loss.label_smoothing:" in told
        assert console.app.screen.query_one("#profile-about").has_class("bad")
        await console.press("down")
        assert not console.app.screen.query_one("#profile-about").has_class("bad")

    in_console(runs_dir, check, (200, 50))


def test_profiles_are_watched_while_the_console_is_open(runs_dir: Path, tmp_path: Path) -> None:
    path = profile(tmp_path / "profiles", "watched")

    async def check(console: Console) -> None:
        chosen = console.app.screen.query_one(ProfileList)
        profile(tmp_path / "profiles", "another")
        await console.until(has(console, "  another"))
        assert chosen.profile.found.name == "watched"
        path.write_text(BROKEN)
        await console.until(has(console, "✗ watched 2 faults"))
        await console.until(lambda: "label_smoothing" in about(console))
        path.write_text(TINY.replace("Is it small?", "Is it mended?"))
        await console.until(lambda: "Is it mended?" in about(console))
        path.unlink()
        await console.until(lambda: not has(console, "watched")())
        assert chosen.profile.found.name == "another"

    in_console(runs_dir, check)


def test_of_a_built_in_profile_a_copy_that_extends_it_is_edited(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")

    async def check(console: Console) -> None:
        name = console.app.screen.query_one(ProfileList).profile.found.name
        await console.press("e")
        await console.until_told("cannot be opened on this terminal")
        assert f'extends = "{name}"' in (tmp_path / "profiles" / f"{name}.toml").read_text()
        await console.until(has(console, "[project]"))
        assert listed(console)[1] == f"  {name}  ×3"

    in_console(runs_dir, check)


def test_the_pictures_of_the_profile_under_the_cursor_are_a_key_away(runs_dir: Path, tmp_path: Path) -> None:
    path = profile(tmp_path / "profiles", "tiny", '[data]\nname = "folder"\npath = "nowhere"\n')

    async def check(console: Console) -> None:
        await console.press("o")
        assert console.app.current_mode == "preview"
        assert Path(console.app.chosen_profile).samefile(path)

    in_console(runs_dir, check)


def published_runs(runs_dir: Path) -> list[str]:
    """The runs of the published study: the first finished, the second going on, the others queued."""
    names = queue_profiles(runs_dir, load_experiment("pretraining").profile)
    finish(runs_dir / names[0], 80.0)
    return names


def test_the_charts_show_what_is_trained_and_then_what_the_cursor_is_on(runs_dir: Path) -> None:
    names = published_runs(runs_dir)
    going_on = begin(runs_dir / names[1], curve(4, 55.0))

    async def check(console: Console) -> None:
        await console.until(lambda: "training" in console.text("#accuracy"))
        assert console.text("#view-title").startswith("2 finetune-pretrained  ▶ running  cifar10")
        assert "published 60" in console.text("#accuracy")
        assert "published" not in console.text("#loss")
        assert points(console) == [1, 2, 3, 4]
        going_on.rewrite_epochs(curve(5, 55.0))
        await console.until(lambda: points(console) == [1, 2, 3, 4, 5])
        await console.press("tab", "down")
        assert console.text("#view-title").startswith("3 finetune-random  · queued")
        await console.until(lambda: points(console) == [])
        await console.until(lambda: "nothing to show yet" in console.text("#accuracy"))
        begin(runs_dir / names[2], curve(2)).stop("asked")
        await console.until(lambda: points(console) == [1, 2])

    in_console(runs_dir, check)
    going_on.close()


def points(console: Console) -> list[float]:
    """The epochs of which the chart of accuracies has a point."""
    series = console.app.screen.query_one("#accuracy", Chart)._series
    return list(series[0].xs) if series else []


def test_the_cursor_that_only_follows_the_rows_does_not_take_the_charts(runs_dir: Path) -> None:
    names = queue_profiles(runs_dir, *(small(seed) for seed in range(1, 4)))

    async def check(console: Console) -> None:
        await console.until(lambda: console.text("#view-title").startswith("1 "))
        going_on = begin(runs_dir / names[1], curve(3))
        refresh(runs_dir)
        await console.until(lambda: console.text("#view-title").startswith("2 "))
        going_on.close()

    in_console(runs_dir, check)


def test_the_charts_go_on_to_what_is_trained_when_the_run_that_was_chosen_has_ended(runs_dir: Path) -> None:
    names = queue_profiles(runs_dir, *(small(seed) for seed in range(1, 4)))
    first = begin(runs_dir / names[0], curve(3))

    async def check(console: Console) -> None:
        await console.until(lambda: console.text("#view-title").startswith("1 "))
        await console.press("tab", "down", "up", "tab")
        assert isinstance(console.app.screen.focused, Chart)
        first.finish(RunResult.of(curve(3), CLASSES), "")
        second = begin(runs_dir / names[1], curve(2))
        refresh(runs_dir)
        await console.until(lambda: console.text("#view-title").startswith("2 "))
        second.close()

    in_console(runs_dir, check)


def test_the_queue_tells_in_what_its_runs_differ_and_seeds_first_where_they_do(runs_dir: Path) -> None:
    profiles = [small(1), small(2), small(2, loss={"label_smoothing": 0.3})]
    queue_profiles(runs_dir, *profiles)

    async def check(console: Console) -> None:
        await console.until(lambda: "3 waiting" in console.text("#place-line"))
        header, *rows = console.text("#queue").splitlines()
        assert header.split()[:3] == ["no.", "stage", "seed"]
        assert [row.split()[-1] if "smoothing" in row else "" for row in rows[:3]] == ["", "", "0.3"]
        assert "digits" not in "".join(rows)
        await console.pilot.resize_terminal(80, 24)
        await console.until(lambda: "settings" not in console.text("#queue"))
        assert console.text("#queue").splitlines()[0].split()[:3] == ["no.", "stage", "seed"]

    in_console(runs_dir, check, (200, 50))


def test_where_nothing_is_queued_the_newest_run_is_in_view(runs_dir: Path) -> None:
    first, second = queue_profiles(runs_dir, small(1), small(2))
    finish(runs_dir / second, 70.0)
    finish(runs_dir / first, 80.0)

    async def check(console: Console) -> None:
        await console.until(lambda: len(points(console)) == 50)
        assert console.text("#view-title").startswith("1 supervised-random  ✓ finished")
        assert "nothing is queued: choose a profile and press enter" in console.text("#queue")

    in_console(runs_dir, check)


def test_the_rate_of_what_is_trained_stands_with_the_machine(runs_dir: Path) -> None:
    (name,) = queue_profiles(runs_dir, small(1))
    going_on = begin(runs_dir / name, curve(2))
    told = {"epoch": 3, "step": 1, "steps": 2, "images_per_second": 1234.0, "seconds_per_epoch": 2.0}
    (runs_dir / name / PROGRESS).write_text(json.dumps(told))

    async def check(console: Console) -> None:
        await console.until(lambda: "1,234 images/s" in console.text("#machine"))
        (runs_dir / name / PROGRESS).unlink()
        await console.until(lambda: "images/s" not in console.text("#machine"))

    in_console(runs_dir, check)
    going_on.close()
