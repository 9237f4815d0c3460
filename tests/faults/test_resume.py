"""A run that is killed anywhere and taken up ends with the same bytes as one that was never stopped."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from studies import KILLED, STUDY, Commands, digest, verdicts

STEPS = 3  # 100 images in batches of 40
EPOCHS = 2
STAGES = 2


@pytest.mark.parametrize(
    "failpoint",
    [
        *(f"step:{number}" for number in range(1, STAGES * EPOCHS * STEPS + 1)),
        *(f"epoch:{number}" for number in (1, 2)),
        *(f"end:{number}" for number in (1, 2)),
        *(f"recorded:{number}" for number in (1, 2, 3, 4)),
        *(f"weights:{number}" for number in (1, 2)),
        *(f"result:{number}" for number in (1, 2)),
        *(f"finished:{number}" for number in (1, 2)),
        *(f"checkpoint-half-written:{number}" for number in (1, 4, 9)),
        *(f"checkpoint-written:{number}" for number in (1, 4, 9)),
        *(f"checkpoint-renamed:{number}" for number in (1, 4, 9)),
    ],
)
def test_killed_there_and_taken_up_it_ends_with_the_same_bytes(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path, failpoint: str
) -> None:
    assert rotui(*STUDY, runs=tmp_path, failpoint=failpoint) == KILLED
    assert rotui(*STUDY, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path) == unbroken
    assert set(verdicts(tmp_path)) <= {"", "exact"}
    assert len(list(tmp_path.glob("[0-9]*"))) == STAGES
    assert not list(tmp_path.rglob("*.tmp"))


def test_killed_seven_times_it_ends_with_the_same_bytes(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(7):
        assert rotui(*STUDY, runs=tmp_path, failpoint="step:2") == KILLED
    assert rotui(*STUDY, runs=tmp_path) == 0
    assert digest(tmp_path) == unbroken
    assert json.loads(next(tmp_path.glob("0001-*/state.json")).read_text())["resumes"] >= 3


@pytest.mark.parametrize("left_out", ["momentum", "batch norm", "position", "meters"])
def test_a_checkpoint_that_leaves_something_out_does_not_end_with_the_same_bytes(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path, left_out: str
) -> None:
    assert rotui(*STUDY, runs=tmp_path, failpoint="step:5") == KILLED
    state = newest(tmp_path)
    values = torch.load(state, weights_only=True)
    if left_out == "momentum":
        for each in values["optimizer"]:
            each["exp_avg"].zero_()
    elif left_out == "batch norm":
        for name, tensor in values["network"].items():
            if name.endswith("running_mean"):
                tensor.zero_()
    elif left_out == "position":
        values["step"] = 0
    else:
        values["meter"]["loss"].zero_()
    torch.save(values, state)
    vouch_for(state)
    assert rotui(*STUDY, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path)["pretrain"] != unbroken["pretrain"]


def test_epochs_trained_again_are_compared_with_what_is_on_disk(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path
) -> None:
    """All checkpoints of the second epoch are lost, its row is not; a row that differs is told."""
    assert rotui(*STUDY, runs=tmp_path, failpoint="recorded:2") == KILLED
    run = next(tmp_path.glob("0001-*"))
    for checkpoint in (run / "checkpoints").glob("epoch-*"):
        (checkpoint / "state.pt").write_bytes(b"")
    metrics = run / "metrics.csv"
    untouched = metrics.read_text()
    metrics.write_text(untouched.replace(",0.001,", ",0.002,", 1))
    assert rotui(*STUDY, runs=tmp_path) == 0
    assert digest(tmp_path) == unbroken
    told = json.loads((run / "state.json").read_text())
    assert (told["verdict"], told["compared"]) == ("approximate", 1)
    assert "passed over" in rotui.log.read_text()
    assert "sha256" in (run / "run.log").read_text()


@pytest.mark.parametrize("damage", ["truncated", "zeroed", "bit flipped", "manifest gone", "manifest torn"])
def test_a_damaged_newest_checkpoint_is_passed_over_for_the_one_before(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path, damage: str
) -> None:
    assert rotui(*STUDY, runs=tmp_path, failpoint="step:5") == KILLED
    state = newest(tmp_path)
    manifest, raw = state.with_name("manifest.json"), state.read_bytes()
    if damage == "truncated":
        state.write_bytes(raw[: len(raw) // 2])
    elif damage == "zeroed":
        state.write_bytes(bytes(len(raw)))
    elif damage == "bit flipped":
        middle = len(raw) // 2
        state.write_bytes(raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :])
    elif damage == "manifest gone":
        manifest.unlink()
    else:
        manifest.write_bytes(manifest.read_bytes()[:40])
    assert rotui(*STUDY, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path) == unbroken
    assert "passed over" in rotui.log.read_text()


def test_a_checkpoint_with_a_pickle_payload_is_refused_and_never_executed(
    rotui: Commands, tmp_path: Path
) -> None:
    assert rotui(*STUDY, runs=tmp_path, failpoint="step:5") == KILLED
    state, touched = newest(tmp_path), tmp_path / "executed"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {touched}",)

    torch.save({"network": Payload()}, state)
    vouch_for(state)
    assert rotui(*STUDY, runs=tmp_path) == 1
    assert "failed: the checkpoint cannot be loaded" in rotui.log.read_text()
    assert "Traceback" not in rotui.log.read_text()
    assert not touched.exists()


def test_another_thread_count_is_refused_with_the_difference_unless_allowed_and_then_labelled(
    rotui: Commands, tmp_path: Path
) -> None:
    assert rotui(*STUDY, runs=tmp_path, failpoint="step:5") == KILLED
    for manifest in tmp_path.glob("0001-*/checkpoints/epoch-*/manifest.json"):
        values = json.loads(manifest.read_text())
        values["environment"]["threads"] = 3
        manifest.write_text(json.dumps(values))
    provenance = next(tmp_path.glob("0001-*/provenance.json"))
    recorded = json.loads(provenance.read_text())
    recorded["environment"]["threads"] = 3
    provenance.write_text(json.dumps(recorded))
    assert rotui(*STUDY, runs=tmp_path) == 2
    said = rotui.log.read_text()
    assert "threads 3 (here 1)" in said
    assert "--allow-inexact" in said
    assert rotui(*STUDY, "--allow-inexact", runs=tmp_path) == 0
    assert verdicts(tmp_path)[0] == "approximate"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_keeps_a_checkpoint_at_the_next_step(
    rotui: Commands, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    long = ["80" if part == "2" else "600" if part == "0" else part for part in STUDY]
    wait = rotui.in_background(*long, runs=tmp_path)
    while not list(tmp_path.glob("0001-*/metrics.csv")) or len(rows(tmp_path)) < 3:
        time.sleep(0.02)
    os.kill(int(rotui.pid.read_text()), number)
    assert wait() == code, rotui.log.read_text()
    assert len(list(tmp_path.glob("0001-*/checkpoints/epoch-*"))) == 1
    done = len(rows(tmp_path))
    assert rotui(*long, runs=tmp_path) == 0
    assert len(rows(tmp_path)) == 81 > done
    assert verdicts(tmp_path)[0] == "exact"


def test_a_finished_run_keeps_no_checkpoints_and_an_unfinished_one_two(
    rotui: Commands, tmp_path: Path
) -> None:
    assert rotui(*STUDY, runs=tmp_path, failpoint="step:11") == KILLED
    assert not list(tmp_path.glob("0001-*/checkpoints"))
    assert len(list(tmp_path.glob("0002-*/checkpoints/epoch-*"))) == 2


def rows(runs: Path) -> list[str]:
    return next(runs.glob("0001-*/metrics.csv")).read_text().splitlines()


def newest(runs: Path) -> Path:
    return max(runs.glob("0001-*/checkpoints/epoch-*")) / "state.pt"


def vouch_for(state: Path) -> None:
    """Writes the manifest that the checkpoint would have if it had been saved with these bytes."""
    import hashlib

    manifest = state.with_name("manifest.json")
    values = json.loads(manifest.read_text())
    raw = state.read_bytes()
    manifest.write_text(json.dumps({**values, "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}))
