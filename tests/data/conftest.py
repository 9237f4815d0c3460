"""Small real datasets on disk, and child processes that load them."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
MakeFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROTUI_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    place = tmp_path / "data"
    place.mkdir()
    return place


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Makes `root/SPLIT/CLASS/NUMBER.png` with random pixels of the given (width, height)."""

    def make(
        counts: Mapping[str, Mapping[str, int]],
        *,
        root: Path | None = None,
        size: tuple[int, int] = (40, 40),
        ending: str = ".png",
    ) -> Path:
        root = root or tmp_path / "pictures"
        draw = np.random.default_rng(0)
        for split, classes in counts.items():
            (root / split).mkdir(parents=True, exist_ok=True)
            for name, count in classes.items():
                (root / split / name).mkdir()
                for number in range(count):
                    pixels = draw.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(root / split / name / f"{number:04}{ending}")
        return root

    return make


@pytest.fixture
def cats_and_dogs(make_folder: MakeFolder) -> Path:
    return make_folder({"train": {"cat": 3, "dog": 4}, "val": {"cat": 2, "dog": 1}})


@pytest.fixture
def start_python() -> Callable[..., "subprocess.Popen[str]"]:
    """Starts Python on a program with arguments, with rotui importable and the test's own environment."""

    def start(program: str, *arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )

    return start
