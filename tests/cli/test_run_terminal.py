"""`rotui run` on a real terminal, and names that would command it."""

import re
from pathlib import Path

import pytest
from commands import SMALL, TINY, Command, Run, make_pictures, states


def test_the_terminal_shows_plan_epochs_rate_and_time_left_and_no_colour_where_none_is_wanted(
    command: Command,
) -> None:
    stages = ["--set", 'stages=["finetune-random"]', "--set", "seed=range(0,12)"]
    sent = command.on_terminal(
        "run", "quick", *TINY, "--epochs", "5", *stages, rows=24, columns=80, NO_COLOR="1"
    )
    for part in ("▶", "fine-tuned, random init", "seed=2", "train loss", "images/s", "this run", "study"):
        assert part.encode() in sent
    assert b"runs 1 to 10 of 12" in sent
    assert b"scaled (60 images, 5 epochs)" in sent
    assert {final for _, final in re.findall(rb"\x1b\[([0-9;?]*)([A-Za-z])", sent)} <= {
        b"m",
        b"A",
        b"K",
        b"l",
        b"h",
    }
    styles = {code for codes in re.findall(rb"\x1b\[([0-9;]*)m", sent) for code in codes.split(b";") if code}
    assert [code for code in styles if int(code) >= 30] == []


HOSTILE = ["[red]x", "\x1b[5;31mred", "\x1b]0;title\x07", "y" * 250, "a b", "..x"]


def test_hostile_names_neither_colour_the_terminal_nor_leave_the_runs_directory(command: Command) -> None:
    make_pictures(command.folder / "\x1b[5;35mpictures", HOSTILE, 3, 2)
    name = "[red]\x1b[5;36m a b.toml"
    (command.folder / name).write_text(
        'title = "[bold]\\u001b[5;33mtitle"\ndescription = "\\u001b[5;33m"\n'
        'data = {name = "folder", path = "\\u001b[5;35mpictures", image_size = 12, crop_padding = 0}\n'
        'stages = ["pretrain", "finetune-pretrained"]\n'
    )
    runs = command.folder / "\x1b[5;34mruns"
    arguments = ["run", f"./{name}", *SMALL, "--epochs", "1", "--runs-dir", runs]
    before = set(command.folder.rglob("*"))
    sent = command.on_terminal(*arguments)
    sent += command.on_terminal("runs", "--runs-dir", runs, columns=200)
    sent += command.on_terminal(
        "results", f"./{name}", "--epochs", "1", "--detail", *SMALL, "--runs-dir", runs
    )
    sent += command.on_terminal(*arguments, "--dry-run")
    for raw in (b"\x1b[5;", b"\x1b]", b"\x07"):
        assert raw not in sent
    assert b"\\x1b[5;34mruns" in sent
    new = set(command.folder.rglob("*")) - before
    allowed = (runs, command.folder / "data", command.folder / "cache")
    assert [path for path in new if not any(path == a or a in path.parents for a in allowed)] == []
    assert states(runs) == ["finished", "finished"]


@pytest.mark.parametrize("name", ["../x", "a b", "[red]", "\\u001b[31mred", "y" * 300])
def test_a_hostile_name_in_a_profile_is_refused_in_plain_text(rotui: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "p.toml").write_text(f'extends = "quick"\nname = "{name}"\n')
    done = rotui("run", "p.toml", *TINY)
    assert done.code == 2
    assert "p.toml:2: name: " in done.err
    assert "\x1b" not in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "argument", ["../x", "a b", "[red]", "\x1b[31mred", "\x1b[31m.toml", "y" * 300, "a\0b"]
)
def test_a_hostile_profile_argument_is_refused_in_plain_text(rotui: Run, argument: str) -> None:
    done = rotui("run", argument)
    assert done.code == 2
    assert "\x1b" not in done.err
    assert "Traceback" not in done.err
