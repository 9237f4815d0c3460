"""Many processes on one runs directory at once: readers, writers, workers that race for runs and device."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from studies import ADD, KILLED, PATIENCE, SMALL, STUDY, WORK, Commands, Started, digest, integrity, statuses

from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.store.claiming import claim
from rotui.store.database import Database
from rotui.store.index import load_rows
from rotui.store.layout import DATABASE
from rotui.store.queue import Queue
from rotui.store.session import look
from rotui.study.planning import Plan, Point, plan

SECONDS = 30.0
WRITERS = 20
COMMAND_WRITERS = 4
WORKERS = 50
RUNS = 10
LONG = [*SMALL[:3], "--epochs", "20", *SMALL[5:], "--set", 'stages=["pretrain"]']


def test_readers_and_twenty_writers_and_a_worker_at_once(rotui: Commands, tmp_path: Path) -> None:
    """Nobody meets an error, no change is lost, and no run is begun twice."""
    runs = tmp_path / "runs"
    ends = time.monotonic() + SECONDS
    readers = [rotui.call("test_contention:read", str(runs), ends)]
    writers = [
        rotui.call("test_contention:write", str(runs), ends, number)
        for number in range(WRITERS - COMMAND_WRITERS)
    ]
    seeds = "seed=range(1000,1060)"
    stages = 'stages=["supervised-random"]'
    assert rotui("queue", "add", *SMALL, "--set", stages, "--set", seeds, runs=runs) == 0
    worker = rotui.start(*WORK, "--watch", "--json", runs=runs)
    tagged: list[str] = []
    commands = [
        _over_and_over(lambda number=number: _tag_by_command(rotui, runs, number, tagged), ends)
        for number in range(COMMAND_WRITERS)
    ]
    commands.append(_over_and_over(lambda: _list_by_command(rotui, runs), ends))
    for thread, errors in commands:
        thread.join()
        assert not errors
    for process in (*readers, *writers):
        assert process.wait() == 0, process.said
    worker.terminate()
    assert worker.wait() == 143, worker.said

    for process in (*readers, *writers, worker):
        assert "locked" not in process.said
        assert "Traceback" not in process.said
    found, unreadable = look(runs)
    assert not unreadable
    assert integrity(runs) == "ok"
    with Database(runs / DATABASE).reading() as connection:
        assert connection is not None
        assert load_rows(connection).keys() == {run.name for run in found}

    acknowledged = [json.loads(line) for writer in writers for line in writer.said.splitlines()]
    assert {said["added"] for said in acknowledged if "added" in said} <= {run.name for run in found}
    wanted = [f"{said['run']} {said['tag']}" for said in acknowledged if "tag" in said] + tagged
    assert wanted
    assert set(wanted) <= {f"{run.number} {tag}" for run in found for tag in run.tags}
    assert len(statuses(runs)) == len(found)

    events = [json.loads(line) for line in worker.said.splitlines() if line.startswith("{")]
    begun = Counter(event["directory"] for event in events if event["event"] == "run-started")
    ended = [event for event in events if event["event"] == "run-finished"]
    assert set(begun.values()) == {1}
    assert not [event for event in events if event["event"] in ("run-resumed", "run-failed")]
    assert sum(run.status == "finished" for run in found) == len(ended)
    assert all(run.resumes == 0 for run in found)
    logs = [(runs / run.name / "run.log").read_text() for run in found if run.status == "finished"]
    assert all(log.count("epoch 1:") == log.count("finished") == 1 for log in logs)


def test_fifty_workers_that_race_for_ten_runs_take_each_once(rotui: Commands, tmp_path: Path) -> None:
    runs, over = tmp_path / "runs", tmp_path / "over"
    add_plan(runs, _plan(*range(RUNS)), Wishes(), {}, lambda _: None)
    go = time.monotonic() + 2.0
    workers = [rotui.call("test_contention:take", str(runs), go, str(over)) for _ in range(WORKERS)]
    _until(lambda: all(worker.said for worker in workers))
    told = [worker.said.strip() for worker in workers]
    taken = [line for line in told if line != "none"]
    assert sorted(taken) == [run.name for run in look(runs)[0]]
    assert set(statuses(runs).values()) == {"running"}
    over.touch()
    assert [worker.wait() for worker in workers] == [0] * WORKERS
    assert set(statuses(runs).values()) == {"interrupted"}
    assert integrity(runs) == "ok"


@pytest.fixture(scope="module")
def long(rotui: Commands, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digest of the longer run that was never stopped."""
    runs = tmp_path_factory.mktemp("long")
    assert rotui("run", *LONG, runs=runs) == 0
    return digest(runs)


@pytest.mark.parametrize("second", ["worker", "run"])
def test_a_second_process_shows_what_the_first_trains_and_goes_on_when_that_is_killed(
    rotui: Commands, long: dict[str, str], tmp_path: Path, second: str
) -> None:
    """The first is frozen, so that it neither ends nor goes on while the second looks at it."""
    assert rotui("queue", "add", *LONG, runs=tmp_path) == 0
    first = rotui.start(*WORK, runs=tmp_path)
    _until(lambda: "epoch 2/20" in first.said, first)
    first.freeze()
    other = rotui.start(*(WORK if second == "worker" else ["run", *LONG]), runs=tmp_path)
    _until(lambda: "/20" in other.said, other)
    assert f"cpu is in use by process {first.process} on " in other.said
    assert "goes on when that one ends" in other.said
    assert "goes on after" not in other.said
    assert statuses(tmp_path) == {1: "running"}
    assert first.kill() == KILLED
    assert other.wait() == 0, other.said
    assert "goes on after" in other.said
    assert statuses(tmp_path) == {1: "finished"}
    assert digest(tmp_path) == long
    log = next(tmp_path.glob("0001-*/run.log")).read_text()
    assert log.count("taken up after") == 1


