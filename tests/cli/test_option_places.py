"""An option that stands before a command holds for it, or is refused: none is passed over in silence."""

import pytest

from rotui.store.identity import read_identity


@pytest.mark.parametrize(
    ("arguments", "option", "allowed"),
    [
        (("--runs-dir", "there", "profiles"), "--runs-dir", "what it takes: `rotui profiles --help`"),
        (("--device", "cpu", "worker"), "--device", "behind it: `rotui worker --help`"),
        (("--no-mouse", "runs", "show", "1"), "--no-mouse", "what it takes: `rotui runs --help`"),
        (("runs", "--json", "show", "1"), "--json", "behind it: `rotui runs show --help`"),
        (("runs", "--sort", "best", "delete", "1"), "--sort", "what it takes: `rotui runs delete --help`"),
        (("queue", "--json", "pause"), "--json", "what it takes: `rotui queue pause --help`"),
        (("profiles", "--json", "check", "quick"), "--json", "what it takes: `rotui profiles check --help`"),
        (("data", "--json", "clear"), "--json", "what it takes: `rotui data clear --help`"),
        (
            ("--data-dir", "there", "queue", "pause"),
            "--data-dir",
            "what it takes: `rotui queue pause --help`",
        ),
        (("--data-dir", "there", "queue"), "--data-dir", "what it takes: `rotui queue --help`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_option_that_a_command_would_not_see_is_refused(rotui, tmp_path, arguments, option, allowed):
    result = rotui(*arguments)
    told = " ".join(result.err.split())
    assert (result.code, result.out) == (2, "")
    assert told.startswith(f"rotui: {option}: stands before `rotui ")
    assert told.endswith(f"({allowed})")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("--runs-dir", "there", "queue", "pause"), ("queue", "--runs-dir", "there", "pause"),
     ("queue", "pause", "--runs-dir", "there"),
     ("--runs-dir", "other", "queue", "--runs-dir", "there", "pause"),
     ("queue", "--runs-dir", "other", "pause", "--runs-dir", "there")],
    ids=" ".join,
)  # fmt: skip
def test_the_runs_directory_that_stands_nearest_to_the_command_holds(rotui, tmp_path, monkeypatch, arguments):
    monkeypatch.setenv("ROTUI_RUNS", "elsewhere")
    result = rotui(*arguments)
    assert result.code == 0, result.err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert read_identity(tmp_path / "there").paused


def test_what_the_environment_says_holds_for_every_command(rotui, tmp_path, monkeypatch):
    monkeypatch.setenv("ROTUI_RUNS", str(tmp_path / "there"))
    result = rotui("queue", "pause")
    assert result.code == 0, result.err
    assert (tmp_path / "there").is_dir()


@pytest.mark.parametrize("listing", [(), ("list",)], ids=["queue", "queue list"])
def test_the_queue_lists_itself_with_the_options_of_its_list(rotui, tmp_path, listing):
    add = ("queue", "add", "quick", "--set", 'stages=["supervised-random"]', "--runs-dir", tmp_path / "there")
    assert rotui(*add).code == 0
    result = rotui("queue", *listing, "--json", "--runs-dir", tmp_path / "there")
    assert result.code == 0, result.err
    assert '"stage": "supervised-random"' in result.out
