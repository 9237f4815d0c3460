"""The cache: built once, by one process, in one piece, and again when its source or its files change."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotui.data.cache import MANIFEST, cache_entries, clear_caches
from rotui.data.images import Dataset
from rotui.data.loading import load_dataset
from rotui.errors import DataError
from rotui.profile.schema import DataSettings

LOADER = """
import sys, time, os, signal, zlib
from pathlib import Path
from rotui.data.loading import load_dataset
from rotui.profile.schema import DataSettings
pictures, data_dir, behaviour, signals = sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
built = False
def progress(done, total):
    global built
    built = True
    if behaviour == "die" and done:
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "first" and not done:
        (signals / "building").touch()
        while not (signals / "second").exists():
            time.sleep(0.01)
        time.sleep(0.5)
if behaviour == "second":
    while not (signals / "building").exists():
        time.sleep(0.01)
    (signals / "second").touch()
dataset = load_dataset(DataSettings(name="folder", path=pictures, image_size=16), data_dir, progress)
print("built" if built else "found", zlib.crc32(dataset.train.pixels.tobytes()))
"""


def load(path: Path, data_dir: Path, image_size: int = 16) -> tuple[Dataset, bool]:
    """The dataset and whether it was built now."""
    calls: list[int] = []
    settings = DataSettings(name="folder", path=str(path), image_size=image_size)
    dataset = load_dataset(settings, data_dir, lambda done, _: calls.append(done))
    return dataset, bool(calls)


def caches(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "cache").iterdir() if path.is_dir())


def test_second_load_finds_the_cache(cats_and_dogs, data_dir):
    first, built = load(cats_and_dogs, data_dir)
    assert built
    second, built = load(cats_and_dogs, data_dir)
    assert not built
    assert second.fingerprint == first.fingerprint
    assert second.train.pixels.tobytes() == first.train.pixels.tobytes()
    assert second.train.names == first.train.names


def test_each_size_has_a_cache_of_its_own(cats_and_dogs, data_dir):
    load(cats_and_dogs, data_dir)
    load(cats_and_dogs, data_dir, image_size=20)
    assert len(caches(data_dir)) == 2
    assert not load(cats_and_dogs, data_dir)[1]


def _touch(root: Path) -> None:
    os.utime(root / "train" / "cat" / "0000.png", ns=(1, 1))


def _add(root: Path) -> None:
    shutil.copy2(root / "train" / "cat" / "0000.png", root / "train" / "cat" / "new.png")


def _remove(root: Path) -> None:
    (root / "val" / "cat" / "0000.png").unlink()


def _repaint(root: Path) -> None:
    Image.new("RGB", (16, 16), "red").save(root / "train" / "cat" / "0000.png")


@pytest.mark.parametrize("change", [_touch, _add, _remove, _repaint])
def test_changed_source_is_decoded_again_and_the_old_cache_removed(cats_and_dogs, data_dir, change):
    before, _ = load(cats_and_dogs, data_dir)
    old = caches(data_dir)
    change(cats_and_dogs)
    after, built = load(cats_and_dogs, data_dir)
    assert built
    assert after.fingerprint != before.fingerprint
    assert len(caches(data_dir)) == 1
    assert caches(data_dir) != old
    assert before.train.image(0).shape == (3, 16, 16)


def _shorten(directory: Path) -> None:
    path = directory / "train-pixels.npy"
    os.truncate(path, path.stat().st_size - 1)


def _lose(directory: Path) -> None:
    (directory / "validation-labels.npy").unlink()


def _lose_manifest(directory: Path) -> None:
    (directory / MANIFEST).unlink()


def _tear_manifest(directory: Path) -> None:
    (directory / MANIFEST).write_text('{"fingerprint": ')


def _replace(directory: Path) -> None:
    np.save(directory / "train-labels.npy", np.zeros(3, np.int64))


@pytest.mark.parametrize("damage", [_shorten, _lose, _replace, _lose_manifest, _tear_manifest])
def test_damaged_cache_is_built_again(cats_and_dogs, data_dir, damage):
    expected = load(cats_and_dogs, data_dir)[0].train.pixels.tobytes()
    damage(next((data_dir / "cache").glob("folder-*")))
    dataset, built = load(cats_and_dogs, data_dir)
    assert built
    assert dataset.train.pixels.tobytes() == expected
    assert not load(cats_and_dogs, data_dir)[1]


def finished(child: "subprocess.Popen[str]") -> tuple[int, str]:
    out, err = child.communicate(timeout=60)
    assert "Traceback" not in err
    return child.returncode, out.strip()


def test_two_processes_at_once_build_once(cats_and_dogs, data_dir, tmp_path, start_python):
    children = [start_python(LOADER, cats_and_dogs, data_dir, role, tmp_path) for role in ("first", "second")]
    (first_code, first), (second_code, second) = (finished(child) for child in children)
    assert (first_code, second_code) == (0, 0)
    assert first.split()[0] == "built"
    assert second.split()[0] == "found"
    assert first.split()[1] == second.split()[1]
    assert len(caches(data_dir)) == 1


def test_after_a_killed_builder_a_fresh_build_works_and_nothing_of_it_is_left(
    make_folder, data_dir, tmp_path, start_python
):
    root = make_folder({"train": {"a": 300, "b": 300}, "val": {"a": 1, "b": 1}}, size=(16, 16))
    code, _ = finished(start_python(LOADER, root, data_dir, "die", tmp_path))
    assert code == -signal.SIGKILL
    assert [name for name in caches(data_dir) if ".building-" in name]
    dataset, built = load(root, data_dir)
    assert built
    assert len(dataset.train) == 600
    assert len(caches(data_dir)) == 1
    assert ".building-" not in caches(data_dir)[0]


def _children_of(parent: int) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.add(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the process table in /proc")
def test_decoders_of_a_killed_builder_end_by_themselves(make_folder, data_dir, tmp_path, start_python):
    root = make_folder({"train": {"a": 300, "b": 300}, "val": {"a": 1, "b": 1}}, size=(16, 16))
    child = start_python(LOADER, root, data_dir, "first", tmp_path)
    while not (tmp_path / "building").exists():
        time.sleep(0.01)
    decoders = _children_of(child.pid)
    assert decoders
    child.kill()
    child.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{decoder}").exists() for decoder in decoders) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [decoder for decoder in decoders if Path(f"/proc/{decoder}").exists()]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the process table in /proc")
def test_a_decoder_that_dies_is_one_message_and_leaves_nothing(make_folder, data_dir):
    root = make_folder({"train": {"a": 300, "b": 300}, "val": {"a": 1, "b": 1}}, size=(16, 16))
    before = _children_of(os.getpid())

    def kill(done: int, total: int) -> None:
        if not done and total:
            for decoder in _children_of(os.getpid()) - before:
                os.kill(decoder, signal.SIGKILL)

    with pytest.raises(DataError, match="a decoder process ended by itself with status -9"):
        load_dataset(DataSettings(name="folder", path=str(root), image_size=16), data_dir, kill)
    assert caches(data_dir) == []


def test_a_build_that_is_stopped_leaves_nothing(make_folder, data_dir):
    root = make_folder({"train": {"a": 300, "b": 300}, "val": {"a": 1, "b": 1}}, size=(16, 16))

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt(total)

    with pytest.raises(KeyboardInterrupt):
        load_dataset(DataSettings(name="folder", path=str(root), image_size=16), data_dir, stop)
    assert caches(data_dir) == []


def test_unwritable_data_directory_sends_the_cache_to_the_users(cats_and_dogs, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    assert load(cats_and_dogs, blocked)[1]
    assert not load(cats_and_dogs, blocked)[1]
    assert list((tmp_path / "user-cache" / "rotui" / "datasets").glob("folder-*"))


def test_no_writable_place_is_one_message(cats_and_dogs, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(DataError, match=r"no directory for the cache .* can be written"):
        load(cats_and_dogs, blocked)


def test_clear_removes_caches_and_remains_of_dead_builders(cats_and_dogs, data_dir):
    load(cats_and_dogs, data_dir)
    (entry,) = cache_entries(data_dir)
    name = entry.directory.name.split("-v")[0]
    remains = data_dir / "cache" / f".{name}.building-dead"
    remains.mkdir()
    (remains / "train-pixels.npy").write_bytes(b"x" * 1000)
    assert clear_caches(data_dir) == (entry.size + 1000, [])
    assert caches(data_dir) == []
    assert load(cats_and_dogs, data_dir)[1]


def test_clear_leaves_what_is_being_built(cats_and_dogs, data_dir, tmp_path, start_python):
    child = start_python(LOADER, cats_and_dogs, data_dir, "first", tmp_path)
    while not (tmp_path / "building").exists():
        time.sleep(0.01)
    freed, busy = clear_caches(data_dir)
    (tmp_path / "second").touch()
    assert finished(child)[0] == 0
    assert freed == 0
    assert len(busy) == 1
    assert len(caches(data_dir)) == 1


FULL = """
import sys, os
from pathlib import Path
from rotui.data.loading import load_dataset
from rotui.errors import DataError
from rotui.profile.schema import DataSettings
data_dir = Path(sys.argv[2])
def fill(done, total):
    if not done:
        with (data_dir / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
try:
    load_dataset(DataSettings(name="folder", path=sys.argv[1], image_size=64), data_dir, fill)
except DataError as error:
    print(error)
    print(sorted(path.name for path in (data_dir / "cache").iterdir() if path.suffix != ".lock"))
"""


def _mount_works() -> bool:
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not _mount_works(), reason="a small file system cannot be mounted here")
@pytest.mark.parametrize("images", [100, 300])
def test_disk_that_fills_up_while_building_is_one_message(make_folder, data_dir, start_python, images):
    root = make_folder({"train": {"a": images, "b": images}, "val": {"a": 1, "b": 1}}, size=(64, 64))
    program = (
        "import os, subprocess, sys\n"
        'mount = \'mount -t tmpfs -o size=16m none "$3" && exec "$0" -c "$1" "$2" "$3"\'\n'
        "os.execvp('unshare', ['unshare', '-rm', 'sh', '-c', mount, sys.executable, *sys.argv[1:]])"
    )
    code, out = finished(start_python(program, FULL, root, data_dir))
    assert code == 0
    message, left = out.splitlines()
    assert message.startswith(f"no room for the cache of decoded images in {data_dir / 'cache'}: ")
    assert "MB are needed" in message
    assert left == "[]"
