"""A disk that is full at any write: the run waits, says for what and where, and ends as an unbroken one."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from studies import PATIENCE, SMALL, STUDY, Commands, Started, digest, verdicts
from typer.testing import CliRunner

from rotui import failpoints
from rotui.cli.main import app, main
from rotui.store.reserve import keep_reserve

DISK_BYTES = 16 << 20
FILLER = "filler"
FULL = "waits for room|No space left on device|the disk is full"
PROMISED_SECONDS = 5
"""How long a process may take to end when it is asked to."""
ADD = ["queue", "add", *(part for part in STUDY[1:] if part not in ("--checkpoint-seconds", "0"))]
WORK = ["worker", "--checkpoint-seconds", "0"]

Start = Callable[..., Started]


def fill(disk: Path, leaving: int = 0) -> None:
    """Fills the disk but for its last `leaving` bytes."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with (disk / FILLER).open("ab") as file:
        if free > leaving:
            os.posix_fallocate(file.fileno(), file.tell(), free - leaving)


def with_a_disk_that_fills(arguments: list[str], disk: str, full_at: str) -> None:
    """In a process of its own: `rotui ARGUMENTS...`, which fills its disk where `full_at` says so: at a
    failpoint, or just before a file is opened for writing, as `write NAME:N`.

    The disk then stays full until the filler is removed: room that is given up for a change of status is
    taken once the change is written.
    """
    os.environ["ROTUI_FAILPOINT"] = full_at
    failpoints.os = SimpleNamespace(  # type: ignore[attr-defined]
        environ=os.environ, getpid=os.getpid, kill=lambda *_: fill(Path(disk))
    )

    def plain(path: object) -> str:
        return re.sub(r"^\.(.*)\.[0-9a-f]{32}\.tmp$", r"\1", Path(str(path)).name)

    is_changed = False

    def hear(event: str, values: tuple[Any, ...]) -> None:
        nonlocal is_changed
        if event == "os.rename" and plain(values[0]) == "state.json":
            is_changed = True
        elif event == "open" and is_changed:
            is_changed = False
            if (Path(disk) / FILLER).exists():
                fill(Path(disk))
        elif event == "open" and values[2] & (os.O_WRONLY | os.O_RDWR):
            failpoints.reach(f"write {plain(values[0])}")

    if full_at:
        sys.addaudithook(hear)
    sys.argv = ["rotui", *arguments]
    main()


def with_files_of_at_most(size: int, arguments: list[str]) -> None:
    """In a process of its own: `rotui ARGUMENTS...`, which cannot write beyond `size` bytes of a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    sys.argv = ["rotui", *arguments]
    main()


@pytest.fixture
def start(rotui: Commands) -> Iterator[Start]:
    """Starts a command on a disk that becomes full; whatever a failed test leaves going is ended."""
    started: list[Started] = []

    def begin(*arguments: str, runs: Path, full_at: str = "") -> Started:
        words = [*arguments, "--runs-dir", str(runs)]
        disk = str(runs.parent)
        started.append(rotui.call("test_full_disk:with_a_disk_that_fills", words, disk, full_at))
        return started[-1]

    yield begin
    for each in started:
        if not each.ended:
            each.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 16 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount") or "mount"
    words = [mount, "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a filesystem of limited size cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="session")
def waiting(rotui: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory in which the study waits."""
    runs = tmp_path_factory.mktemp("waiting") / "runs"
    assert rotui(*ADD, runs=runs) == 0, rotui.log.read_text()
    return runs


@pytest.fixture
def queued(waiting: Path, disk: Path) -> Path:
    """The same on the small disk."""
    return Path(shutil.copytree(waiting, disk / "runs"))


