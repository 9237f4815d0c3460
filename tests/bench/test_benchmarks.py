"""The benchmarks still find what they wait for; how long it takes is asserted nowhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CASES = {
    "first-frame": ("console, 5 runs", "rotui --help", "rotui runs, 40 runs"),
    "keys": ("cursor in the queue, training, 1 thread", "typing in the filter, training, 1 thread"),
    "slowdown": ("console left alone, 1 thread", "console, five keys a second, 1 thread"),
    "many-runs": ("a page, 40 runs", "first character of a filter, 40 runs", "sort, 40 runs"),
    "idle": ("console, no runs", "preview, 40 runs"),
    "chart": ("200 points, smooth, new content", "10000 points, noisy, unchanged"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_benchmark_measures_every_case_and_records_it_with_its_circumstances(
    name: str, tmp_path: Path
) -> None:
    record = tmp_path / "figures.csv"
    words = [
        sys.executable,
        str(FOLDER / "console.py"),
        name,
        "--smallest",
        "--json",
        "--record",
        str(record),
    ]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {each["benchmark"] for each in told} == {name}
    assert set(CASES[name]) <= {each["case"] for each in told}
    assert all(each["n"] > 0 and each["textual"] and each["command"] for each in told)
    assert len(record.read_text("utf-8").splitlines()) == len(told) + 1
