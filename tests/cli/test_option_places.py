"""An option that stands where no command would see it is refused, not passed over in silence."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "option", "command"),
    [
        (("--runs-dir", "there", "run", "quick"), "--runs-dir", "rotui run"),
        (("--device", "cpu", "worker"), "--device", "rotui worker"),
        (("runs", "--runs-dir", "there", "delete", "1"), "--runs-dir", "rotui runs delete"),
        (("runs", "--json", "show", "1"), "--json", "rotui runs show"),
        (("queue", "--runs-dir", "there", "pause"), "--runs-dir", "rotui queue pause"),
        (("profiles", "--json", "check", "quick"), "--json", "rotui profiles check"),
        (("data", "--data-dir", "there", "clear"), "--data-dir", "rotui data clear"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_option_before_a_command_is_refused_with_where_it_belongs(
    rotui, tmp_path, arguments, option, command
):
    result = rotui(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert f"{option}: stands before a command" in result.err
    assert f"`{command} --help`" in " ".join(result.err.split())
    assert not (tmp_path / "there").exists()


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
