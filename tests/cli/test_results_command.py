import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from begun_runs import begin_run
from typer.testing import CliRunner

from rotui.cli.main import app
from rotui.profile.loading import load_experiment
from rotui.study.planning import plan
from rotui.study.records import Classification, EpochRecord, FeatureProbe, RunResult


def rotui(runs_dir: Path, *arguments: str | Path, width: int = 80) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": str(width), "ROTUI_RUNS": str(runs_dir)}
    command = [sys.executable, "-m", "rotui", "results", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=runs_dir.parent
    )


def exported(runs_dir: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["results", "--runs-dir", str(runs_dir), *arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def record(runs_dir: Path, best: float, name: str, *settings: str, limit: int = 0) -> None:
    """Finishes every run of the experiment, the first with `best` percent, each next one point lower."""
    for number, run in enumerate(plan(load_experiment(name, settings, limit=limit).points).runs):
        epochs = tuple(
            EpochRecord(i + 1, 1.0, 10.0, 1.25, accuracy, None, None, 0.01, 1.0, 1.0)
            for i, accuracy in enumerate((best - number, best - number - 0.5))
        )
        told = Classification(("cat", "[red]\x1b[31m"), ((1, 0), (0, 1)), (100.0, 50.0))
        probes = {"pretrained": FeatureProbe(61.0, 71.0), "random": FeatureProbe(21.0, 31.0)}
        directory = begin_run(runs_dir, run, study=name)
        directory.finish(RunResult.of(epochs, told, probes if run.stage.predicts_rotation else {}), "")


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    runs_dir = tmp_path / "runs"
    record(runs_dir, 80.0, "pretraining")
    return runs_dir


def test_measured_stands_beside_published_with_the_difference(runs_dir: Path) -> None:
    done = rotui(runs_dir, "pretraining")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["rotation", "80.00", "79.07", "+0.93", "79.50", "25", "73", "%", "1.250", "1"] in lines
    assert ["supervised,", "random", "76.00", "83.42", "-7.42", "75.50", "1.250", "1"] in lines


def test_seeds_are_put_together(runs_dir: Path) -> None:
    record(runs_dir, 82.0, "pretraining", "seed=43")
    document = json.loads(exported(runs_dir, "pretraining", "--set", "seed=42,43,44", "--json"))
    row = document["rows"][0]
    assert (row["seeds"], row["missing"], row["best_accuracy"]) == (2, 1, 81.0)
    assert row["best_accuracy_deviation"] == pytest.approx(2**0.5)
    assert "5 of 15 runs have no result yet." in document["notes"]


def test_a_deviation_from_the_built_in_profile_is_starred(runs_dir: Path) -> None:
    record(runs_dir, 85.0, "pretraining", "network.stem=cifar")
    done = rotui(runs_dir, "pretraining", "--set", "network.stem=cifar")
    assert "+5.93*" in done.stdout
    assert "* network.stem = cifar (published imagenet)" in done.stdout


def test_a_profile_that_shadows_the_built_in_one_is_compared_with_the_built_in(runs_dir: Path) -> None:
    profiles = runs_dir.parent / "profiles"
    profiles.mkdir()
    (profiles / "pretraining.toml").write_text('published = "pretraining"\n[optimizer]\nbatch_size = 64\n')
    done = rotui(runs_dir, "pretraining")
    assert "* optimizer.batch_size = 64 (published 128)" in done.stdout


def test_a_scaled_study_shows_no_published_number(runs_dir: Path) -> None:
    record(runs_dir, 33.0, "pretraining", limit=500)
    whole = rotui(runs_dir, "pretraining").stdout
    scaled = rotui(runs_dir, "pretraining", "--limit", "500").stdout
    assert "33.00" not in whole
    assert "33.00" in scaled
    assert "79.07" not in scaled
    assert scaled.splitlines()[0].strip() == "pretraining, scaled (500 images, all epochs)"


def test_nothing_finished_is_a_table_without_measurements(tmp_path: Path) -> None:
    done = rotui(tmp_path / "none", "rotation-count")
    assert done.returncode == 0
    assert "85.17" in done.stdout
    assert "11 of 11 runs have no result yet." in done.stdout


def test_csv_is_one_table_of_all_experiments(runs_dir: Path) -> None:
    text = exported(runs_dir, "pretraining", "rotation-count", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 5 + 15
    assert (rows[0]["experiment"], rows[0]["rotation.count"]) == ("pretraining", "")
    assert (rows[-1]["experiment"], rows[-1]["rotation.count"]) == ("rotation-count", "8")
    assert float(rows[0]["difference"]) == pytest.approx(0.93)


@pytest.mark.parametrize(
    "output", [("--format", "table"), ("--format", "markdown"), ("--json",)], ids=lambda words: words[-1]
)
def test_details_give_classes_and_frozen_features(runs_dir: Path, output: tuple[str, ...]) -> None:
    detailed = exported(runs_dir, "pretraining", "--detail", *output)
    assert "\x1b" not in detailed
    for part in ("cat", "red", "61.0", "31.0"):
        assert part in detailed
    assert "61.0" not in exported(runs_dir, "pretraining", *output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "nope"),
        (["pretraining", "--set", "loss.smoothing=1"], "loss.smoothing"),
        (["pretraining", "--format", "xml"], "'xml' is not one of"),
        (["pretraining", "--detail", "--format", "csv"], "--detail"),
        (["pretraining", "--json", "--format", "csv"], "--json: cannot go together with --format"),
        (["../x\x1b[31m"], "x\\x1b[31m"),
        ([], "PROFILE"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(runs_dir: Path, arguments: list[str], message: str) -> None:
    done = rotui(runs_dir, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr


def test_an_unreadable_run_is_told_and_the_others_count(runs_dir: Path) -> None:
    (next(runs_dir.glob("0001-*")) / "result.json").write_text("[")
    done = rotui(runs_dir, "pretraining")
    assert done.returncode == 0
    assert done.stderr.count("result.json: damaged") == 1
    assert "1 of 5 runs have no result yet." in done.stdout
