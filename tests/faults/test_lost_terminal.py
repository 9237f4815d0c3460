"""Signals and terminals that go away: a run stops at its next step or goes on headless; nothing is lost."""

import fcntl
import io
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from studies import PATIENCE, STUDY, Commands, Started, digest, verdicts

from rotui import failpoints
from rotui.cli.main import main
from rotui.store.device_lock import DeviceLock
from rotui.store.session import look

REPOSITORY = Path(__file__).parents[2]
PROMISED_SECONDS = 5
"""How long a process may take to end when it is asked to."""
ADD = ["queue", "add", *(part for part in STUDY[1:] if part not in ("--checkpoint-seconds", "0"))]
WORK = ["worker", "--checkpoint-seconds", "600"]
ENDS = pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
STOPPING = "stopping at the end of this step"


def held(arguments: list[str], at: str, go: str) -> None:
    """In a process of its own: `rotui ARGUMENTS...`, whose thread waits at a failpoint, or just before a file
    is opened for writing, as `write NAME:N`, until the file `go` is there; `GO.held` tells that it waits."""

    def hold(*_: object) -> None:
        Path(f"{go}.held").touch()
        while not Path(go).exists():
            time.sleep(0.01)

    def hear(event: str, values: tuple[Any, ...]) -> None:
        if event == "open" and values[2] & (os.O_WRONLY | os.O_RDWR):
            failpoints.reach(f"write {Path(str(values[0])).name}")

    os.environ["ROTUI_FAILPOINT"] = at
    failpoints.os = SimpleNamespace(environ=os.environ, getpid=os.getpid, kill=hold)  # type: ignore[attr-defined]
    sys.addaudithook(hear)
    sys.argv = ["rotui", *arguments]
    main()


def held_on_terminal(arguments: list[str], at: str, go: str, terminal: str, hangup: str, kind: str) -> None:
    """The same as the first process of a terminal. `hangup` says what the process knows of its end: it is
    told by SIGHUP, it ignores that, or it never is."""
    os.environ["TERM"] = kind
    os.setsid()
    descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    for stream in (0, 1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(stream, "w", closefd=False))) for stream in (1, 2)
    )
    if hangup != "never told":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if hangup == "ignored":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    held(arguments, at, go)


class Terminal:
    """A terminal that shows what it is sent until it is closed."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        self.name = os.ttyname(slave)
        self.slave = slave
        self._shown = b""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._show)
        self._thread.start()

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def close(self) -> None:
        """The terminal is gone: whoever leads its session is sent SIGHUP, and writing to it fails."""
        self._closing.set()
        self._thread.join()

    def _show(self) -> None:
        while not self._closing.is_set():
            if select.select([self._master], [], [], 0.02)[0]:
                try:
                    self._shown += os.read(self._master, 1 << 16)
                except OSError:
                    self._closing.wait()
        os.close(self._master)


class Held:
    """A command that waits at a point of its work, on a terminal or with its output in a log."""

    def __init__(self, started: Started, go: Path, terminal: Terminal | None) -> None:
        self.started = started
        self._go = go
        self.terminal = terminal

    @property
    def said(self) -> str:
        return self.terminal.shown if self.terminal else self.started.said

    def until(self, condition: Callable[[], object]) -> None:
        """Waits until the condition holds, which must be before the process ends."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert not self.started.ended, f"ended with {self.started.wait()}:\n{self.said}"
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def until_held(self) -> None:
        self.until(Path(f"{self._go}.held").exists)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in re.sub(r"\s+", " ", self.said))

    def send(self, number: signal.Signals) -> None:
        os.kill(self.started.process, number)

    def go_on(self) -> "Held":
        self._go.touch()
        return self

    def output(self) -> str:
        """What its stderr goes to now."""
        return str(Path(f"/proc/{self.started.process}/fd/2").readlink())

    def end(self, seconds: float = PATIENCE) -> int:
        return self.started.wait(seconds)


