"""The console's own worker with real trainings: when it begins, waits, frees the device and lets be."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from PIL import Image
from sample_runs import PATIENCE, begin, curve, queue_profiles, refresh
from trained_runs import SMALL

from rotui.data.loading import Datasets
from rotui.profile.schema import Profile
from rotui.queueing import queue_plan
from rotui.store.adding import Wishes
from rotui.store.listing import ListedRun
from rotui.store.ordering import in_turn
from rotui.store.session import look
from rotui.study.planning import Point, plan
from rotui.tui.live.trainer import Trainer
from rotui.tui.workplace import Workplace

HOLD = """
import sys
from pathlib import Path
from rotui.store.device_lock import DeviceLock
print(DeviceLock("cpu", Path(sys.argv[1])).acquire(["rotui", "worker"], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""

COUNT_COLLECTABLE = """
import gc, sys
from pathlib import Path
from rotui.tui.live.trainer import Trainer
from rotui.tui.workplace import Workplace
place = Workplace(Path(sys.argv[1]), Path(sys.argv[2]), "cpu", command=("rotui",))
trainer = Trainer(place, notice=print, changed=lambda: None)
trainer.start(frozenset(sys.argv[3:]), 1)
trainer.join()
print("torch" in sys.modules, gc.isenabled(), len(gc.get_objects()))
"""


class Training:
    """A trainer in a runs directory, and all that it told."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.runs_dir = folder / "runs"
        self._versions = count(1)
        self.notices: list[str] = []
        self.told: list[tuple[tuple[str, ...], bool, tuple[int, int] | None]] = []
        self.took_processor: list[bool] = []
        self.place = Workplace(self.runs_dir, folder / "data", device, command=("rotui",))
        self.trainer = Trainer(self.place, notice=self.notices.append, changed=self._changed)

    def _changed(self) -> None:
        self.told.append((self.trainer.current, self.trainer.is_working, self.trainer.decoding))
        self.took_processor.append(self.trainer.takes_processor)

    def queue(self, *seeds: int, **values: object) -> list[str]:
        """Queues a quick run for each seed; the names of their directories."""
        profile = {**SMALL, "stages": ("supervised-random",), **values}
        planned = plan(Point(Profile.model_validate({**profile, "seed": seed})) for seed in seeds)
        datasets = Datasets(self.place.data_dir, progress=lambda *_: None, stop=lambda: False)
        queued = queue_plan(planned, self.runs_dir, datasets, Wishes(study="small"), self.notices.append)
        return [queued.names[run.key] for run in planned.runs]

    def ready(self) -> frozenset[str]:
        """The runs that can begin, as a snapshot has them."""
        return frozenset(run.name for run in in_turn(look(self.runs_dir)[0]))

    def run(self, name: str) -> ListedRun:
        return next(run for run in look(self.runs_dir)[0] if run.name == name)

    def start(self) -> None:
        self.trainer.start(self.ready(), next(self._versions))

    def ends(self) -> None:
        """Waits until it has nothing left to do."""
        assert self.trainer.join(PATIENCE)


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    made = Training(tmp_path)
    yield made
    made.trainer.stop()
    assert made.trainer.join(PATIENCE)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "never came about"
        time.sleep(0.01)


@contextmanager
def another_process(runs_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    """One that has the device until it ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(runs_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "True\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_trains_what_is_ready_ends_and_frees_the_device(training: Training) -> None:
    first, second = training.queue(1, 2)
    training.start()
    assert training.trainer.is_working
    training.start()
    training.ends()
    assert [training.run(name).status for name in (first, second)] == ["finished", "finished"]
    currents = [current for current, _, _ in training.told]
    assert currents == [(first,), (), (second,), (), ()]
    assert [working for _, working, _ in training.told] == [True] * 4 + [False]
    assert training.took_processor == [True] * 4 + [False]
    assert (training.trainer.current, training.trainer.error, training.notices) == ((), None, [])
    with another_process(training.runs_dir):
        assert training.trainer.waits_for == ""


def test_what_was_imported_is_not_gone_through_again_for_what_can_be_freed(training: Training) -> None:
    (name,) = training.queue(1)
    words = [
        sys.executable,
        "-c",
        COUNT_COLLECTABLE,
        str(training.runs_dir),
        str(training.place.data_dir),
        name,
    ]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert training.run(name).status == "finished"
    loaded, enabled, objects = ended.stdout.split()
    assert (loaded, enabled) == ("True", "True")
    assert int(objects) < 30_000  # torch alone has 400 000


def test_it_begins_again_for_what_came_later_and_not_without_anything_to_do(training: Training) -> None:
    training.queue(1)
    training.start()
    training.ends()
    training.trainer.start(frozenset(), 99)
    assert not training.trainer.is_working
    (second,) = training.queue(2)
    training.start()
    training.ends()
    assert training.run(second).status == "finished"


def test_a_stop_keeps_a_checkpoint_and_nothing_begins_after_it(training: Training) -> None:
    name, other = training.queue(1, 2, scale={"limit": 60, "epochs": 500})
    training.start()
    until(lambda: training.run(name).epochs > 0)
    assert training.trainer.current == (name,)
    training.trainer.stop()
    training.ends()
    stopped = training.run(name)
    assert (stopped.status, training.run(other).status) == ("stopped", "queued")
    assert 0 < stopped.epochs < 500
    assert list((training.runs_dir / name / "checkpoints").glob("*/manifest.json"))
    training.start()
    assert not training.trainer.is_working


def test_another_trainer_goes_on_from_the_checkpoint(training: Training, tmp_path: Path) -> None:
    (name,) = training.queue(1, scale={"limit": 60, "epochs": 40})
    training.start()
    until(lambda: training.run(name).epochs > 0)
    training.trainer.stop()
    training.ends()
    assert training.run(name).status == "stopped"
    other = Training(tmp_path)
    other.start()
    other.ends()
    done = training.run(name)
    assert (done.status, done.epochs, done.resumes, done.verdict) == ("finished", 40, 1, "exact")


def refuse(training: Training, name: str) -> None:
    """Makes a run one that was begun elsewhere: with a checkpoint of another environment."""
    training.start()
    until(lambda: training.run(name).epochs > 0)
    training.trainer.stop()
    training.ends()
    for manifest in (training.runs_dir / name / "checkpoints").glob("*/manifest.json"):
        values = json.loads(manifest.read_bytes())
        values["environment"]["torch"] = "0.1"
        manifest.write_text(json.dumps(values))


def test_what_it_refused_is_tried_again_only_when_something_changed(tmp_path: Path) -> None:
    before, training = Training(tmp_path), Training(tmp_path)
    (name,) = before.queue(1, scale={"limit": 60, "epochs": 500})
    refuse(before, name)
    training.start()
    training.ends()
    assert training.run(name).status == "stopped"
    assert [name in notice and "torch 0.1" in notice for notice in training.notices] == [True]
    rounds = len(training.told)
    for _ in range(3):
        training.start()
        assert not training.trainer.is_working
    assert len(training.told) == rounds
    (new,) = training.queue(2)
    training.start()
    training.ends()
    assert training.run(new).status == "finished"
    training.start()
    assert not training.trainer.is_working
    training.trainer.try_again()
    training.start()
    assert training.trainer.is_working
    training.ends()
    assert training.run(name).status == "stopped"


def test_an_error_is_told_once_and_ends_the_round_but_not_the_next(tmp_path: Path) -> None:
    training = Training(tmp_path, device="cuda:99")
    training.queue(1)
    training.start()
    training.ends()
    assert training.trainer.error is not None
    assert len(training.notices) == 1
    assert training.notices[0].startswith("training has ended: ")
    training.start()
    assert not training.trainer.is_working
    training.trainer.try_again()
    training.start()
    training.ends()
    assert len(training.notices) == 2
    assert [run.status for run in look(training.runs_dir)[0]] == ["queued"]


def test_it_waits_for_a_device_that_another_process_has_says_so_and_then_goes_on(training: Training) -> None:
    (name,) = training.queue(1)
    with another_process(training.runs_dir) as process:
        training.start()
        until(lambda: training.trainer.waits_for)
        assert f"process {process.pid} on" in training.trainer.waits_for
        assert "(rotui worker, " in training.trainer.waits_for
        until(lambda: training.notices)
        assert f"cpu is in use by process {process.pid}" in training.notices[0]
        assert training.run(name).status == "queued"
    training.ends()
    assert training.run(name).status == "finished"
    assert (training.trainer.waits_for, len(training.notices)) == ("", 1)


def test_what_another_process_trains_is_not_said_to_be_trained_here(training: Training) -> None:
    elsewhere, here = training.queue(1, 2)
    with another_process(training.runs_dir):
        directory = begin(training.runs_dir / elsewhere, curve(1))
        refresh(training.runs_dir)
        training.start()
        until(lambda: training.trainer.waits_for)
    until(lambda: training.run(here).status == "finished")
    directory.fail("loss is nan")
    training.ends()
    assert {current for current, _, _ in training.told} == {(), (here,)}


def test_decoding_is_told_until_it_is_done(training: Training) -> None:
    images = training.runs_dir.parent / "images"
    for split, kind, number in (
        (split, kind, n) for split in ("train", "val") for kind in "ab" for n in range(4)
    ):
        file = images / split / kind / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (60 * number, 99, 20)).save(file)
    made = Profile.model_validate(
        {
            **SMALL,
            "stages": ("supervised-random",),
            "data": {"name": "folder", "path": str(images), "image_size": 16},
        }
    )
    (name,) = queue_profiles(training.runs_dir, made)
    training.start()
    training.ends()
    assert training.run(name).status == "finished"
    decoding = [told for _, _, told in training.told]
    assert any(told is not None and told[0] < told[1] for told in decoding)
    assert decoding[-1] is None
    assert ((name,), None) in [(current, told) for current, _, told in training.told]
