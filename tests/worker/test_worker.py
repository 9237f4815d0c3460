"""The worker with real parts: real files, real datasets, real training, no screen."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from watched_worker import TINY, Watched, planned

from rotui.errors import DataError, ExitCode, RunFailedError, StoppedError, StoreError
from rotui.profile.schema import Profile
from rotui.store.past_runs import read_runs
from rotui.store.queue import Queue
from rotui.store.session import look
from rotui.study.events import (
    EpochEnded,
    Event,
    ProbesStarted,
    RunFailed,
    RunFinished,
    RunSkipped,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import Point, plan
from rotui.worker.run_execution import out_of_memory_named


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for name in ("cat", "dog"):
            (tmp_path / "pictures" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "pictures" / split / name / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_what_happens_is_told_in_order_and_is_on_disk_by_then(tmp_path):
    made = planned("pretrain", "finetune-pretrained")

    def check(event: Event) -> None:
        runs = {run.key: run for run in read_runs(tmp_path / "runs")[0]}
        if isinstance(event, RunStarted):
            assert runs[event.run.key].status == "running"
            assert runs[event.run.key].provenance["command"] == ["rotui", "run"]
        if isinstance(event, EpochEnded):
            assert runs[event.run.key].epochs[-1] == event.record
        if isinstance(event, RunFinished):
            assert runs[event.run.key].result == event.result

    watched = Watched(tmp_path, on=check)
    outcome = watched.work(made)
    started = ["RunStarted", "EpochEnded"]
    assert watched.kinds() == [*started, "ProbesStarted", "RunFinished", *started, "RunFinished"]
    assert outcome == {"pretrain": "finished", "finetune-pretrained": "finished"}
    steps = [event for event in watched.events if isinstance(event, StepEnded)]
    assert [(step.epoch, step.step, step.steps, step.images) for step in steps[:2]] == [
        (1, 1, 2, 30),
        (1, 2, 2, 30),
    ]
    pretrained, tuned = read_runs(tmp_path / "runs")[0]
    assert set(pretrained.result.probes) == {"pretrained", "random"}
    assert tuned.result.probes == {}
    assert (tuned.parent, tuned.parent_run) == (pretrained.key, pretrained.name)
    assert pretrained.provenance["data_identity"]


def test_finished_runs_are_reused_and_fresh_ones_trained_again(tmp_path):
    made = planned("pretrain", "supervised-pretrained")
    Watched(tmp_path).work(made)
    again = Watched(tmp_path)
    assert again.queue(made).finished == {run.key for run in made.runs}
    assert set(again.work(made).values()) == {"finished"}
    assert again.kinds() == []
    fresh = Watched(tmp_path)
    fresh.work(made, fresh=True)
    assert fresh.kinds().count("RunStarted") == 2
    runs = read_runs(tmp_path / "runs")[0]
    assert [run.number for run in runs] == [1, 2, 3, 4]
    assert runs[3].parent_run == runs[2].name
    assert runs[0].result.to_json() == runs[2].result.to_json()


def test_a_run_whose_weights_are_gone_is_trained_again(tmp_path):
    made = planned("supervised-random")
    Watched(tmp_path).work(made)
    next((tmp_path / "runs").glob("0001-*/model.safetensors")).unlink()
    again = Watched(tmp_path)
    again.work(made)
    assert "RunStarted" in again.kinds()


def test_changed_images_of_a_folder_are_trained_again(tmp_path, pictures):
    made = planned("supervised-random", data={"name": "folder", "path": str(pictures)})
    first = Watched(tmp_path)
    first.work(made)
    assert first.decoded[0] == (0, 32)
    assert first.decoded[-1] == (32, 32)
    same = Watched(tmp_path)
    same.work(made)
    assert same.kinds() == []
    Image.new("RGB", (32, 32), "red").save(pictures / "train" / "cat" / "new.png")
    changed = Watched(tmp_path)
    changed.work(made)
    assert "RunStarted" in changed.kinds()
    runs = read_runs(tmp_path / "runs")[0]
    assert len({run.data_identity for run in runs}) == 2
    assert len({run.key for run in runs}) == 1


def test_what_a_late_run_lacks_is_said_before_anything_is_trained(tmp_path):
    points = [
        Point(Profile.model_validate({**TINY, "data": {"name": name}})) for name in ("digits", "cifar10")
    ]
    watched = Watched(tmp_path)
    with pytest.raises(DataError, match="CIFAR-10 was not found"):
        watched.work(plan(points))
    assert not (tmp_path / "runs").exists()
    assert watched.events == []


def test_too_few_labels_of_a_late_run_are_said_before_anything_is_trained(tmp_path):
    made = [planned(), planned("finetune-random", labels={"per_class": 5000}, scale={"epochs": 1})]
    both = plan(cell.point for each in made for cell in each.cells)
    with pytest.raises(DataError, match="5000"):
        Watched(tmp_path).work(both)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("moment", [StepEnded, EpochEnded, ProbesStarted])
def test_a_stop_is_recorded_and_the_same_plan_goes_on(tmp_path, moment):
    made = planned("pretrain", "supervised-random")
    watched = Watched(tmp_path, stop_at=moment)
    assert watched.work(made) == {"pretrain": "stopped", "supervised-random": "queued"}
    assert isinstance(watched.events[-1], RunStopped)
    stopped = read_runs(tmp_path / "runs")[0][0]
    assert stopped.reason == watched.events[-1].reason
    assert set(Watched(tmp_path).work(made).values()) == {"finished"}


def test_a_stop_between_two_runs_leaves_the_next_queued(tmp_path):
    watched = Watched(tmp_path, stop_at=RunFinished)
    outcome = watched.work(planned("pretrain", "supervised-random"))
    assert outcome == {"pretrain": "finished", "supervised-random": "queued"}
    assert isinstance(watched.events[-1], RunFinished)


def test_a_stop_while_images_are_decoded_leaves_nothing(tmp_path, pictures):
    watched = Watched(tmp_path)
    watched.stop.set()
    with pytest.raises(StoppedError, match="decoded") as stopped:
        watched.work(planned(data={"name": "folder", "path": str(pictures)}))
    assert stopped.value.exit_code is ExitCode.INTERRUPTED
    assert not (tmp_path / "runs").exists()
    assert not list((tmp_path / "data").glob("cache/folder*"))


def test_a_run_that_fails_is_recorded_and_the_plan_goes_on_without_what_starts_from_it(tmp_path):
    made = planned()

    def spoil(event: Event) -> None:
        if isinstance(event, RunStarted) and event.run.stage_name == "pretrain":
            raise RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED\nmore")

    watched = Watched(tmp_path, on=spoil)
    assert watched.work(made) == {
        "pretrain": "failed",
        "finetune-pretrained": "skipped",
        "finetune-random": "finished",
        "supervised-pretrained": "skipped",
        "supervised-random": "finished",
    }
    skipped = [event for event in watched.events if isinstance(event, RunSkipped)]
    assert [event.reason for event in skipped] == ["run 1, which it starts from, failed"] * 2
    [failure] = [event for event in watched.events if isinstance(event, RunFailed)]
    failed = read_runs(tmp_path / "runs")[0][0]
    assert (failed.status, failed.reason) == ("failed", failure.reason)
    assert failure.reason == "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"
    assert failure.reason in (failed.path / "run.log").read_text()
    Queue(tmp_path / "runs", print).retry([failed.name])
    assert set(Watched(tmp_path).work(made).values()) == {"finished"}
    assert len(read_runs(tmp_path / "runs")[0]) == 5


def test_a_directory_that_cannot_be_written_ends_the_plan_and_its_run_is_taken_up(tmp_path):
    made = planned("supervised-random", "finetune-random")

    def spoil(event: Event) -> None:
        if isinstance(event, RunStarted):
            (tmp_path / "runs" / event.directory / "model.safetensors").mkdir()

    with pytest.raises(StoreError, match=r"model\.safetensors"):
        Watched(tmp_path, on=spoil).work(made)
    unfinished, waiting = read_runs(tmp_path / "runs")[0]
    assert (unfinished.status, waiting.status) == ("interrupted", "queued")
    (unfinished.path / "model.safetensors").rmdir()
    assert set(Watched(tmp_path).work(made).values()) == {"finished"}
    assert [run.verdict for run in read_runs(tmp_path / "runs")[0]] == ["exact", ""]


def test_a_loss_that_is_not_finite_fails_the_run_and_says_what_would_help(tmp_path):
    tiny = 1e-42
    made = planned("supervised-random", data={"name": "digits", "std": [tiny] * 3})
    watched = Watched(tmp_path)
    assert watched.work(made) == {"supervised-random": "failed"}
    assert "training loss is nan in epoch 1" in watched.events[-1].reason
    assert "optimizer.learning_rate" in watched.events[-1].reason


def test_broken_weights_of_a_pre_training_are_told_and_it_is_trained_again(tmp_path):
    Watched(tmp_path).work(planned("pretrain"))
    weights = next((tmp_path / "runs").glob("0001-*/model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    watched = Watched(tmp_path)
    outcome = watched.work(planned("finetune-pretrained", "supervised-random"))
    assert set(outcome.values()) == {"finished"}
    assert "model.safetensors is damaged" in watched.notices[0]
    names = [run.name for run in read_runs(tmp_path / "runs")[0]]
    assert len(names) == 4
    assert read_runs(tmp_path / "runs")[0][2].parent_run == names[1]


def test_weights_in_which_a_bit_flips_while_a_run_waits_fail_it(tmp_path):
    watched = Watched(tmp_path)
    watched.work(planned("pretrain"))
    watched.queue(planned("finetune-pretrained"))
    weights = next((tmp_path / "runs").glob("0001-*/model.safetensors"))
    raw = bytearray(weights.read_bytes())
    raw[-100] ^= 1
    weights.write_bytes(raw)
    watched.worker.work()
    assert "model.safetensors is damaged" in watched.events[-1].reason


def test_the_thread_hands_over_what_ended_it(tmp_path):
    def break_down(event: Event) -> None:
        if isinstance(event, RunStarted):
            raise KeyError("a defect")

    watched = Watched(tmp_path, on=break_down)
    watched.queue(planned("supervised-random"))
    watched.worker.start().join()
    assert isinstance(watched.worker.error, KeyError)
    assert [run.status for run in look(tmp_path / "runs")[0]] == ["interrupted"]


def test_settings_that_were_changed_after_queueing_are_kept_aside_and_those_queued_are_used(tmp_path):
    watched = Watched(tmp_path)
    watched.queue(planned("supervised-random"))
    profile = next((tmp_path / "runs").glob("0001-*/profile.toml"))
    queued = profile.read_text()
    profile.write_text(queued.replace("learning_rate = 0.001", "learning_rate = 0.002"))
    watched.worker.work()
    assert isinstance(watched.events[-1], RunFinished)
    assert profile.read_text() == queued
    assert "learning_rate = 0.002" in next(profile.parent.glob("profile.toml.unreadable-*")).read_text()
    assert "kept aside" in watched.notices[0]


def test_a_run_that_an_engine_of_other_numbers_queued_fails_and_says_what_to_do(tmp_path, monkeypatch):
    watched = Watched(tmp_path)
    with monkeypatch.context() as before:
        before.setattr("rotui.study.content_key.ENGINE_VERSION", 1)
        watched.queue(planned("supervised-random"))
    watched.worker.work()
    assert isinstance(watched.events[-1], RunFailed)
    assert "another version of rotui queued it (queue it again)" in watched.events[-1].reason
    assert watched.kinds() == ["RunFailed"]


def test_data_that_changes_after_a_run_began_fails_it(tmp_path, pictures):
    made = planned("supervised-random", data={"name": "folder", "path": str(pictures)}, scale={"epochs": 2})
    Watched(tmp_path, stop_at=EpochEnded).work(made)
    Image.new("RGB", (32, 32), "red").save(pictures / "train" / "cat" / "new.png")
    watched = Watched(tmp_path)
    watched.worker.work()
    assert "images or labels have changed" in watched.events[-1].reason


def test_a_dataset_is_loaded_once_for_all_runs_that_use_it(tmp_path, pictures):
    watched = Watched(tmp_path)
    watched.work(planned(data={"name": "folder", "path": str(pictures)}))
    assert [done for done, _ in watched.decoded].count(0) == 1


def test_running_out_of_memory_names_the_sizes_that_ask_for_it():
    run = planned("supervised-random").runs[0]
    sizes = r"resnet10 of width 8, 32 px and optimizer.batch_size 30"
    with pytest.raises(RunFailedError, match=sizes), out_of_memory_named(run):
        torch.empty(2**50, dtype=torch.uint8)
    with pytest.raises(RunFailedError, match="out of memory"), out_of_memory_named(run):
        np.empty(2**50, dtype=np.uint8)
    with pytest.raises(RunFailedError, match="out of memory"), out_of_memory_named(run):
        raise torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="shape") as other, out_of_memory_named(run):
        torch.zeros(2, 3) @ torch.zeros(2, 3)
    assert not isinstance(other.value, RunFailedError)


def test_every_file_of_a_run_is_plain_and_whole(tmp_path):
    Watched(tmp_path).work(planned("supervised-random"))
    [folder] = [entry for entry in (tmp_path / "runs").iterdir() if entry.is_dir()]
    names = {entry.name for entry in folder.iterdir()}
    files = {"profile.toml", "provenance.json", "metrics.csv", "run.log", "result.json", "model.safetensors"}
    assert files | {"state.json"} <= names
    assert not [name for name in names if name.endswith(".tmp")]
    assert json.loads((folder / "result.json").read_text())["epochs"] == 1
    assert all(os.access(folder / name, os.R_OK) for name in names)
