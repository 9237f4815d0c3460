"""`rotui profiles` through the real command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rotui.profile.loading import load_experiment

Outcome = tuple[int, str, str]
Rotui = Callable[..., Outcome]


@pytest.fixture
def rotui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rotui:
    """Calls the installed command's entry point in an empty folder: exit code, stdout, stderr."""
    from rotui.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NO_COLOR", "1")

    def _rotui(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["rotui", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        captured = capsys.readouterr()
        return int(code or 0), captured.out, captured.err  # type: ignore[call-overload]  # SystemExit.code is Any

    return _rotui


def project(text: str, name: str = "mine") -> None:
    Path("profiles").mkdir(exist_ok=True)
    Path("profiles", f"{name}.toml").write_text(text)


def test_all_profiles_are_listed_with_runs_and_images(rotui):
    code, out, err = rotui("profiles")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split() for line in out.splitlines()}
    assert set(rows) >= {"NAME", "pretraining", "few-labels", "quick"}
    assert rows["pretraining"][1:6] == ["built", "in", "5", "12.2", "M"]
    assert rows["label-smoothing"][3] == "15"


def test_a_bad_profile_is_listed_with_its_error(rotui):
    project("sede = 1\n", "[red]")
    project('title = "\\u001b[31mred"\n', "a \x1b[31mb")
    code, out, err = rotui("profiles")
    assert (code, err) == (0, "")
    assert "[red]" in out
    assert "bad: 1 fault" in out
    assert "    profiles/[red].toml:1: sede: unknown key, did you mean seed" in out
    assert "\x1b" not in out


def test_the_list_as_json_has_one_object_a_line(rotui):
    project("sede = 1\n", "bad")
    code, out, _ = rotui("profiles", "--json")
    listed = {values["name"]: values for values in map(json.loads, out.splitlines())}
    assert code == 0
    assert listed["pretraining"]["runs"] == 5
    assert listed["pretraining"]["trained_images"] == 12_250_000
    assert listed["few-labels"]["sweep"] == {"labels.per_class": [20, 50, 100, 250, 400, 700, 1000]}
    assert listed["bad"]["origin"] == "project"
    assert listed["bad"]["errors"][0].startswith("profiles/bad.toml:1: sede: ")


def test_check_says_ok_on_stdout_and_faults_on_stderr(rotui):
    project("seed = 1\n", "good")
    project("seed = -1\nsede = 1\n", "bad")
    code, out, err = rotui("profiles", "check", "profiles/good.toml", "profiles/bad.toml", "quick")
    assert code == 2
    assert [line.split(":")[0] for line in out.splitlines()] == ["profiles/good.toml", "quick"]
    assert out.startswith("profiles/good.toml: ok, 5 runs, images trained: 12.2 M\n")
    assert [line.split(": ")[0] for line in err.splitlines()] == [
        "profiles/bad.toml:1",
        "profiles/bad.toml:2",
    ]
    assert rotui("profiles", "check", "quick", "imagenette")[0] == 0


@pytest.mark.parametrize("name", ["../x", "a b", "[red]", "\x1b[31mx", "no/such.toml", ""])
@pytest.mark.parametrize("command", ["check", "show"])
def test_a_bad_name_is_one_plain_line_and_exit_code_2(rotui, command, name):
    code, out, err = rotui("profiles", command, name)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "\x1b" not in err
    assert list(Path().iterdir()) == []


def test_show_prints_a_profile_that_loads_back_to_the_same_experiment(rotui):
    code, out, err = rotui(
        "profiles", "show", "few-labels", "--set", "seed=range(0,2)", "--set", "network.stem=cifar"
    )
    assert (code, err) == (0, "")
    Path("again.toml").write_text(out)
    again, asked = (
        load_experiment("again.toml"),
        load_experiment("few-labels", ["seed=range(0,2)", "network.stem=cifar"]),
    )
    assert (again.profile, again.points) == (asked.profile, asked.points)
    assert len(again.points) == 14


def test_show_tells_the_faults_of_its_settings(rotui):
    code, out, err = rotui("profiles", "show", "quick", "--set", "seed=1.0")
    assert (code, out) == (2, "")
    assert err.startswith("--set seed=1.0: seed: 1.0 is a decimal number")


def test_schema_is_printed_as_json(rotui):
    code, out, _ = rotui("profiles", "schema")
    assert code == 0
    assert json.loads(out)["properties"]["sweep"]["type"] == "object"


def test_listing_loads_no_heavy_module(tmp_path):
    script = (
        "import sys\n"
        "sys.argv = ['rotui', 'profiles']\n"
        "from rotui.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'pandas', 'sklearn', 'PIL'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.splitlines()[-1] == "heavy: []"
    assert "pretraining" in ended.stdout
