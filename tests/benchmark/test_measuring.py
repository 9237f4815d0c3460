"""Each measurement in a process of its own: what comes back, and that nothing stays behind."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import torch
import torchvision.transforms.functional as TF
from torch import Tensor, nn

from rotui.benchmark.case import prepare
from rotui.benchmark.cases import Case, Timing
from rotui.benchmark.made_up import write_folder
from rotui.benchmark.own_training import _evaluation_seconds, planned_run, time_runs, time_training
from rotui.benchmark.plain_loop import Rotated, _steps
from rotui.benchmark.preparing import with_pictures
from rotui.benchmark.running import Measured, Step, ask, measure_in_rounds
from rotui.errors import RunFailedError, StoppedError
from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord

TINY = Case("training", steps=2, batch=8, threads=1)


def never() -> bool:
    return False


def test_a_training_tells_its_rate_its_memory_and_its_floor() -> None:
    timing = time_training(TINY)
    assert (timing.images, timing.steps) == (16, 2)
    assert 0 < timing.data_seconds < timing.seconds
    assert 0 < timing.floor_seconds < timing.step_seconds
    assert timing.evaluation_seconds > 0
    assert 50e6 < timing.begun_bytes <= timing.peak_bytes
    assert timing.device_bytes == 0


def test_the_run_that_is_timed_has_the_settings_of_its_case() -> None:
    case = replace(TINY, network="resnet34", size=64, precision="bf16", stage="finetune", threads=2)
    run = planned_run(case, seed=7)
    profile = run.profile
    assert (profile.network.architecture, profile.data.image_size, profile.seed) == ("resnet34", 64, 7)
    assert (profile.optimizer.batch_size, profile.compute.precision) == (8, "bf16")
    assert profile.compute.threads == 2
    assert (run.stage.trains_all, run.stage.predicts_rotation) == (False, False)
    pretrain = planned_run(TINY).stage
    assert (pretrain.trains_all, pretrain.predicts_rotation) == (True, True)


def test_what_an_epoch_took_beyond_its_steps_is_shared_by_the_images_that_it_judged() -> None:
    """40 images trained in 2 of 3 seconds, 16 judged in the third."""
    record = EpochRecord(1, 1.0, 50.0, 1.0, 50.0, None, None, 0.01, seconds=3.0, images_per_second=20.0)
    assert _evaluation_seconds(record, TINY, warm_up=3) == pytest.approx(1 / 16)


def test_the_plain_loop_is_timed_on_made_up_pictures_where_there_are_no_others(tmp_path: Path) -> None:
    assert prepare(str(tmp_path), [16, 32], str(tmp_path / "none")) == {"found": False}
    assert len([*(tmp_path / "32").rglob("*.png")]) == 256
    placed = replace(TINY, kind="plain loop", size=16, folder=str(tmp_path / "16"))
    timing = Timing(**ask(placed.to_json(), never))
    assert (timing.images, timing.steps, timing.facts["data"]) == (16, 2, "ImageFolder")
    assert timing.facts["workers"] >= 1
    assert math.isfinite(timing.images_per_second)
    assert timing.peak_bytes > timing.begun_bytes
    assert timing.floor_seconds == timing.data_seconds == 0


def test_several_runs_are_timed_together() -> None:
    several = replace(TINY, kind="runs", network="resnet10", at_once=2, in_a_row=2, with_building=True)
    timing = time_runs(several)
    assert (timing.images, timing.steps) == (2 * 2 * 16, 8)
    assert timing.seconds > 0


def test_each_run_in_a_row_and_beside_others_is_trained_from_a_seed_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[int] = []

    def noted(case: Case, seed: int = 42) -> PlannedRun:
        seeds.append(seed)
        return planned_run(case, seed)

    monkeypatch.setattr("rotui.benchmark.own_training.planned_run", noted)
    time_runs(replace(TINY, kind="runs", network="resnet10", at_once=2, in_a_row=3, with_building=True))
    assert sorted(seed for seed in seeds if seed != 42) == [0, 1, 2, 3, 4, 5]


def test_an_error_in_one_of_several_runs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def noted(case: Case, seed: int = 42) -> PlannedRun:
        if seed == 1:
            raise RunFailedError("no room")
        return planned_run(case, seed)

    monkeypatch.setattr("rotui.benchmark.own_training.planned_run", noted)
    with pytest.raises(RunFailedError, match="no room"):
        time_runs(replace(TINY, kind="runs", network="resnet10", at_once=2, with_building=True))


def test_the_floor_of_a_fine_tuning_is_of_the_parameters_that_it_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, int]] = []

    def noted(network: nn.Module, _images: Tensor, _targets: Tensor, trained: list[Tensor], _: str) -> float:
        parts = [*network.layer4.parameters(), *network.fc.parameters()]  # type: ignore[union-attr]  # a ResNet
        told.append((sum(each.numel() for each in trained), sum(each.numel() for each in parts)))
        return 1.0

    monkeypatch.setattr("rotui.benchmark.floor.floor_seconds", noted)
    time_training(replace(TINY, network="resnet10", stage="finetune"))
    ((trained, parts),) = told
    assert trained == parts


def test_the_plain_loop_turns_each_picture_and_its_target_is_the_turn() -> None:
    picture = torch.rand(3, 8, 8)
    turned = Rotated([(picture, 9)] * 64)
    shown = [turned[number] for number in range(len(turned))]
    assert {turn for _, turn in shown} == {0, 1, 2, 3}
    assert all(torch.equal(image, TF.rotate(picture, 90 * turn)) for image, turn in shown)


def test_the_plain_loop_trains_a_step_with_each_batch() -> None:
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 4)).eval()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    batches = [(torch.rand(count, 3, 2, 2), torch.arange(count) % 4) for count in (8, 8, 3)]
    weights = [network[2].weight.detach().clone()]
    seen = []
    for images in _steps(iter(batches), network, optimizer, torch.device("cpu")):
        seen.append(images)
        weights.append(network[2].weight.detach().clone())
    assert seen == [8, 8, 3]
    assert network.training
    assert not any(torch.equal(one, other) for one, other in pairwise(weights))


def test_cifar10_is_read_where_it_was_found_and_only_for_its_own_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops = [replace(TINY, kind="plain loop", size=size) for size in (32, 64)]
    for found in (True, False):
        monkeypatch.setattr("rotui.benchmark.preparing.ask", lambda *_, found=found: {"found": found})
        small, large, own = with_pictures([*loops, TINY], tmp_path / "made", tmp_path / "data", never)
        assert (small.data_dir, small.folder) == (
            (str(tmp_path / "data"), "") if found else ("", str(tmp_path / "made" / "32"))
        )
        assert (large.data_dir, large.folder) == ("", str(tmp_path / "made" / "64"))
        assert own == TINY


def test_rounds_go_to_and_fro_and_a_case_that_fails_is_left_out_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "rotui.benchmark.running._CHILD",
        "import json, sys; case = json.loads(sys.argv[2]); good = dict(images=8, steps=1, seconds=0.5); "
        "print(json.dumps(good if case['size'] < 64 else dict(error='no room', exit_code=1)))",
    )
    cases = [replace(TINY, size=size) for size in (64, 32, 16)]
    told: list[str] = []
    measured: list[Measured] = []
    for each in measure_in_rounds(cases, 3, never):
        if isinstance(each, Step):
            told.append(each.name.split()[1])
            assert each.total == 9
        else:
            measured = each
    assert told == ["64", "32", "16", "16", "32", "32", "16"]
    assert [len(each.timings) for each in measured] == [0, 3, 3]
    assert [each.failure for each in measured] == ["no room", "", ""]
    assert measured[1].timings[0].images_per_second == 16


def test_a_stop_ends_the_process_that_measures_with_all_it_started(tmp_path: Path) -> None:
    write_folder(tmp_path, 16)
    loop = replace(TINY, kind="plain loop", size=16, folder=str(tmp_path), steps=1_000_000)
    seen: set[psutil.Process] = set()
    others = set(psutil.Process().children())

    def once_it_loads_pictures() -> bool:
        measuring = set(psutil.Process().children()) - others
        workers = [each for process in measuring for each in process.children()]
        seen.update(measuring, workers)
        return bool(workers)

    with pytest.raises(StoppedError):
        ask(loop.to_json(), once_it_loads_pictures)
    assert len(seen) > 1
    assert psutil.wait_procs(seen, timeout=3)[1] == []


def test_a_process_that_dies_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotui.benchmark.running._CHILD", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(RunFailedError, match="killed by signal 9"):
        ask(TINY.to_json(), never)