@pytest.fixture
def hold(rotui: Commands, tmp_path: Path) -> Iterator[Callable[..., Held]]:
    """Starts commands that wait at a point of their work; what a failed test leaves going is ended."""
    going: list[Held] = []

    def begin(
        *arguments: str,
        runs: Path,
        at: str,
        terminal: bool = False,
        hangup: str = "told",
        kind: str = "xterm",
    ) -> Held:
        go = tmp_path / f"go-{len(going)}"
        words = [*arguments, "--runs-dir", str(runs)]
        if terminal:
            screen = Terminal()
            started = rotui.call(
                "test_lost_terminal:held_on_terminal", words, at, str(go), screen.name, hangup, kind
            )
            going.append(Held(started, go, screen))
        else:
            going.append(Held(rotui.call("test_lost_terminal:held", words, at, str(go)), go, None))
        return going[-1]

    yield begin
    for each in going:
        if not each.started.ended:
            each.started.kill()
        if each.terminal:
            each.terminal.close()


def statuses(runs: Path) -> list[str]:
    return [run.status for run in look(runs)[0]]


def logs(runs: Path) -> str:
    return "".join(path.read_text() for path in sorted(runs.glob("0*/run.log")))


def ends(runs: Path) -> list[str]:
    """What the runs' logs tell beside their queueing and epochs."""
    told = [line.split("Z ", 1)[1] for line in logs(runs).splitlines()]
    return [text for text in told if text != "queued" and not text.startswith("epoch ")]


