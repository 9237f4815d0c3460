import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from begun_runs import begin_run
from typer.testing import CliRunner

from rotui.cli.main import app
from rotui.profile.schema import Profile
from rotui.store.run_directory import RunDirectory
from rotui.study.planning import Point, plan
from rotui.study.records import Classification, EpochRecord, RunResult


def rotui(*arguments: str | Path, width: int = 140) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": str(width)}
    command = [sys.executable, "-m", "rotui", "runs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """1 finished pre-training with R = 6, 2 failed, 3 stopped after an epoch, 4 interrupted and scaled."""
    runs_dir = tmp_path / "runs"

    def create(stage: str, study: str, **settings: object) -> RunDirectory:
        run = plan([Point(Profile(stages=(stage,), **settings))]).runs[-1]
        return begin_run(runs_dir, run, study=study)

    def epoch(number: int, accuracy: float) -> EpochRecord:
        return EpochRecord(number, 1.0, 10.0, 1.0, accuracy, None, None, 0.01, 1.0, 1.0)

    first = create("pretrain", "counts", name="counts", rotation={"count": 6})
    epochs = (epoch(1, 61.25), epoch(2, 60.5))
    for record in epochs:
        first.append_epoch(record)
    told = Classification(("0", "1"), ((1, 0), (0, 1)), (100.0, 100.0))
    first.finish(RunResult.of(epochs, told), "")
    create("supervised-random", "nets", name="nets", network={"architecture": "resnet34"}).fail(
        "loss \x1b[31mis nan"
    )
    third = create("supervised-random", "[red]\x1b[31m", name="few", labels={"per_class": 20}, seed=7)
    third.append_epoch(epoch(1, 30.0))
    third.stop("asked to")
    create("finetune-random", "try", name="try", scale={"limit": 500, "epochs": 3}).close()
    return runs_dir


def numbers(*arguments: str | Path) -> list[int]:
    done = CliRunner().invoke(app, ["runs", "--json", *map(str, arguments)])
    assert done.exit_code == 0, done.stderr
    return [json.loads(line)["number"] for line in done.stdout.splitlines()]


def test_the_table_tells_what_each_run_was_and_how_it_stands(runs_dir: Path) -> None:
    done = rotui("--runs-dir", runs_dir)
    assert done.returncode == 0
    rows = [line for line in done.stdout.splitlines() if line[:3].strip().isdigit()]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4"]
    for part in ("counts", "pretrain", "cifar10, R=6", "finished", "2/45", "61.25", "60.50"):
        assert part in rows[0]
    assert "resnet34" in rows[1]
    assert "failed" in rows[1]
    assert "20 labels" in rows[2]
    assert "stopped" in rows[2]
    assert "500 images, 3 epochs" in rows[3]
    assert "interrupted" in rows[3]
    assert "0/3" in rows[3]
    assert "2: failed: loss \\x1b[31mis nan" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "[red]" in rows[2]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_the_terminal(runs_dir: Path, width: int) -> None:
    done = rotui("--runs-dir", runs_dir, width=width)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert "61.25" in done.stdout
    assert "interrupted" in done.stdout
    assert "interrupted, scaled" in done.stdout
    assert ("R=6" in done.stdout) == (width >= 80)
    assert "not shown for want of room: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [1, 2, 3, 4]),
        (["--reverse"], [4, 3, 2, 1]),
        (["--sort", "best", "--reverse"], [1, 3, 4, 2]),
        (["--sort", "study"], [3, 1, 2, 4]),
        (["--sort", "seed", "--reverse"], [4, 2, 1, 3]),
        (["--stage", "supervised-random"], [2, 3]),
        (["--status", "interrupted"], [4]),
        (["--text", "R=6"], [1]),
        (["--text", "RESNET34"], [2]),
        (["--text", "asked"], [3]),
        (["--text", "nothing like it"], []),
    ],
)
def test_runs_are_sorted_and_filtered(runs_dir: Path, arguments: list[str], expected: list[int]) -> None:
    assert numbers("--runs-dir", runs_dir, *arguments) == expected


@pytest.mark.parametrize("arguments", [["--sort", "x"], ["--stage", "x"], ["--status", "x"]])
def test_an_unknown_choice_is_refused_with_those_there_are(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["runs", *arguments])
    assert done.exit_code == 2
    assert "is not one of" in done.stderr


def test_a_damaged_run_is_a_warning_and_the_others_are_listed(runs_dir: Path) -> None:
    (next(runs_dir.glob("0002-*")) / "state.json").write_text("{")
    assert numbers("--runs-dir", runs_dir) == [1, 3, 4]
    done = rotui("--runs-dir", runs_dir)
    assert done.stderr.count("state.json: damaged") == 1


def test_no_runs_is_said_and_a_file_is_an_error(tmp_path: Path) -> None:
    done = rotui("--runs-dir", tmp_path / "none")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no runs in" in done.stderr
    (tmp_path / "plain").write_text("")
    done = rotui("--runs-dir", tmp_path / "plain")
    assert done.returncode == 5
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_listing_runs_loads_nothing_heavy(runs_dir: Path) -> None:
    code = """
import sys
from rotui.cli.main import app
app(["runs", "--runs-dir", sys.argv[1]], standalone_mode=False)
print(sorted({"torch", "pandas", "numpy", "PIL", "sklearn"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(runs_dir)], capture_output=True, text=True, check=True
    )
    assert "61.25" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