def until(started: Started, condition: Callable[[], object]) -> None:
    """Waits until the condition holds, which must be before the process ends."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert not started.ended, f"ended with {started.wait()}:\n{started.said}"
        assert time.monotonic() < deadline, started.said
        time.sleep(0.02)


def until_paused(started: Started, runs: Path) -> dict[str, Any]:
    """Waits until a run is paused and returns its state."""
    found: list[dict[str, Any]] = []

    def look() -> list[dict[str, Any]]:
        found.extend(state for state in recorded(runs) if state["status"] == "paused")
        return found

    until(started, look)
    return found[0]


def recorded(runs: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(runs.glob("0*/state.json"))]


def statuses(runs: Path) -> list[str]:
    return [state["status"] for state in recorded(runs)]


def listed(runs: Path, *command: str) -> list[dict[str, Any]]:
    """What a listing command prints as JSON."""
    done = CliRunner().invoke(app, [*command, "--json", "--runs-dir", str(runs)])
    assert done.exit_code == 0, repr(done.exception)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("full_at", "needed"),
    [
        ("write provenance.json:1", "provenance.json"),
        ("step:1", "the next checkpoint and the one after it needs "),
        ("write state.pt:1", "no checkpoint can be written"),
        ("checkpoint-half-written:2", "no checkpoint can be written"),
        ("epoch:1", "the next checkpoint and the one after it needs "),
        ("end:1", "the next checkpoint and the one after it needs "),
        ("write model.safetensors:1", "model.safetensors"),
        ("weights:1", "result.json"),
        ("result:1", "state.json"),
        ("write provenance.json:2", "provenance.json"),
        ("step:8", "the next checkpoint and the one after it needs "),
        ("result:2", "state.json"),
    ],
)
def test_a_full_disk_pauses_the_run_which_goes_on_by_itself_to_the_same_bytes(
    start: Start, unbroken: dict[str, str], queued: Path, full_at: str, needed: str
) -> None:
    going = start(*WORK, runs=queued, full_at=full_at)
    state = until_paused(going, queued)
    for command in (["queue", "list"], ["runs"]):
        shown = {run["number"]: run for run in listed(queued, *command)}[state["number"]]
        assert shown["status"] == "paused"
        assert "waits for room" in shown["reason"]
        assert needed in shown["reason"]
        assert str(queued) in shown["reason"]
    (queued.parent / FILLER).unlink()
    assert going.wait() == 0, going.said
    assert state["reason"] in going.said
    assert digest(queued) == unbroken
    assert statuses(queued) == ["finished", "finished"]
    assert verdicts(queued) == ["", ""]
    assert not list(queued.rglob("*.tmp"))


@pytest.mark.parametrize(
    "full_at",
    [
        "write state.json:1",
        "begun:1",
        "before-commit:1",
        "write .reserve:1",
        "before-commit:2",
        "finished:1",
        "begun:2",
    ],
)
def test_a_full_disk_around_a_runs_beginning_and_end_is_waited_out(
    start: Start, unbroken: dict[str, str], queued: Path, full_at: str
) -> None:
    going = start(*WORK, runs=queued, full_at=full_at)
    until(going, lambda: re.search(FULL, going.said))
    (queued.parent / FILLER).unlink()
    assert going.wait() == 0, going.said
    assert "Traceback" not in going.said
    assert digest(queued) == unbroken
    assert statuses(queued) == ["finished", "finished"]


def test_a_log_line_that_finds_no_room_is_waited_for(
    start: Start, unbroken: dict[str, str], queued: Path
) -> None:
    log = next(queued.glob("0001-*/run.log"))
    with log.open("a") as file:
        file.write("-" * (4096 - log.stat().st_size - 11) + "\n")
    going = start(*WORK, runs=queued, full_at="write run.log:2")
    assert "run.log: cannot be written" in until_paused(going, queued)["reason"]
    (queued.parent / FILLER).unlink()
    assert going.wait() == 0, going.said
    assert digest(queued) == unbroken
    told = log.read_text().splitlines()
    assert sum("epoch 1: validation" in line for line in told) == 1
    assert told[-1].endswith("Z finished")


def test_a_metrics_row_that_finds_no_room_is_waited_for_and_written_once(
    rotui: Commands, start: Start, disk: Path, tmp_path: Path
) -> None:
    """Rows are short, so that one in about forty is the first to need a new block of the disk."""
    shorter = {"2": "45", "100": "40"}
    study = [shorter.get(part, part) for part in ADD[:-1]] + ['stages=["supervised-random"]']
    for runs in (tmp_path / "roomy", disk / "runs"):
        assert rotui(*study, runs=runs) == 0
    assert rotui("worker", runs=tmp_path / "roomy") == 0
    going = start("worker", runs=disk / "runs", full_at="write metrics.csv:2")
    assert "metrics.csv: cannot be written" in until_paused(going, disk / "runs")["reason"]
    (disk / FILLER).unlink()
    assert going.wait() == 0, going.said
    assert digest(disk / "runs") == digest(tmp_path / "roomy")


def test_room_that_comes_back_a_block_at_a_time_ends_nothing(
    start: Start, unbroken: dict[str, str], queued: Path
) -> None:
    going = start(*WORK, runs=queued, full_at="write provenance.json:1")
    until_paused(going, queued)
    filler = queued.parent / FILLER
    os.truncate(filler, filler.stat().st_size - 4096)
    until(going, lambda: list(queued.glob("0001-*/provenance.json")))
    with pytest.raises(AssertionError, match="still going on"):
        going.wait(1)
    filler.unlink()
    assert going.wait() == 0, going.said
    assert digest(queued) == unbroken


def test_a_run_that_fails_on_a_full_disk_has_failed_when_there_is_room(start: Start, disk: Path) -> None:
    runs, broken = disk / "runs", ["--set", "data.std=[1e-42, 1e-42, 1e-42]"]
    assert start(*ADD, *broken, runs=runs).wait() == 0
    going = start(*WORK, runs=runs, full_at="write state.json:2")
    until_paused(going, runs)
    (disk / FILLER).unlink()
    assert going.wait() == 1, going.said
    assert statuses(runs) == ["failed", "queued"]
    assert "loss is nan" in recorded(runs)[0]["reason"]
    assert [run["status"] for run in listed(runs, "runs")] == ["failed", "skipped"]


@pytest.mark.parametrize(
    ("full_at", "number", "code"),
    [
        ("step:2", signal.SIGTERM, 143),
        ("step:2", signal.SIGINT, 130),
        ("step:2", signal.SIGKILL, -9),
        ("begun:2", signal.SIGTERM, 143),
        ("result:2", signal.SIGTERM, 143),
        ("result:2", signal.SIGKILL, -9),
    ],
)
def test_a_process_that_is_ended_while_it_waits_for_room_loses_nothing(
    rotui: Commands,
    start: Start,
    unbroken: dict[str, str],
    queued: Path,
    full_at: str,
    number: signal.Signals,
    code: int,
) -> None:
    going = start(*WORK, runs=queued, full_at=full_at)
    until(going, lambda: re.search(FULL, going.said))
    os.kill(going.process, number)
    assert going.wait(PROMISED_SECONDS) == code, going.said
    assert "Traceback" not in going.said
    (queued.parent / FILLER).unlink()
    assert rotui(*WORK, runs=queued) == 0, rotui.log.read_text()
    assert digest(queued) == unbroken
    assert [run["status"] for run in listed(queued, "runs")] == ["finished", "finished"]
    assert set(verdicts(queued)) <= {"", "exact"}


def test_too_little_room_for_two_checkpoints_is_told_before_anything_is_trained(
    start: Start, unbroken: dict[str, str], queued: Path
) -> None:
    fill(queued.parent, leaving=3 << 20)
    going = start(*WORK, runs=queued)
    reason = until_paused(going, queued)["reason"]
    assert re.fullmatch(
        rf"waits for room: a run with two checkpoints needs [0-9.]+ MB in {re.escape(str(queued))}, "
        r"[0-9.]+ MB are free",
        reason,
    )
    assert reason in going.said
    assert len(next(queued.glob("0001-*/metrics.csv")).read_text().splitlines()) == 1
    assert not list(queued.glob("0001-*/checkpoints"))
    (queued.parent / FILLER).unlink()
    assert going.wait() == 0, going.said
    assert digest(queued) == unbroken


def test_a_full_disk_pauses_each_of_two_runs_that_are_trained_at_once(
    start: Start, rotui: Commands, disk: Path
) -> None:
    runs = disk / "runs"
    two = ["--epochs", "12", "--set", 'stages=["supervised-random"]', "--set", "seed=1,2"]
    assert rotui("queue", "add", *SMALL, *two, runs=runs) == 0, rotui.log.read_text()
    going = start(*WORK, "--jobs", "2", runs=runs, full_at="step:15")
    until(going, lambda: going.said.count("waits for room") == 2)
    assert "paused" in statuses(runs)  # what was kept in reserve is enough for one: the disk is filled again
    assert set(statuses(runs)) <= {"paused", "running"}
    (disk / FILLER).unlink()
    assert going.wait() == 0, going.said
    assert statuses(runs) == ["finished", "finished"]
    assert verdicts(runs) == ["", ""]


def test_a_paused_run_can_be_cancelled_and_what_starts_from_it_is_skipped(
    rotui: Commands, start: Start, queued: Path
) -> None:
    fill(queued.parent, leaving=3 << 20)
    going = start(*WORK, runs=queued)
    until_paused(going, queued)
    assert rotui("queue", "cancel", "1", runs=queued) == 0, rotui.log.read_text()
    assert going.wait() == 0, going.said
    assert [run["status"] for run in listed(queued, "runs")] == ["cancelled", "skipped"]


def test_rotui_run_tells_a_pause_and_its_end_as_events(
    start: Start, unbroken: dict[str, str], disk: Path
) -> None:
    going = start(*STUDY, "--json", runs=disk / "runs", full_at="step:2")
    until_paused(going, disk / "runs")
    (disk / FILLER).unlink()
    assert going.wait() == 0, going.said
    told = [json.loads(line) for line in going.said.splitlines() if line.startswith("{")]
    events = [each["event"] for each in told if each["event"].startswith("run-")]
    assert events[:4] == ["run-started", "run-paused", "run-continued", "run-finished"]
    assert "the next checkpoint" in told[1]["reason"]
    assert digest(disk / "runs") == unbroken


@pytest.mark.parametrize(
    "full_at",
    [
        "write .store.json:1",
        "write profile.toml:1",
        "write metrics.csv:2",
        "write queue.json:1",
        "write state.json:2",
        "staged:2",
        "write .store.json:2",
        "before-commit:1",
    ],
)
def test_queueing_on_a_full_disk_queues_nothing_and_says_so_once(
    rotui: Commands, start: Start, disk: Path, full_at: str
) -> None:
    runs = disk / "runs"
    adding = start(*ADD, runs=runs, full_at=full_at)
    assert adding.wait() == 5
    [message] = adding.said.splitlines()
    assert message.startswith("rotui: ")
    assert re.search(FULL, message)
    assert str(runs) in message
    assert (disk / FILLER).exists()
    assert listed(runs, "queue", "list") == []
    (disk / FILLER).unlink()
    assert listed(runs, "queue", "list") == []
    assert not [entry for entry in runs.iterdir() if "-quick-" in entry.name]
    assert rotui(*ADD, runs=runs) == 0, rotui.log.read_text()
    assert len(listed(runs, "queue", "list")) == 2


@pytest.mark.parametrize("command", [ADD, STUDY])
def test_a_disk_that_is_full_already_gets_one_message_and_keeps_its_queue(
    rotui: Commands, queued: Path, command: list[str]
) -> None:
    before = listed(queued, "queue", "list")
    fill(queued.parent)
    assert rotui(*command, "--set", "seed=7", runs=queued) == 5
    said = rotui.log.read_text()
    assert said.count("rotui: ") == 1
    assert re.search(FULL, said)
    assert listed(queued, "queue", "list") == before
    (queued.parent / FILLER).unlink()
    assert listed(queued, "queue", "list") == before
    assert len(list(queued.glob("[.0]*-quick-*"))) == 2


CHANGES = {
    "cancel": ["queue", "cancel", "2"],
    "hold": ["queue", "hold", "1"],
    "priority": ["queue", "move", "2", "--priority", "3"],
    "note": ["queue", "note", "1", "--text", "look at this"],
    "tag": ["queue", "tag", "1", "--add", "night"],
    "pause": ["queue", "pause"],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_commits_on_a_full_disk_thanks_to_the_reserve(
    rotui: Commands, queued: Path, change: list[str]
) -> None:
    before = what_users_want(queued)
    keep_reserve(queued)
    fill(queued.parent)
    assert rotui(*change, runs=queued) == 0, rotui.log.read_text()
    after = what_users_want(queued)
    assert after != before
    (queued.parent / FILLER).unlink()
    assert what_users_want(queued) == after


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_that_finds_no_room_and_no_reserve_changes_nothing(
    rotui: Commands, queued: Path, change: list[str]
) -> None:
    before = what_users_want(queued)
    fill(queued.parent)
    assert rotui(*change, runs=queued) == 5
    [message] = rotui.log.read_text().splitlines()
    assert re.search(FULL, message)
    assert what_users_want(queued) == before


def what_users_want(runs: Path) -> list[object]:
    """What the listing tells of each run that has not ended, and what the queue remembers of itself."""
    return [*listed(runs, "queue", "list"), json.loads((runs / ".store.json").read_text())]


def test_files_that_may_not_grow_queue_nothing(rotui: Commands, tmp_path: Path) -> None:
    words = [*ADD, "--runs-dir", str(tmp_path / "runs")]
    adding = rotui.call("test_full_disk:with_files_of_at_most", 8 << 10, words)
    assert adding.wait() == 5
    [message] = adding.said.splitlines()
    assert message.startswith("rotui: ")
    assert listed(tmp_path / "runs", "queue", "list") == []
    assert not list((tmp_path / "runs").glob("*-quick-*"))


@pytest.mark.parametrize("size", [100 << 10, 500 << 10], ids=["weights", "checkpoints"])
def test_a_run_whose_files_may_not_grow_ends_and_is_taken_up_to_the_same_bytes(
    rotui: Commands, unbroken: dict[str, str], waiting: Path, tmp_path: Path, size: int
) -> None:
    runs = Path(shutil.copytree(waiting, tmp_path / "runs"))
    words = ["worker", "--checkpoint-seconds", str(int(size < 200 << 10) * 600), "--runs-dir", str(runs)]
    working = rotui.call("test_full_disk:with_files_of_at_most", size, words)
    assert working.wait() == 5
    assert working.said.count("rotui: ") == 1
    assert "File too large" in working.said
    assert "Traceback" not in working.said
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken


def test_runs_on_a_disk_that_cannot_be_written_are_listed(queued: Path, disk: Path) -> None:
    before = listed(queued, "runs"), listed(queued, "queue", "list")
    for name in queued.glob("queue.sqlite3-*"):
        name.unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert (listed(queued, "runs"), listed(queued, "queue", "list")) == before
    assert [run["number"] for run in before[1]] == [1, 2]
