"""The command as a user starts it: fixtures around the real processes of `commands`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import QUICK, REPOSITORY, Command, Ended


@pytest.fixture(scope="session")
def make_command(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Command]:
    """Makes commands with folders of their own, where no variable of the caller's reaches them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROTUI_", "COLUMNS"))}
    for name in ("NO_COLOR", "FORCE_COLOR", "LINES"):
        kept.pop(name, None)

    def make() -> Command:
        folder = tmp_path_factory.mktemp("command")
        own = {
            "PYTHONPATH": str(REPOSITORY),
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "TERM": "xterm-256color",
        }
        return Command(folder, kept | own)

    return make


@pytest.fixture
def command(make_command: Callable[[], Command]) -> Command:
    return make_command()


@pytest.fixture
def rotui(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs the command's entry point in this process and in an empty folder, which saves importing torch."""
    from rotui.__main__ import main

    for name in ("ROTUI_RUNS", "ROTUI_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["rotui", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def study(make_command: Callable[[], Command]) -> tuple[Command, "subprocess.CompletedProcess[str]"]:
    """The five stages, trained by the real command with its output on pipes."""
    command = make_command()
    return command, command.run(*QUICK)


@pytest.fixture
def kept(study: tuple[Command, object], tmp_path: Path) -> Path:
    """A copy of the trained study's runs, as if brought here from another machine."""
    return Path(shutil.copytree(study[0].runs, tmp_path / "brought" / "runs"))
