"""Several runs trained at once by one worker, with real trainings: the queue's promises hold for each."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from threading import Event as Flag

import pytest
import torch
from watched_worker import TINY, Watched

from rotui.errors import DeviceError, StoreError
from rotui.profile.schema import Profile
from rotui.store.listing import ListedRun
from rotui.store.past_runs import read_run, read_state
from rotui.store.queue import Queue
from rotui.store.session import look
from rotui.study.events import EpochEnded, Event, RunFailed, RunFinished, RunStarted, RunStopped, StepEnded
from rotui.study.planning import Plan, Point, plan
from rotui.worker.lane_count import FixedCount
from rotui.worker.lanes import Lanes

LONG = {"limit": 60, "epochs": 5000}


def seeds(*numbers: int, **settings: object) -> Plan:
    """A short supervised training for each seed."""
    values = {"name": "tiny", "data": {"name": "digits"}, **TINY, "stages": ["supervised-random"], **settings}
    return plan(Point(Profile.model_validate({**values, "seed": number})) for number in numbers)


def together(*plans: Plan) -> Plan:
    return plan(cell.point for each in plans for cell in each.cells)


def runs(folder: Path) -> list[ListedRun]:
    return look(folder / "runs")[0]


def statuses(folder: Path) -> list[str]:
    return [run.status for run in runs(folder)]


def trained(folder: Path) -> dict[int, tuple[str, list[object], object]]:
    """By seed the bytes of the weights, what each epoch measured but for its times, and the result."""
    told = {}
    for run in runs(folder):
        past = read_run(folder / "runs" / run.name)
        epochs = [(each.train_loss, each.validation_loss, each.validation_accuracy) for each in past.epochs]
        digest = read_state(past.path).weights_sha256
        assert digest
        told[past.profile.seed] = (digest, epochs, past.result.to_json())
    return told


def seed_of(event: Event) -> int:
    return event.run.profile.seed


def test_runs_that_are_trained_at_once_end_with_the_bytes_of_those_trained_one_by_one(tmp_path: Path) -> None:
    made = seeds(1, 2, 3, 4, scale={"limit": 60, "epochs": 3})
    one = Watched(tmp_path / "one", jobs=1)
    one.work(made)
    most = []
    several = Watched(tmp_path / "several", on=lambda _: most.append(len(several.worker.current)), jobs=2)
    several.work(made, at_once=2)
    assert statuses(tmp_path / "several") == ["finished"] * 4
    assert trained(tmp_path / "several") == trained(tmp_path / "one")
    assert max(most) == 2
    assert several.worker.current == ()
    for number in (1, 2, 3, 4):
        kinds = [type(event).__name__ for event in several.events if seed_of(event) == number]
        assert kinds == [
            "RunStarted",
            *["StepEnded", "StepEnded", "EpochEnded"] * 3,
            "RunFinished",
        ]


def test_a_stop_keeps_a_checkpoint_of_each_and_both_go_on_to_the_same_bytes(tmp_path: Path) -> None:
    made = seeds(1, 2, scale={"limit": 60, "epochs": 30})
    Watched(tmp_path / "unbroken").work(made)
    stepped = set()

    def stop_when_both_go_on(event: Event) -> None:
        if isinstance(event, EpochEnded):
            stepped.add(seed_of(event))
        if len(stepped) == 2:
            watched.stop.set()

    watched = Watched(tmp_path / "stopped", on=stop_when_both_go_on, jobs=2)
    watched.work(made, at_once=2)
    assert statuses(tmp_path / "stopped") == ["stopped", "stopped"]
    for run in runs(tmp_path / "stopped"):
        assert list((tmp_path / "stopped" / "runs" / run.name / "checkpoints").glob("*/manifest.json"))
    again = Watched(tmp_path / "stopped", jobs=2)
    again.worker.work()
    assert trained(tmp_path / "stopped") == trained(tmp_path / "unbroken")
    assert [run.verdict for run in runs(tmp_path / "stopped")] == ["exact", "exact"]


def test_one_that_fails_leaves_the_other_going(tmp_path: Path) -> None:
    bad = seeds(1, data={"name": "digits", "std": [1e-42] * 3})
    watched = Watched(tmp_path, jobs=2)
    watched.work(together(bad, seeds(2, scale={"limit": 60, "epochs": 5})), at_once=2)
    assert statuses(tmp_path) == ["failed", "finished"]
    [failed] = [event for event in watched.events if isinstance(event, RunFailed)]
    assert "training loss is nan" in failed.reason
    assert runs(tmp_path)[0].reason == failed.reason


@pytest.mark.parametrize("change", [Queue.cancel, Queue.hold])
def test_one_that_is_cancelled_or_held_stops_and_the_other_goes_on(
    tmp_path: Path, change: Callable[[Queue, list[str]], None]
) -> None:
    def take_out(event: Event) -> None:
        if isinstance(event, StepEnded) and seed_of(event) == 1 and (event.epoch, event.step) == (1, 1):
            change(Queue(tmp_path / "runs", print), [runs(tmp_path)[0].name])

    watched = Watched(tmp_path, on=take_out, jobs=2)
    watched.work(together(seeds(1, scale=LONG), seeds(2)), at_once=2)
    assert statuses(tmp_path) == ["cancelled" if change is Queue.cancel else "held", "finished"]
    stopped = [(seed_of(event), event.reason) for event in watched.events if isinstance(event, RunStopped)]
    assert stopped == [(1, "cancelled" if change is Queue.cancel else "put on hold")]


def test_a_place_that_becomes_free_is_taken_by_the_next_in_turn(tmp_path: Path) -> None:
    made = together(seeds(1, scale=LONG), seeds(2, 3, 4))

    def end_the_long_one(event: Event) -> None:
        if isinstance(event, RunFinished) and seed_of(event) == 4:
            Queue(tmp_path / "runs", print).cancel([runs(tmp_path)[0].name])

    watched = Watched(tmp_path, on=end_the_long_one, jobs=2)
    watched.work(made, at_once=2)
    assert statuses(tmp_path) == ["cancelled", "finished", "finished", "finished"]


def test_what_comes_into_the_queue_begins_beside_what_is_trained(tmp_path: Path) -> None:
    def come_and_go(event: Event) -> None:
        if isinstance(event, StepEnded) and (seed_of(event), event.epoch, event.step) == (1, 1, 1):
            watched.queue(seeds(2))
        if isinstance(event, RunFinished):
            Queue(tmp_path / "runs", print).cancel([runs(tmp_path)[0].name])

    watched = Watched(tmp_path, on=come_and_go, jobs=2)
    watched.queue(seeds(1, scale=LONG))
    watched.worker.work()
    assert statuses(tmp_path) == ["cancelled", "finished"]


def test_a_store_that_cannot_be_written_stops_the_others_with_a_checkpoint(tmp_path: Path) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, RunStarted) and seed_of(event) == 1:
            (tmp_path / "runs" / event.directory / "model.safetensors").mkdir()

    watched = Watched(tmp_path, on=spoil, jobs=2)
    with pytest.raises(StoreError, match=r"model\.safetensors"):
        watched.work(together(seeds(1), seeds(2, scale=LONG), seeds(3)), at_once=2)
    assert statuses(tmp_path) == ["interrupted", "stopped", "queued"]
    assert list((tmp_path / "runs" / runs(tmp_path)[1].name / "checkpoints").glob("*/manifest.json"))
    assert not watched.stop.is_set()


def test_a_device_that_is_lost_leaves_all_runs_to_be_taken_up(tmp_path: Path) -> None:
    """Which of them was the cause cannot be told."""

    def lose(event: Event) -> None:
        if isinstance(event, StepEnded) and seed_of(event) == 1:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    watched = Watched(tmp_path, on=lose, jobs=2)
    with pytest.raises(DeviceError, match="cpu cannot be used any more: CUDA error"):
        watched.work(seeds(1, 2, scale=LONG), at_once=2)
    assert statuses(tmp_path) == ["interrupted", "stopped"]


def test_a_device_that_is_lost_by_a_run_alone_fails_it(tmp_path: Path) -> None:
    def lose(event: Event) -> None:
        if isinstance(event, StepEnded):
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceError, match="cpu cannot be used any more: CUDA error"):
        Watched(tmp_path, on=lose, jobs=2).work(seeds(1))
    assert statuses(tmp_path) == ["failed"]


def test_runs_with_other_threads_wait_until_they_are_alone_and_are_not_passed_over(tmp_path: Path) -> None:
    two = seeds(3, compute={"threads": 2}, scale={"limit": 60, "epochs": 2})
    made = together(seeds(1, 2, scale={"limit": 60, "epochs": 2}), two, seeds(4))
    beside: list[set[int]] = []
    threads: list[tuple[int, int]] = []

    def see(event: Event) -> None:
        numbers = {int(name[:4]) for name in watched.worker.current}
        beside.append(numbers)
        if isinstance(event, StepEnded):
            threads.append((event.run.profile.compute.threads, torch.get_num_threads()))

    watched = Watched(tmp_path, on=see, jobs=3)
    watched.work(made, at_once=2)
    assert statuses(tmp_path) == ["finished"] * 4
    assert {1, 2} in beside
    assert [numbers for numbers in beside if 3 in numbers and len(numbers) > 1] == []
    started = [seed_of(event) for event in watched.events if isinstance(event, RunStarted)]
    assert (set(started[:2]), started[2:]) == ({1, 2}, [3, 4])
    assert set(threads) == {(1, 1), (2, 2)}


def test_a_run_in_deterministic_mode_shares_the_process_with_no_other_kind(tmp_path: Path) -> None:
    exact = seeds(2, compute={"threads": 1, "deterministic": True})
    beside: list[set[int]] = []
    modes: set[tuple[bool, bool]] = set()

    def see(event: Event) -> None:
        beside.append({int(name[:4]) for name in watched.worker.current})
        if isinstance(event, StepEnded):
            own = event.run.profile.compute.deterministic
            modes.add((own, torch.are_deterministic_algorithms_enabled()))

    watched = Watched(tmp_path, on=see, jobs=3)
    watched.work(together(seeds(1, scale={"limit": 60, "epochs": 20}), exact, seeds(3)))
    assert statuses(tmp_path) == ["finished"] * 3
    assert [numbers for numbers in beside if 2 in numbers and len(numbers) > 1] == []
    assert modes == {(False, False), (True, True)}


class Noting(FixedCount):
    """Keeps what it is told: the images of each run, and whether it ended for want of memory."""

    def __init__(self, jobs: int) -> None:
        super().__init__(jobs)
        self.images: Counter[str] = Counter()
        self.out_of_memory: dict[str, bool] = {}

    def trained(self, name: str, images: int) -> None:
        self.images[name[:4]] += images

    def ends(self, name: str, *, out_of_memory: bool) -> None:
        self.out_of_memory[name[:4]] = out_of_memory
        super().ends(name, out_of_memory=out_of_memory)


def test_who_counts_the_lanes_is_told_of_every_step_and_of_want_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(event: Event) -> None:
        if isinstance(event, StepEnded) and seed_of(event) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("rotui.worker.worker.FixedCount", Noting)
    watched = Watched(tmp_path, on=run_out, jobs=2)
    watched.work(together(seeds(1, 2), seeds(3, data={"name": "digits", "std": [1e-42] * 3})))
    assert statuses(tmp_path) == ["failed", "finished", "failed"]
    assert watched.worker._count.out_of_memory == {"0001": True, "0002": False, "0003": False}
    assert watched.worker._count.images == {"0001": 30, "0002": 60, "0003": 60}


def test_a_pre_training_that_two_studies_share_is_trained_once_and_waited_for(tmp_path: Path) -> None:
    stages = ["pretrain", "finetune-pretrained"]
    made = together(seeds(1, stages=stages), seeds(1, stages=stages, labels={"per_class": 3}))

    def meet_after(event: Event) -> None:
        if isinstance(event, RunFinished) and event.run.stage_name == "pretrain":
            watched.meeting = Barrier(2, action=clear)

    def clear() -> None:
        watched.meeting = None

    watched = Watched(tmp_path, on=meet_after, jobs=3)
    watched.work(made)
    assert [(run.stage, run.status) for run in runs(tmp_path)] == [
        ("pretrain", "finished"),
        ("finetune-pretrained", "finished"),
        ("finetune-pretrained", "finished"),
    ]
    kinds = [
        (type(event).__name__, event.run.stage_name)
        for event in watched.events
        if isinstance(event, RunStarted | RunFinished)
    ]
    tuned = "finetune-pretrained"
    assert kinds[:2] == [("RunStarted", "pretrain"), ("RunFinished", "pretrain")]
    assert sorted(kinds[2:]) == [("RunFinished", tuned)] * 2 + [("RunStarted", tuned)] * 2


def test_a_defect_in_one_run_ends_the_worker_and_stops_the_others(tmp_path: Path) -> None:
    def break_down(event: Event) -> None:
        if isinstance(event, StepEnded) and seed_of(event) == 2:
            raise KeyError("a defect")

    watched = Watched(tmp_path, on=break_down, jobs=2)
    with pytest.raises(KeyError, match="a defect"):
        watched.work(seeds(1, 2, scale=LONG), at_once=2)
    assert statuses(tmp_path) == ["stopped", "interrupted"]
    again = Watched(tmp_path, stop_at=StepEnded, jobs=2)
    again.worker.work()
    assert statuses(tmp_path) == ["stopped", "stopped"]


def test_of_several_errors_the_first_is_told() -> None:
    halt = Flag()
    lanes = Lanes(torch.device("cpu"), FixedCount(2), halt, lambda: None)

    def fail() -> bool:
        raise KeyError("the cause")

    def fail_after_it() -> bool:
        halt.wait(60)
        raise KeyError("what followed")

    for train, run in zip((fail_after_it, fail), seeds(1, 2).runs, strict=True):
        lanes.begin(run.key, run, train)
    lanes.join()
    assert lanes.are_empty
    assert isinstance(lanes.error, KeyError)
    assert lanes.error.args == ("the cause",)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_each_lane_has_a_stream_of_its_own() -> None:
    device = torch.device("cuda", 0)
    lanes = Lanes(device, FixedCount(2), Flag(), lambda: None)
    barrier, streams = Barrier(2), []

    def train() -> bool:
        barrier.wait(60)
        streams.append(torch.cuda.current_stream(device).cuda_stream)
        return False

    for number, run in enumerate(seeds(1, 2).runs):
        lanes.begin(str(number), run, train)
    lanes.join()
    assert lanes.error is None
    assert len({torch.cuda.default_stream(device).cuda_stream, *streams}) == 3
