"""`rotui data` through the real command line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
MAIN = "from rotui.cli.main import main; main()"
Result = "subprocess.CompletedProcess[str]"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    own = {
        "PYTHONPATH": str(REPOSITORY),
        "XDG_CACHE_HOME": str(tmp_path / "user-cache"),
        "XDG_DATA_HOME": str(tmp_path / "user-data"),
        "COLUMNS": "200",
    }
    return {name: value for name, value in os.environ.items() if name != "ROTUI_DATA"} | own


@pytest.fixture
def rotui(tmp_path: Path, environment: dict[str, str]):
    def run(*arguments: object, **more: str) -> "subprocess.CompletedProcess[str]":
        result = subprocess.run(
            [sys.executable, "-c", MAIN, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment | more,
            timeout=120,
        )
        assert "Traceback" not in result.stderr
        return result

    return run


@pytest.fixture
def load(environment: dict[str, str]):
    """Decodes an image folder in a process of its own, as a run would."""

    def run(pictures: Path, data_dir: Path) -> None:
        program = (
            "import sys; from pathlib import Path; from rotui.data.loading import load_dataset; "
            "from rotui.profile.schema import DataSettings; "
            "load_dataset(DataSettings(name='folder', path=sys.argv[1], image_size=16), Path(sys.argv[2]))"
        )
        command = [sys.executable, "-c", program, str(pictures), str(data_dir)]
        subprocess.run(command, check=True, env=environment, timeout=120)

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    root = tmp_path / "[red]pictures\x1b[31m"
    for split in ("train", "val"):
        for name in ("a", "b"):
            (root / split / name).mkdir(parents=True)
            pixels = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / split / name / "1.png")
    return root


def states(result: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, object]]:
    assert result.returncode == 0, result.stderr
    return {row["dataset"]: row for row in map(json.loads, result.stdout.splitlines())}


def test_table_shows_every_dataset_and_where_to_get_the_missing(rotui, tmp_path):
    result = rotui("data", "--data-dir", tmp_path / "nowhere")
    assert result.returncode == 0
    for name in ("digits", "cifar10", "imagenette 160px", "imagenette 320px", "imagenette full"):
        assert name in result.stdout
    assert "rotui data fetch cifar10" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_data_directory_is_the_option_then_the_environment_then_the_platforms(rotui, tmp_path):
    assert str(tmp_path / "user-data" / "rotui") in rotui("data").stdout
    assert str(tmp_path / "from-env") in rotui("data", ROTUI_DATA=str(tmp_path / "from-env")).stdout
    named = rotui("data", "--data-dir", tmp_path / "named", ROTUI_DATA=str(tmp_path / "from-env"))
    assert str(tmp_path / "named") in named.stdout


def test_states_of_a_folder_from_decoded_to_cleared(rotui, load, pictures, tmp_path):
    data_dir = tmp_path / "data"
    where = ("--data-dir", data_dir, "--json")
    assert "folder" not in states(rotui("data", *where))
    load(pictures, data_dir)
    row = states(rotui("data", *where))["folder"]
    assert row["state"] == "ready"
    assert row["found"] == str(pictures)
    assert row["images"] == 4
    assert row["cache_bytes"] == sum(file.stat().st_size for file in Path(row["caches"][0]).iterdir())
    os.utime(pictures / "train" / "a" / "1.png", ns=(1, 1))
    assert states(rotui("data", *where))["folder"]["state"] == "outdated"
    (Path(row["caches"][0]) / "train-labels.npy").unlink()
    assert states(rotui("data", *where))["folder"]["state"] == "damaged"
    shutil.rmtree(pictures / "val" / "b")
    assert states(rotui("data", *where))["folder"]["state"] == "unfit"
    shutil.rmtree(pictures)
    assert states(rotui("data", *where))["folder"]["state"] == "missing"
    cleared = rotui("data", "clear", "--data-dir", data_dir)
    assert (cleared.returncode, cleared.stdout[:7]) == (0, "removed")
    assert "folder" not in states(rotui("data", *where))


def test_hostile_path_neither_colours_the_terminal_nor_is_read_as_markup(rotui, load, pictures, tmp_path):
    load(pictures, tmp_path / "data")
    shutil.rmtree(pictures / "val" / "b")
    result = rotui("data", "--data-dir", tmp_path / "data")
    assert "\x1b" not in result.stdout + result.stderr
    assert r"[red]pictures\x1b[31m" in result.stdout
    assert r"[red]pictures\x1b[31m/val has no images of 1 of its 2 classes: b" in result.stderr


@pytest.mark.parametrize("before", [True, False])
def test_data_dir_counts_before_and_after_the_subcommand(rotui, load, pictures, tmp_path, before):
    load(pictures, tmp_path / "data")
    option = ("--data-dir", tmp_path / "data")
    arguments = ("data", *option, "clear") if before else ("data", "clear", *option)
    rotui(*arguments, ROTUI_DATA=str(tmp_path / "elsewhere"))
    assert not [path for path in (tmp_path / "data" / "cache").iterdir() if path.is_dir()]


def test_fetch_without_a_usable_place_ends_with_the_data_exit_code(rotui, tmp_path):
    (tmp_path / "file").write_text("")
    result = rotui("data", "fetch", "cifar10", "--data-dir", tmp_path / "file")
    assert result.returncode == 3
    assert f"{tmp_path / 'file'} cannot be written" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("mnist",), ("imagenette", "--variant", "99px"), ("cifar10", "--variant", "160px"), ()]
)
def test_unknown_dataset_or_variant_is_bad_input(rotui, arguments):
    assert rotui("data", "fetch", *arguments).returncode == 2


def test_showing_the_data_loads_no_torch(environment, tmp_path):
    program = (
        "import sys; sys.argv = ['rotui', 'data']; from rotui.cli.main import app; "
        "app(standalone_mode=False); sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path).returncode == 0
