"""What each room loads, seen in `sys.modules` of a Python of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SCREENS = {"textual", "typer", "click", "rich"}
TORCH = {"torch", "torchvision"}
IMPORT_ALL = """
import importlib, json, pkgutil, sys
names = []
for room in sys.argv[1:]:
    module = importlib.import_module(room)
    names.append(room)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), room + "."):
        importlib.import_module(found.name)
        names.append(found.name)
print(json.dumps([names, sorted({name.split(".")[0] for name in sys.modules})]))
"""
RUN_COMMAND = """
import json, sys
from rotui.cli.main import main
status = 0
try:
    main()
except SystemExit as end:
    status = end.code or 0
sys.stdout.flush()
print("\\n" + json.dumps([status, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def python(program: str, *arguments: str, home: Path) -> tuple[list[str], set[str], int]:
    """Runs a program that ends by printing JSON, in a folder and a home of its own."""
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(home),
        "ROTUI_RUNS": str(home / "runs"),
        "ROTUI_DATA": str(home / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, modules = json.loads(done.stdout.splitlines()[-1])
    return (first, set(modules), 0) if isinstance(first, list) else ([done.stdout], set(modules), first)


@pytest.mark.parametrize("room", ["profile", "study", "store", "results"])
def test_profiles_plans_records_and_tables_load_no_torch_and_no_screen(room: str, tmp_path: Path) -> None:
    names, modules, _ = python(IMPORT_ALL, f"rotui.{room}", home=tmp_path)
    files = [*(REPOSITORY / "rotui" / room).rglob("*.py")]
    assert len(names) == len(files) > 2
    assert not modules & (TORCH | SCREENS)


def test_loading_and_planning_a_profile_loads_neither_numpy_nor_pandas(tmp_path: Path) -> None:
    _, modules, _ = python(IMPORT_ALL, "rotui.profile.loading", "rotui.study.planning", home=tmp_path)
    assert not modules & {"numpy", "pandas", "sklearn", "PIL"}


@pytest.mark.parametrize("room", ["engine", "data", "benchmark"])
def test_engine_data_and_benchmark_load_no_screen(room: str, tmp_path: Path) -> None:
    names, modules, _ = python(IMPORT_ALL, f"rotui.{room}", home=tmp_path)
    assert len(names) == len([*(REPOSITORY / "rotui" / room).rglob("*.py")]) > 2
    assert not modules & SCREENS


def test_reading_the_figures_of_the_bench_loads_no_torch(tmp_path: Path) -> None:
    program = """
import json, sys
from rotui.store.bench_figures import keep_figures, kept_figures
from rotui.study.bench_figure import BenchFigure
figure = BenchFigure("box", "cpu", "cpu", 1, "resnet18", 32, 8, "fp32", True, 0.1, 0.1, "2026-01-01")
keep_figures([figure])
assert kept_figures().figures == (figure,)
print(json.dumps([[], sorted({name.split(".")[0] for name in sys.modules})]))
"""
    _, modules, _ = python(program, home=tmp_path)
    assert "pydantic" in modules
    assert not modules & (TORCH | SCREENS)


def test_the_worker_loads_torch_and_no_screen(tmp_path: Path) -> None:
    _, modules, _ = python(IMPORT_ALL, "rotui.worker", home=tmp_path)
    assert "torch" in modules
    assert not modules & SCREENS


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--help"], "profiles"),
        (["--version"], "rotui"),
        (["profiles"], "pretraining"),
        (["profiles", "check", "own.toml"], "ok"),
        (["profiles", "schema"], "$schema"),
        (["runs"], ""),
        (["run", "--help"], "--device"),
        (["run", "few-labels", "--dry-run"], ""),
        (["bench", "--help"], "--baseline"),
    ],
    ids=" ".join,
)
def test_quick_commands_load_no_torch(arguments: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('stages = ["pretrain"]\n[data]\nname = "digits"\n')
    (output,), modules, status = python(RUN_COMMAND, *arguments, home=tmp_path)
    assert status == 0
    assert told in output
    assert not modules & TORCH


def test_the_check_of_what_a_command_loads_can_see_torch(tmp_path: Path) -> None:
    program = RUN_COMMAND.replace("from rotui.cli.main", "import torch\nfrom rotui.cli.main")
    _, modules, _ = python(program, "--version", home=tmp_path)
    assert modules >= TORCH - {"torchvision"}
