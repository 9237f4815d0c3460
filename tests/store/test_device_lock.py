import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rotui.errors import StoreError
from rotui.store.device_lock import DeviceLock

GPU = "GPU-4e7a"
HOLD = """
import sys
from pathlib import Path
from rotui.store.device_lock import DeviceLock
name, runs, *command = sys.argv[1:]
print(DeviceLock(name, Path(runs)).acquire(command, Path(runs)), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shared").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "shared"))


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@contextmanager
def another_process(name: str, runs_dir: Path, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """One that asks for the lock, says whether it got it, and keeps it until it ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, name, str(runs_dir), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "True\n"


def test_two_processes_do_not_get_one_gpu_and_the_second_is_told_who_has_it(runs_dir: Path) -> None:
    lock = DeviceLock(GPU, runs_dir)
    with another_process(GPU, runs_dir, "rotui", "run", "quick") as other:
        assert answer(other)
        assert not lock.acquire(["rotui", "worker"], runs_dir)
        told = lock.holder()
        assert f"process {other.pid} on {os.uname().nodename} (rotui run quick, runs in {runs_dir}" in told
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert lock.acquire(["rotui", "worker"], runs_dir)
    assert f"process {os.getpid()} " in lock.holder()
    with another_process(GPU, runs_dir) as other:
        assert not answer(other)
    lock.release()


def test_a_released_lock_is_free_for_another_process(runs_dir: Path) -> None:
    lock = DeviceLock(GPU, runs_dir)
    assert lock.acquire([], runs_dir)
    lock.release()
    lock.release()
    with another_process(GPU, runs_dir) as other:
        assert answer(other)
        assert not lock.acquire([], runs_dir)


def test_who_has_the_lock_may_ask_again(runs_dir: Path) -> None:
    lock = DeviceLock(GPU, runs_dir)
    assert lock.acquire([], runs_dir)
    assert lock.acquire([], runs_dir)
    lock.release()


def test_a_gpu_is_locked_for_all_runs_directories_and_the_cpu_for_each(
    tmp_path: Path, runs_dir: Path
) -> None:
    other_runs = tmp_path / "others"
    other_runs.mkdir()
    held = [DeviceLock(name, runs_dir) for name in (GPU, "GPU-other", "cpu")]
    assert [lock.acquire([], runs_dir) for lock in held] == [True, True, True]
    there = [DeviceLock(name, other_runs) for name in (GPU, "cpu")]
    assert [lock.acquire([], other_runs) for lock in there] == [False, True]
    assert not DeviceLock("cpu", runs_dir).acquire([], runs_dir)
    for lock in (*held, *there):
        lock.release()


def test_word_of_a_long_command_does_not_shine_through_a_short_one(runs_dir: Path) -> None:
    lock = DeviceLock(GPU, runs_dir)
    for command in (["rotui", "x" * 5000], ["rotui"]):
        assert lock.acquire(command, runs_dir)
        assert len(lock.holder()) <= 400
        lock.release()
    assert "(rotui, runs in" in lock.holder()


@pytest.mark.parametrize("word", [b"", b"{", b"[1]", b"\xff\x00", b'{"host": "x"}', b"null"])
def test_a_holder_that_left_no_word_is_another_process(runs_dir: Path, word: bytes) -> None:
    (Path(tempfile.gettempdir()) / "rotui-gpu-4e7a.lock").write_bytes(word)
    assert DeviceLock(GPU, runs_dir).holder() == "another process"


def test_a_holder_cannot_colour_the_terminal(runs_dir: Path) -> None:
    with another_process(GPU, runs_dir, "rotui", "\x1b[31m") as other:
        assert answer(other)
        assert "\x1b" not in DeviceLock(GPU, runs_dir).holder()
        assert "\\x1b[31m" in DeviceLock(GPU, runs_dir).holder()


def test_no_name_of_a_device_leaves_the_temporary_folder(tmp_path: Path, runs_dir: Path) -> None:
    lock = DeviceLock("../../evil\x1b", runs_dir)
    assert lock.acquire([], runs_dir)
    lock.release()
    [made] = (tmp_path / "shared").iterdir()
    assert json.loads(made.read_bytes())["process"] == os.getpid()


def test_a_lock_that_another_user_made_and_only_reading_is_allowed_of_still_locks(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    file = shared / "rotui-gpu-4e7a.lock"
    file.write_text("")
    file.chmod(0o444)
    held, second = DeviceLock(GPU, tmp_path), DeviceLock(GPU, tmp_path)
    with as_another_user(tmp_path):
        assert held.acquire([], tmp_path)
        assert not second.acquire([], tmp_path)
        held.release()
        assert second.acquire([], tmp_path)
        second.release()
    assert file.read_text() == ""


def test_a_folder_that_does_not_take_the_lock_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"missing/\.cpu\.lock: cannot be locked: No such file"):
        DeviceLock("cpu", tmp_path / "missing").acquire([], tmp_path)


@contextmanager
def as_another_user(folder: Path) -> Iterator[None]:
    """Root reads and writes everything, and becomes nobody for the block, who may enter `folder`."""
    if os.geteuid() != 0:
        yield
        return
    opened = [each for each in (folder, *folder.parents) if not each.stat().st_mode & 0o010]
    modes = [each.stat().st_mode for each in opened]
    for each, mode in zip(opened, modes, strict=True):
        each.chmod(mode | 0o011)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for each, mode in zip(opened, modes, strict=True):
            each.chmod(mode)
