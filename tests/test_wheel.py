"""An installed wheel is complete: it finds its profiles and published numbers from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_installed_wheel_finds_its_profiles_and_published_numbers(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        check=True,
        timeout=300,
    )
    (wheel,) = tmp_path.glob("rotui-*.whl")
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    elsewhere.mkdir()
    program = (
        "import rotui, sys; from rotui.results.published import load_published;"
        "from rotui.profile.loading import load_experiment;"
        "assert rotui.__file__.startswith(sys.argv[1]), rotui.__file__;"
        "assert load_published('few-labels') is not None;"
        "print(load_experiment('quick').profile.data.name, len(load_experiment('few-labels').points))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(installed)],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split() == ["digits", "7"]
