"""Profiles written to a folder of their own, away from the checkout's and the user's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rotui.profile.faults import ProfileError
from rotui.profile.loading import load_experiment

Write = Callable[..., str]
Faults = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an empty configuration folder for the test."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


@pytest.fixture
def write() -> Write:
    """Writes text or bytes to a profile file in the working folder and returns its name."""

    def _write(content: str | bytes, name: str = "p.toml") -> str:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return _write


@pytest.fixture
def faults(write: Write) -> Faults:
    """The lines of the error that a profile's text and settings give."""

    def _faults(content: str | bytes, *settings: str, limit: int = 0, epochs: int = 0) -> list[str]:
        with pytest.raises(ProfileError) as caught:
            load_experiment(write(content), settings, limit=limit, epochs=epochs)
        assert caught.value.exit_code == 2
        return str(caught.value).split("\n")

    return _faults
