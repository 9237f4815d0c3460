"""`rotui leak`: what a small network gets right on noise, beside chance and the outline's floor."""

import json
import signal
import sys
from collections.abc import Callable

import pexpect
import pytest
from commands import PATIENCE, Command, Ended

Run = Callable[..., Ended]
SHORT = ["--steps", "10", "--set", "compute.threads=1", "--device", "cpu"]


def test_each_pipeline_of_a_sweep_is_measured_once_beside_chance_and_floor(rotui: Run) -> None:
    swept = ["--set", "rotation.count=4,6", "--set", "loss.label_smoothing=0,0.1"]
    done = rotui("leak", "pretraining", *SHORT, *swept, "--json")
    assert done.code == 0
    four, six = [json.loads(line) for line in done.out.splitlines()]
    assert (four["rotations"], four["chance"], four["outline_floor"]) == (4, 25, 25)
    assert (six["rotations"], six["outline_floor"]) == (6, 50)
    assert six["chance"] == pytest.approx(100 / 6)
    for each in (four, six):
        assert (each["size"], each["steps"], each["images"]) == (32, 10, 4096)
        assert 0 <= each["leak"] <= 100
        assert 0 < each["standard_error"] < 1
    assert six["rotation"]["count"] == 6


def test_empty_corners_are_found_and_remedies_named(rotui: Run) -> None:
    done = rotui("leak", "pretraining", "--steps", "40", *SHORT[2:], "--set", "rotation.count=6", "--json")
    assert json.loads(done.out)["leak"] > 30
    remedied = ["--set", "rotation.count=6", "--set", "rotation.corners=disc", "--set", "rotation.jitter=5"]
    table = rotui("leak", "pretraining", *SHORT, *remedied)
    assert table.code == 0
    assert "corners=disc" in table.out
    assert "jitter=5" in table.out
    assert "16.7" in table.out


def test_the_same_command_measures_the_same(rotui: Run) -> None:
    assert rotui("leak", "quick", *SHORT, "--json").out == rotui("leak", "quick", *SHORT, "--json").out


def test_the_table_fits_a_narrow_terminal(rotui: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    done = rotui("leak", "pretraining", *SHORT, "--set", "rotation.low_pass=1", "--set", "rotation.jitter=5")
    assert max(map(len, done.out.splitlines())) <= 60
    assert "25.0" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["no-such-profile"], 2, "no-such-profile"),
        (["quick", "--steps", "5"], 2, "--steps"),
        (["quick", "--set", "rotation.jitter=60"], 2, "jitter"),
        (["quick", "--device", "tpu"], 2, "auto, cpu, cuda"),
    ],
)
def test_bad_input_is_refused(rotui: Run, arguments: list[str], code: int, told: str) -> None:
    done = rotui("leak", *arguments)
    assert done.code == code
    assert told in done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_a_signal_stops_the_measurement_without_a_traceback(command: Command) -> None:
    words = command.words("leak", "quick", "--steps", "100000", "--set", "compute.threads=1")
    child = pexpect.spawn(
        sys.executable, words[1:], cwd=str(command.folder), env=dict(command.environment), timeout=PATIENCE
    )
    with child:
        child.expect(b"rotations of noise")
        child.kill(signal.SIGTERM)
        child.expect(pexpect.EOF)
        sent = child.before
        child.close()
    assert child.exitstatus == 143
    assert b"stopped at step" in sent
    assert b"Traceback" not in sent