def test_two_workers_on_one_directory_train_each_run_once_between_them(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path
) -> None:
    assert rotui(*ADD, runs=tmp_path) == 0
    workers = [rotui.start(*WORK, "--json", runs=tmp_path) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert digest(tmp_path) == unbroken
    for log in tmp_path.glob("[0-9]*/run.log"):
        lines = log.read_text().splitlines()
        assert sum("epoch 1:" in line for line in lines) == 1
        assert sum("finished" in line for line in lines) == 1


def test_two_commands_that_run_the_same_study_at_once_train_it_once(
    rotui: Commands, unbroken: dict[str, str], tmp_path: Path
) -> None:
    studies = [rotui.start(*STUDY, runs=tmp_path) for _ in range(3)]
    assert [study.wait() for study in studies] == [0, 0, 0]
    assert digest(tmp_path) == unbroken
    assert statuses(tmp_path) == {1: "finished", 2: "finished"}


def read(runs: str, ends: float) -> None:
    """Looks at the runs over and over; what one look shows is there in every later one."""
    seen: set[str] = set()
    looks = 0
    while time.monotonic() < ends:
        found, unreadable = look(Path(runs))
        assert not unreadable, unreadable
        names = {run.name for run in found}
        assert seen <= names
        assert len({run.number for run in found}) == len(found)
        seen, looks = names, looks + 1
    assert looks > 1


def write(runs: str, ends: float, number: int) -> None:
    """Changes the queue over and over by any of its functions; says in JSON what was done."""
    rng, count = random.Random(number), 0
    queue = Queue(Path(runs), _fail)
    held: list[str] = []
    while time.monotonic() < ends:
        count += 1
        found, unreadable = look(Path(runs))
        assert not unreadable, unreadable
        run = rng.choice(found) if found else None
        kind = rng.choice(["add", "tag", "tag", "note", "move", "prioritise", "hold", "cancel", "pause"])
        if run is None or (kind == "add" and len(held) < 3):
            wishes = Wishes(held=True, note="held")
            queued = add_plan(Path(runs), _plan(10_000 * (number + 1) + count), wishes, {}, _fail)
            held += queued.names.values()
            for name in queued.names.values():
                print(json.dumps({"added": name}), flush=True)
        elif kind == "tag":
            tag = f"{number}-{count}"
            queue.tag([run.name], [tag], [])
            print(json.dumps({"run": run.number, "tag": tag}), flush=True)
        elif kind == "note":
            queue.note([run.name], f"{number} was here")
        elif kind == "move":
            queue.move([run.name], rng.choice(["first", "last"]))
        elif kind == "prioritise":
            queue.prioritise([run.name], rng.randrange(3))
        elif kind == "hold" and held:
            queue.hold([rng.choice(held)])
        elif kind == "cancel" and held:
            queue.cancel([rng.choice(held)])
        elif kind == "pause":
            queue.pause()
            queue.resume()
        time.sleep(rng.uniform(0, 0.4))


def take(runs: str, go: float, over: str) -> None:
    """Takes one run at the moment `go` and holds it until the file `over` is there."""
    time.sleep(max(0.0, go - time.monotonic()))
    claimed = claim(Path(runs), None, lambda _: "", _fail)
    print(claimed.directory.name if claimed.directory else "none", flush=True)
    _until(Path(over).exists)


def _fail(text: str) -> None:
    raise AssertionError(f"something was repaired: {text}")


def _plan(*seeds: int) -> Plan:
    settings = {"name": "tiny", "data": {"name": "digits"}, "stages": ("supervised-random",)}
    return plan([Point(Profile.model_validate({**settings, "seed": seed})) for seed in seeds])


def _until(met: Callable[[], bool], *watched: Started) -> None:
    ends = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < ends, [process.said for process in watched]
        time.sleep(0.01)


def _over_and_over(action: Callable[[], None], ends: float) -> tuple[threading.Thread, list[BaseException]]:
    """A thread that does `action` until then, and a list that gets the error that ends it."""
    errors: list[BaseException] = []

    def repeat() -> None:
        try:
            while time.monotonic() < ends:
                action()
        except BaseException as error:  # noqa: BLE001  # told in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=repeat)
    thread.start()
    return thread, errors


def _tag_by_command(rotui: Commands, runs: Path, number: int, tagged: list[str]) -> None:
    run, tag = random.randrange(1, 61), f"command-{number}-{time.monotonic_ns()}"
    command = rotui.start("queue", "tag", str(run), "--add", tag, runs=runs)
    assert command.wait() == 0, command.said
    tagged.append(f"{run} {tag}")


def _list_by_command(rotui: Commands, runs: Path) -> None:
    command = rotui.start("queue", "list", "--json", runs=runs)
    assert command.wait() == 0, command.said
    assert all(line.startswith("{") for line in command.said.splitlines()), command.said
