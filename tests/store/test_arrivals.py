"""When each run of the queue will have ended: measured on this host, in the order of the queue."""

from collections.abc import Callable
from pathlib import Path

import pytest

import rotui.store.arrivals
import rotui.store.measured
from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.store.arrivals import Arrivals
from rotui.store.bench_figures import keep_figures
from rotui.store.layout import METRICS, PROFILE
from rotui.store.live_progress import LiveProgress
from rotui.store.measured import ALIKE, MeasuredRuns
from rotui.store.ordering import in_order
from rotui.store.past_runs import read_profile, read_run
from rotui.store.queue import Queue
from rotui.store.run_directory import RunDirectory
from rotui.store.session import look
from rotui.study.bench_figure import BenchFigure
from rotui.study.machine import Machine
from rotui.study.planning import Point, plan
from rotui.study.records import Classification, EpochRecord, RunResult

HERE = Machine("box", 1)
TOLD = Classification(("a", "b"), ((1, 0), (0, 1)), (100.0, 100.0))


class Runs:
    """A runs directory in which runs are queued, trained in no time and asked about by their numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._arrivals = Arrivals(folder, HERE)

    def queue(self, seed: int, epochs: int = 10, **values: object) -> Path:
        """A queued run of one quick stage."""
        made = {"name": "a", "stages": ("supervised-random",), "data": {"name": "digits"}, "seed": seed}
        made |= {"compute": {"threads": 1}, "scale": {"epochs": epochs}, **values}
        planned = plan([Point(Profile.model_validate(made))])
        queued = add_plan(self.folder, planned, Wishes(), {}, print)
        return self.folder / queued.names[planned.runs[-1].key]

    def begin(self, path: Path, epochs: int, seconds: float = 3.0, **provenance: object) -> RunDirectory:
        """Has a run train this many epochs, of so many seconds each, on the machine that is asked about."""
        directory = RunDirectory.begin(path)
        told = {"host": "box", "device": "cpu", "device_name": "processor", "threads": 1}
        directory.write_provenance({**told, **provenance})
        directory.rewrite_epochs(epoch(number, seconds) for number in range(1, epochs + 1))
        return directory

    def finish(self, path: Path, seconds: float = 3.0, **provenance: object) -> None:
        """Trains a run to its end."""
        count = read_profile(path).scale.epochs
        directory = self.begin(path, count, seconds, **provenance)
        (path / "model.safetensors").write_bytes(b"weights")
        directory.finish(RunResult.of([epoch(count, seconds)], TOLD), "")

    def told(self, live: dict[int, LiveProgress] | None = None) -> dict[int, object]:
        """The seconds until each run has ended."""
        Queue(self.folder, print).resume()
        runs = look(self.folder)[0]
        numbers = {run.name: run.number for run in runs}
        progress = {run.name: live[run.number] for run in runs if live and run.number in live}
        told = self._arrivals.of(runs, in_order(runs), progress)
        return {numbers[name]: pytest.approx(seconds) for name, seconds in told.items()}


def epoch(number: int, seconds: float = 3.0) -> EpochRecord:
    return EpochRecord(number, 1.0, 50.0, 1.0, 50.0, None, None, 0.01, seconds, 100.0)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


@pytest.fixture
def measured(runs: Runs) -> Runs:
    """Run 1 has trained 10 epochs of 3 seconds."""
    runs.finish(runs.queue(1))
    return runs


def test_seconds_add_up_in_the_queues_order(measured: Runs) -> None:
    measured.queue(2)
    third = measured.queue(3, epochs=20)
    assert measured.told() == {2: 30, 3: 90}
    Queue(measured.folder, print).prioritise([third.name], 1)
    assert measured.told() == {3: 60, 2: 90}


def test_an_empty_queue_has_no_arrivals(measured: Runs) -> None:
    assert measured.told() == {}
    assert Runs(measured.folder.parent / "none").told() == {}


def test_what_is_held_or_skipped_is_passed_over(measured: Runs) -> None:
    held = measured.queue(2)
    tuned = measured.queue(3, stages=("finetune-pretrained",))
    measured.queue(4)
    Queue(measured.folder, print).hold([held.name])
    Queue(measured.folder, print).cancel([look(measured.folder)[0][2].name])
    assert look(measured.folder)[0][3].name == tuned.name
    assert measured.told() == {5: 30}


def test_after_a_run_of_which_nothing_is_known_nothing_is_told(measured: Runs) -> None:
    measured.queue(2)
    measured.queue(3, network={"architecture": "resnet34"})
    last = measured.queue(4)
    assert measured.told() == {2: 30}
    Queue(measured.folder, print).move([last.name], "first")
    assert measured.told() == {4: 30, 2: 60}


def test_what_was_begun_takes_only_what_is_left(measured: Runs) -> None:
    stopped = measured.queue(2)
    measured.begin(stopped, 4).stop("asked")
    measured.queue(3)
    assert measured.told() == {2: 18, 3: 48}


def test_a_run_that_goes_on_is_told_by_its_progress_or_else_by_what_was_measured(measured: Runs) -> None:
    going_on = measured.begin(measured.queue(2), 4)
    measured.queue(3)
    assert measured.told() == {2: 18, 3: 48}
    halfway = LiveProgress(epoch=5, step=1, steps=2, images_per_second=1.0, seconds_per_epoch=10.0)
    assert measured.told({2: halfway}) == {2: 55, 3: 85}
    no_rate = LiveProgress(epoch=5, step=1, steps=2, images_per_second=1.0, seconds_per_epoch=0.0)
    assert measured.told({2: no_rate}) == {2: 16.5, 3: 46.5}
    going_on.close()


def test_what_goes_on_unknown_leaves_the_rest_untold(runs: Runs) -> None:
    going_on = RunDirectory.begin(runs.queue(1))
    runs.queue(2)
    assert runs.told() == {}
    going_on.close()


def test_the_queue_is_worked_off_by_as_many_as_are_trained_now(measured: Runs) -> None:
    going_on = [measured.begin(measured.queue(seed), 0) for seed in (2, 3)]
    for seed in (4, 5, 6):
        measured.queue(seed)
    live = {number: LiveProgress(1, 0, 2, 1.0, per_epoch) for number, per_epoch in ((2, 1.0), (3, 8.0))}
    assert measured.told(live) == {2: 10, 3: 80, 4: 40, 5: 70, 6: 100}
    for directory in going_on:
        directory.close()


@pytest.mark.parametrize(
    "elsewhere", [{"host": "another"}, {"threads": 4}, {"host": None}, {"device": None}, {"threads": None}]
)
def test_only_what_was_trained_on_this_machine_counts(runs: Runs, elsewhere: dict[str, object]) -> None:
    runs.finish(runs.queue(1), 99.0, **elsewhere)
    runs.queue(2)
    assert runs.told() == {}
    runs.finish(runs.queue(3))
    assert runs.told() == {2: 30}


def test_what_ended_is_read_once_and_what_goes_on_each_time(
    measured: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = measured.begin(measured.queue(2), 1)
    for seed in (3, 4):
        measured.queue(seed)
    read: list[str] = []
    for module, reader in ((rotui.store.measured, read_run), (rotui.store.arrivals, read_profile)):
        monkeypatch.setattr(module, reader.__name__, recorded(reader, read))
    measured.told()
    assert sorted(read) == ["read_profile 0002", "read_run 0001", "read_run 0002"]
    going_on.append_epoch(epoch(2))
    measured.told()
    assert read[3:] == ["read_run 0002"]
    going_on.close()


def recorded(reader: Callable[[Path], object], calls: list[str]) -> Callable[[Path], object]:
    """The reader, whose calls are kept with the number of the run."""

    def read(path: Path) -> object:
        calls.append(f"{reader.__name__} {path.name[:4]}")
        return reader(path)

    return read


def test_of_each_kind_the_newest_few_are_read_and_of_all_no_more_than_is_worth_it(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotui.store.measured, "MOST", 6)
    for seed in range(ALIKE + 2):
        runs.finish(runs.queue(seed))
    few = MeasuredRuns(runs.folder).of(look(runs.folder)[0])
    assert [run.number for run in few] == [5, 4, 3]
    for epochs in (20, 30, 40, 50):
        runs.finish(runs.queue(1, epochs=epochs))
    past = MeasuredRuns(runs.folder).of(look(runs.folder)[0])
    assert [run.number for run in past] == [9, 8, 7, 6, 5, 4]


def test_figures_of_the_bench_tell_as_soon_as_they_are_there(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    runs.queue(1, epochs=2)
    Queue(runs.folder, print).resume()
    found = look(runs.folder)[0]
    arrivals = Arrivals(runs.folder, HERE)
    assert arrivals.of(found, in_order(found), {}) == {}
    kind = ("box", "cpu", "cpu", 1, "resnet18", 32, 128, "fp32", True)
    keep_figures([BenchFigure(*kind, 0.01, 0.001, "2026-01-01T00:00:00.000Z")])
    seconds = 2 * (1437 * 0.01 + 360 * 0.001)
    assert arrivals.of(found, in_order(found), {}) == {found[0].name: pytest.approx(seconds)}


def test_what_is_damaged_is_left_out_and_ends_nothing(measured: Runs) -> None:
    damaged = measured.queue(2)
    measured.finish(damaged, 99.0)
    waiting = measured.queue(3)
    Queue(measured.folder, print).resume()
    runs = look(measured.folder)[0]
    (damaged / METRICS).write_text("damaged\n")
    arrivals = Arrivals(measured.folder, HERE)
    assert arrivals.of(runs, in_order(runs), {}) == {waiting.name: pytest.approx(30)}
    (waiting / PROFILE).write_text("=")
    assert Arrivals(measured.folder, HERE).of(runs, in_order(runs), {}) == {}