@pytest.mark.parametrize(
    ("command", "hangup", "kind"),
    [
        ("run", "told", "xterm"),
        ("run", "told", "dumb"),
        ("run", "ignored", "xterm"),
        ("run", "never told", "dumb"),
        ("worker", "told", "xterm"),
        ("worker", "ignored", "dumb"),
        ("worker", "never told", "xterm"),
    ],
)
def test_a_study_goes_on_when_its_terminal_is_closed(
    rotui: Commands,
    hold: Callable[..., Held],
    unbroken: dict[str, str],
    tmp_path: Path,
    command: str,
    hangup: str,
    kind: str,
) -> None:
    runs = tmp_path / "runs"
    if command == "worker":
        assert rotui(*ADD, runs=runs) == 0
    words = STUDY if command == "run" else WORK
    going = hold(*words, runs=runs, at="step:2", terminal=True, hangup=hangup, kind=kind)
    going.until_held()
    going.terminal.close()
    assert statuses(runs) == ["running", "queued"]
    assert going.go_on().end() == 0, logs(runs)
    assert digest(runs) == unbroken
    assert verdicts(runs) == ["", ""]
    assert ends(runs) == ["finished", "finished"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not tell open files")
def test_a_hangup_lets_go_of_a_terminal_that_is_still_there(
    hold: Callable[..., Held], unbroken: dict[str, str], tmp_path: Path
) -> None:
    going = hold(*STUDY, runs=tmp_path, at="epoch:1", terminal=True)
    going.until_held()
    going.send(signal.SIGHUP)
    going.send(signal.SIGHUP)
    going.until(lambda: going.output() == os.devnull)
    assert going.go_on().end() == 0
    assert "epoch 2" not in going.said
    assert digest(tmp_path) == unbroken
    assert ends(tmp_path) == ["finished", "finished"]


def test_a_hangup_changes_nothing_where_the_output_goes_to_a_file(
    hold: Callable[..., Held], unbroken: dict[str, str], tmp_path: Path
) -> None:
    going = hold(*STUDY, runs=tmp_path, at="epoch:1")
    going.until_held()
    going.send(signal.SIGHUP)
    assert going.go_on().end() == 0
    assert "[2/2] fine-tuned, pre-trained: finished" in going.said
    assert "scaled (100 images, 2 epochs)" in going.said
    assert digest(tmp_path) == unbroken


@ENDS
def test_a_study_without_its_terminal_still_ends_when_asked_to(
    rotui: Commands,
    hold: Callable[..., Held],
    unbroken: dict[str, str],
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    going = hold(*STUDY, runs=tmp_path, at="step:2", terminal=True)
    going.until_held()
    going.terminal.close()
    going.send(number)
    assert going.go_on().end(PROMISED_SECONDS) == code
    assert statuses(tmp_path) == ["stopped", "queued"]
    assert rotui(*STUDY, runs=tmp_path) == 0
    assert digest(tmp_path) == unbroken


def test_a_worker_that_waits_goes_on_waiting_without_its_terminal(
    rotui: Commands, hold: Callable[..., Held], unbroken: dict[str, str], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    going = hold(*WORK, "--watch", runs=runs, at="", terminal=True)
    going.until((runs / ".cpu.lock").exists)
    going.terminal.close()
    assert rotui(*ADD, runs=runs) == 0
    going.until(lambda: statuses(runs) == ["finished", "finished"])
    going.send(signal.SIGTERM)
    assert going.end(PROMISED_SECONDS) == 143
    assert digest(runs) == unbroken


@pytest.mark.parametrize("nohup", [False, True])
def test_the_command_itself_outlives_a_terminal_that_is_closed(tmp_path: Path, nohup: bool) -> None:
    program = shutil.which("nohup")
    if nohup and program is None:
        pytest.skip("there is no nohup here")
    words = ["run", "quick", "--limit", "60", "--epochs", "40", "--set", 'stages=["finetune-random"]']
    words += [part for part in STUDY if "=" in part and "stages" not in part for part in ("--set", part)]
    terminal = Terminal()
    slave = os.open(terminal.name, os.O_RDWR | os.O_NOCTTY)
    process = subprocess.Popen(
        [*([str(program)] if nohup else []), sys.executable, "-m", "rotui", *words],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    try:
        while not any(run.epochs for run in look(tmp_path / "runs")[0]):
            assert process.poll() is None, terminal.shown
            time.sleep(0.02)
        terminal.close()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        terminal.close()
    [run] = look(tmp_path / "runs")[0]
    assert (run.status, run.epochs, run.resumes) == ("finished", 40, 0)
    assert ends(tmp_path / "runs") == ["finished"]


@ENDS
@pytest.mark.parametrize("at", ["step:2", "epoch:1", "weights:1"], ids=["step", "epoch", "probes"])
def test_a_signal_stops_a_run_at_its_next_step_with_a_checkpoint(
    rotui: Commands,
    hold: Callable[..., Held],
    unbroken: dict[str, str],
    tmp_path: Path,
    at: str,
    number: signal.Signals,
    code: int,
) -> None:
    long = ["600" if part == "0" else part for part in STUDY]
    going = hold(*long, runs=tmp_path, at=at)
    going.until_held()
    going.send(number)
    going.until_said(STOPPING)
    assert going.go_on().end(PROMISED_SECONDS) == code
    assert "Traceback" not in going.said
    assert "Go on with:" in going.said
    assert statuses(tmp_path) == ["stopped", "queued"]
    assert len(list(tmp_path.glob("0001-*/checkpoints/epoch-*"))) == 1
    assert rotui(*long, runs=tmp_path) == 0, rotui.log.read_text()
    assert "goes on after" in rotui.log.read_text()
    assert digest(tmp_path) == unbroken
    assert verdicts(tmp_path) == ["exact", ""]


@pytest.mark.parametrize("at", ["step:2", "checkpoint-half-written:2", "weights:1"])
def test_a_second_ctrl_c_ends_at_once_and_loses_nothing(
    rotui: Commands, hold: Callable[..., Held], unbroken: dict[str, str], tmp_path: Path, at: str
) -> None:
    """The process is in the midst of its work and never comes to the end of it."""
    going = hold(*STUDY, runs=tmp_path, at=at, terminal=True)
    going.until_held()
    going.terminal.type("\x03")
    going.until_said(STOPPING)
    going.terminal.type("\x03")
    assert going.end(PROMISED_SECONDS) == 130
    going.terminal.close()
    assert "ended at once. Go on with:" in going.said
    assert "Traceback" not in going.said
    assert statuses(tmp_path) == ["interrupted", "queued"]
    assert rotui(*STUDY, runs=tmp_path) == 0, rotui.log.read_text()
    assert digest(tmp_path) == unbroken
    assert set(verdicts(tmp_path)) <= {"", "exact"}


def test_the_first_of_two_different_signals_names_the_exit_code(
    hold: Callable[..., Held], tmp_path: Path
) -> None:
    going = hold(*STUDY, runs=tmp_path, at="step:2")
    going.until_held()
    going.send(signal.SIGTERM)
    going.until_said(STOPPING)
    going.send(signal.SIGINT)
    assert going.end(PROMISED_SECONDS) == 143


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Arguments that name a profile of pictures which have to be decoded first."""
    for number in range(24):
        path = tmp_path / "pictures" / ("val" if number % 3 == 0 else "train") / "ab"[number % 2]
        path.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((16, 16), 50 + number).convert("RGB").save(path / f"{number}.png")
    (tmp_path / "p.toml").write_text(
        f'data = {{name = "folder", path = "{tmp_path}/pictures", image_size = 12, crop_padding = 0}}\n'
        'stages = ["supervised-random"]\n'
    )
    small = [part for part in STUDY if part.startswith(("network.", "compute."))]
    sets = [word for part in small for word in ("--set", part)]
    return [str(tmp_path / "p.toml"), "--epochs", "1", *sets, "--data-dir", str(tmp_path / "data")]


@ENDS
@pytest.mark.parametrize("command", [["run"], ["queue", "add"]], ids=" ".join)
def test_a_signal_while_images_are_decoded_queues_nothing(
    rotui: Commands,
    hold: Callable[..., Held],
    pictures: list[str],
    tmp_path: Path,
    command: list[str],
    number: signal.Signals,
    code: int,
) -> None:
    runs = tmp_path / "runs"
    going = hold(*command, *pictures, runs=runs, at="write train-pixels.npy")
    going.until_held()
    going.send(number)
    going.until_said(STOPPING)
    assert going.go_on().end(PROMISED_SECONDS) == code
    assert "stopped while images were decoded" in going.said
    assert "Traceback" not in going.said
    assert not runs.exists()
    assert not list((tmp_path / "data").rglob("*.npy"))
    assert rotui("run", *pictures, runs=runs) == 0, rotui.log.read_text()


@ENDS
def test_a_worker_that_decodes_stops_and_takes_the_run_up_again(
    rotui: Commands,
    hold: Callable[..., Held],
    pictures: list[str],
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    runs = tmp_path / "runs"
    assert rotui("queue", "add", *pictures, runs=runs) == 0, rotui.log.read_text()
    shutil.rmtree(tmp_path / "data")
    work = ["worker", *pictures[-2:]]
    going = hold(*work, runs=runs, at="write train-pixels.npy")
    going.until_held()
    going.send(number)
    going.until_said(STOPPING)
    assert going.go_on().end(PROMISED_SECONDS) == code
    assert "Traceback" not in going.said
    assert statuses(runs) == ["stopped"]
    assert rotui(*work, runs=runs) == 0, rotui.log.read_text()
    assert statuses(runs) == ["finished"]


@ENDS
@pytest.mark.parametrize("waits_for", ["work", "the device", "a paused queue"])
def test_a_signal_ends_a_process_that_waits(
    rotui: Commands,
    hold: Callable[..., Held],
    tmp_path: Path,
    waits_for: str,
    number: signal.Signals,
    code: int,
) -> None:
    if waits_for == "work":
        going = hold(*WORK, "--watch", runs=tmp_path, at="")
        going.until((tmp_path / ".cpu.lock").exists)
    elif waits_for == "the device":
        other = DeviceLock("cpu", tmp_path)
        assert other.acquire(["another"], tmp_path)
        going = hold(*STUDY, runs=tmp_path, at="")
        going.until_said("cpu is in use by process")
    else:
        assert rotui("queue", "pause", runs=tmp_path) == 0
        going = hold(*STUDY, runs=tmp_path, at="")
        going.until_said("the queue is paused")
    going.send(number)
    assert going.end(PROMISED_SECONDS) == code
    assert "Traceback" not in going.said
    assert set(statuses(tmp_path)) <= {"queued"}
    assert len(statuses(tmp_path)) == (0 if waits_for == "work" else 2)
