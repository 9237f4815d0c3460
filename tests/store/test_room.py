"""Waiting for room, on a file that has none (/dev/full) and on a filesystem that has none (/proc)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rotui.errors import DiskFullError, StoppedError, StoreError
from rotui.store.atomic import append_line
from rotui.store.reserve import RESERVE_BYTES, free_reserve, keep_reserve, with_reserve
from rotui.store.room import Room, free_bytes

FULL_FILE, FULL_FILESYSTEM = Path("/dev/full"), Path("/proc")
needs_full_places = pytest.mark.skipif(
    not FULL_FILE.exists() or not FULL_FILESYSTEM.is_dir(), reason="Linux has /dev/full and /proc"
)


class Waiting:
    """What a room tells, in order. The wait of the number `until` is the last before there is room, which
    `make_room` makes."""

    def __init__(self, runs_dir: Path, make_room: Callable[[], object], until: int = 3) -> None:
        self.told: list[str] = []
        self.waits = 0
        self._make_room, self._until = make_room, until
        self.room = Room(
            runs_dir, paused=self.told.append, going_on=lambda: self.told.append("going on"), wait=self._wait
        )

    def _wait(self) -> None:
        self.waits += 1
        if self.waits == self._until:
            self._make_room()


@pytest.fixture
def linked(tmp_path: Path) -> Callable[[Path], Path]:
    """A link that points to what it was last given."""

    def point(target: Path) -> Path:
        link = tmp_path / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        return link

    return point


@needs_full_places
def test_a_write_that_finds_the_disk_full_is_done_again_until_there_is_room(
    tmp_path: Path, linked: Callable[[Path], Path]
) -> None:
    real = tmp_path / "real"
    path = linked(FULL_FILE)
    waiting = Waiting(tmp_path, lambda: linked(real))
    waiting.room.patiently(lambda: append_line(path, "row"))
    assert real.read_text() == "row\n"
    assert waiting.waits == 3
    assert [waiting.told[0].partition(": ")[0], *waiting.told[1:]] == ["waits for room", "going on"]
    assert "No space left on device" in waiting.told[0]
    assert str(path) in waiting.told[0]


def test_where_there_is_room_nothing_is_told(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, lambda: None)
    waiting.room.patiently(lambda: append_line(tmp_path / "file", "row"))
    waiting.room.need(1, "a checkpoint")
    assert (waiting.told, waiting.waits) == ([], 0)


def test_another_error_is_not_waited_for(tmp_path: Path) -> None:
    waiting = Waiting(tmp_path, lambda: None)
    with pytest.raises(StoreError, match="No such file"):
        waiting.room.patiently(lambda: append_line(tmp_path / "missing" / "file", "row"))
    assert (waiting.told, waiting.waits) == ([], 0)


@needs_full_places
def test_room_that_is_needed_is_waited_for_and_told_with_its_size_and_place(
    tmp_path: Path, linked: Callable[[Path], Path]
) -> None:
    runs_dir = linked(FULL_FILESYSTEM)
    assert free_bytes(runs_dir) == 0
    waiting = Waiting(runs_dir, lambda: linked(tmp_path))
    waiting.room.need(2_500_000, "two checkpoints")
    assert waiting.waits == 3
    assert waiting.told == [
        f"waits for room: two checkpoints needs 2.5 MB in {runs_dir}, 0.0 MB are free",
        "going on",
    ]


@needs_full_places
def test_a_wait_that_gives_up_ends_it_without_going_on(
    tmp_path: Path, linked: Callable[[Path], Path]
) -> None:
    def give_up() -> None:
        raise StoppedError("asked to stop")

    waiting = Waiting(linked(FULL_FILESYSTEM), give_up)
    with pytest.raises(StoppedError):
        waiting.room.need(1, "a checkpoint")
    assert (waiting.waits, len(waiting.told)) == (3, 1)
    path = linked(FULL_FILE)
    waiting = Waiting(tmp_path, give_up)
    with pytest.raises(StoppedError):
        waiting.room.patiently(lambda: append_line(path, "row"))
    assert (waiting.waits, len(waiting.told)) == (3, 1)


def test_a_folder_that_is_gone_has_no_room_to_tell(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="its filesystem does not answer: No such file"):
        free_bytes(tmp_path / "missing")


def test_a_reserve_is_made_once_takes_its_room_and_is_given_up_once(tmp_path: Path) -> None:
    keep_reserve(tmp_path)
    [reserve] = tmp_path.iterdir()
    assert reserve.stat().st_size == RESERVE_BYTES
    assert len(set(reserve.read_bytes())) == 256
    made = reserve.stat().st_mtime_ns
    keep_reserve(tmp_path)
    assert reserve.stat().st_mtime_ns == made
    assert free_reserve(tmp_path)
    assert not free_reserve(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_finds_the_disk_full_is_done_again_in_the_room_of_the_reserve(tmp_path: Path) -> None:
    def action() -> str:
        if (tmp_path / ".reserve").exists():
            raise DiskFullError("no room")
        return "done"

    keep_reserve(tmp_path)
    assert with_reserve(tmp_path, action) == "done"
    assert not (tmp_path / ".reserve").exists()


@needs_full_places
def test_without_a_reserve_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="No space left on device"):
        with_reserve(tmp_path, lambda: append_line(FULL_FILE, "row"))


def test_the_reserve_is_kept_where_the_disk_is_not_full(tmp_path: Path) -> None:
    keep_reserve(tmp_path)
    assert with_reserve(tmp_path, lambda: "done") == "done"
    assert (tmp_path / ".reserve").exists()
    with pytest.raises(StoreError, match="other"):
        with_reserve(tmp_path, other_error)
    assert (tmp_path / ".reserve").exists()


def other_error() -> None:
    raise StoreError("other")
