"""A process that trains two runs at once, killed or asked to stop with both under way."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from studies import KILLED, PATIENCE, SMALL, Commands, Started, statuses

from rotui.store.past_runs import read_runs

TWO = [
    *("queue", "add", *SMALL, "--epochs", "40"),
    *("--set", 'stages=["supervised-random"]', "--set", "seed=1,2"),
]
WORK = ["worker", "--checkpoint-seconds", "0.2", "--jobs", "2"]


def weights(runs: Path) -> list[str]:
    """The digest of each finished run's weights, by number."""
    return [run.weights_sha256 for run in read_runs(runs)[0]]


@pytest.fixture(scope="module")
def one_by_one(rotui: Commands, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    runs = tmp_path_factory.mktemp("one-by-one")
    assert rotui(*TWO, runs=runs) == 0
    assert rotui("worker", runs=runs) == 0
    return weights(runs)


@pytest.fixture
def working(rotui: Commands, tmp_path: Path) -> Started:
    """A worker that has trained some epochs of both."""
    assert rotui(*TWO, runs=tmp_path) == 0
    worker = rotui.start(*WORK, runs=tmp_path)
    until(lambda: [bool(run.epochs) for run in read_runs(tmp_path)[0]] == [True, True], worker)
    assert statuses(tmp_path) == {1: "running", 2: "running"}
    return worker


def until(holds: Callable[[], bool], worker: Started) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert not worker.ended, worker.said
        assert time.monotonic() < end, worker.said
        time.sleep(0.005)


def test_killed_it_leaves_both_interrupted_and_both_are_taken_up_to_the_same_bytes(
    rotui: Commands, working: Started, one_by_one: list[str], tmp_path: Path
) -> None:
    assert working.kill() == KILLED
    assert statuses(tmp_path) == {1: "interrupted", 2: "interrupted"}
    assert rotui(*WORK, runs=tmp_path) == 0, rotui.log.read_text()
    assert weights(tmp_path) == one_by_one
    assert [(run.resumes, run.verdict) for run in read_runs(tmp_path)[0]] == [(1, "exact")] * 2


def test_terminated_it_stops_both_at_a_checkpoint_and_both_go_on_to_the_same_bytes(
    rotui: Commands, working: Started, one_by_one: list[str], tmp_path: Path
) -> None:
    working.terminate()
    assert working.wait() == 143
    assert statuses(tmp_path) == {1: "stopped", 2: "stopped"}
    assert rotui("worker", runs=tmp_path) == 0, rotui.log.read_text()
    assert weights(tmp_path) == one_by_one
    assert [run.verdict for run in read_runs(tmp_path)[0]] == ["exact", "exact"]
