"""The database: how it is made, brought up to date and refused, and what becomes of one that is damaged."""

import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from rotui.errors import StoreError
from rotui.profile.schema import Profile
from rotui.store import database, migrations
from rotui.store.adding import Wishes, add_plan
from rotui.store.claiming import claim
from rotui.store.database import Database
from rotui.store.filesystem import is_network_filesystem
from rotui.store.index import load_rows
from rotui.store.listing import ListedRun
from rotui.store.ordering import in_turn
from rotui.store.queue import Queue
from rotui.store.session import change, look
from rotui.study.planning import Plan, Point, plan

FILE = "queue.sqlite3"
PAGE = 4096
VERSION = slice(60, 64)
"""Bytes of the schema version in the file's header."""


def study(seeds: int) -> Plan:
    return plan(
        Point(Profile(name="small", stages=("supervised-random",), data={"name": "digits"}, seed=seed))
        for seed in range(seeds)
    )


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Two runs."""
    add_plan(tmp_path / "runs", study(2), Wishes(note="kept"), {}, print)
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs with notes, of which one failed, one is cancelled, one is held and one was moved."""
    runs_dir = tmp_path_factory.mktemp("six") / "runs"
    names = [*add_plan(runs_dir, study(6), Wishes(note="a note", tags=("a", "b")), {}, print).names.values()]
    begun = claim(runs_dir, {names[0]}, lambda _: "", print).directory
    assert begun is not None
    begun.fail("loss is nan")
    queue = Queue(runs_dir, print)
    queue.cancel([names[1]])
    queue.hold([names[2]])
    queue.move([names[5]], "first")
    queue.prioritise([names[4]], 7)
    queue.note([names[3]], "x" * 900)
    return runs_dir


@pytest.fixture
def damage(six: Path) -> Iterator[Callable[[bytes], None]]:
    """Puts bytes in the place of the six runs' database, with no log and nothing kept aside beside it."""
    whole = (six / FILE).read_bytes()

    def put(content: bytes) -> None:
        for path in six.glob(f"{FILE}*"):
            path.unlink()
        (six / FILE).write_bytes(content)

    yield put
    put(whole)


def dump(path: Path) -> tuple[int, list[str]]:
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        return version, list(connection.iterdump())


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def kept_aside(runs_dir: Path) -> list[Path]:
    found = runs_dir.glob(f"{FILE}.unreadable-*")
    return [path for path in found if not path.name.endswith(("-wal", "-shm", "-journal"))]


def assert_nothing_is_lost(runs_dir: Path, before: list[ListedRun]) -> list[str]:
    """Reads, changes and reads again; what was said of the database."""
    notices: list[str] = []
    assert look(runs_dir) == (before, [])
    with change(runs_dir, notices.append) as opened:
        assert opened.runs == before
        assert [run.number for run in in_turn(opened.runs)] == [run.number for run in in_turn(before)]
    for run in before[:2]:
        Queue(runs_dir, notices.append).note([run.name], run.note)
    assert look(runs_dir) == (before, [])
    with closing(sqlite3.connect(runs_dir / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return notices


def test_a_new_database_is_of_the_newest_schema_and_loses_nothing_in_a_power_cut(tmp_path: Path) -> None:
    with Database(tmp_path / FILE).writing(load_rows) as (connection, rows):
        assert rows == {}
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(migrations.MIGRATIONS)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_on_a_network_filesystem_there_is_no_shared_memory(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 21 0:31 / {tmp_path.resolve()} rw shared:2 - nfs4 server:/export rw\n")
    before = look(runs_dir)
    monkeypatch.setattr(database, "is_network_filesystem", partial(is_network_filesystem, mounts=mounts))
    for _ in range(2):
        with Database(runs_dir / FILE).writing(load_rows) as (connection, _):
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert sorted(path.name for path in runs_dir.glob(f"{FILE}*")) == [FILE]
        assert look(runs_dir) == before
    mounts.write_text("")
    Queue(runs_dir, print).pause()
    assert look(runs_dir) == before
    with Database(runs_dir / FILE).writing(load_rows) as (connection, _):
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_block_that_fails_changes_nothing(runs_dir: Path) -> None:
    before = dump(runs_dir / FILE)
    with pytest.raises(KeyError):
        delete_all_and_fail(runs_dir / FILE)
    assert dump(runs_dir / FILE) == before


def delete_all_and_fail(path: Path) -> None:
    with Database(path).writing(load_rows) as (connection, _):
        connection.execute("DELETE FROM runs")
        raise KeyError


def add_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE later (x)")
    connection.execute("UPDATE runs SET name = name")


def fill_table(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO later SELECT name FROM runs")


def fail_in_sqlite(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE runs SET summary = ''")
    connection.execute("INSERT INTO runs SELECT * FROM runs")


def fail_in_python(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE runs")
    raise KeyError("a defect")


def test_an_older_database_is_brought_up_to_date_after_a_backup(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, listed = dump(runs_dir / FILE), look(runs_dir)
    known = len(migrations.MIGRATIONS)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_table, fill_table))
    Queue(runs_dir, print).pause()
    version, _ = dump(runs_dir / FILE)
    assert version == known + 2
    with closing(sqlite3.connect(runs_dir / FILE)) as connection:
        assert len(connection.execute("SELECT x FROM later").fetchall()) == 2
    [backup] = runs_dir.glob(f"{FILE}.schema-*")
    assert backup.name.startswith(f"{FILE}.schema-{known}-")
    assert dump(backup) == old
    assert look(runs_dir) == listed
    Queue(runs_dir, print).resume()
    assert len([*runs_dir.glob(f"{FILE}.schema-*")]) == 1


def test_a_new_database_needs_no_backup(tmp_path: Path) -> None:
    Queue(tmp_path, print).pause()
    assert not [*tmp_path.glob(f"{FILE}.schema-*")]


@pytest.mark.parametrize("step", [fail_in_sqlite, fail_in_python])
def test_a_step_that_fails_leaves_the_old_version_untouched(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, step: Callable[[sqlite3.Connection], None]
) -> None:
    """Neither is the database kept aside: it is whole, and the next rotui may know better."""
    old, listed = dump(runs_dir / FILE), look(runs_dir)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_table, step))
        with pytest.raises((KeyError, StoreError)):
            Queue(runs_dir, print).pause()
        assert look(runs_dir) == listed
    assert dump(runs_dir / FILE) == old
    [backup] = runs_dir.glob(f"{FILE}.schema-*")
    assert dump(backup) == old
    assert kept_aside(runs_dir) == []
    Queue(runs_dir, print).pause()
    assert look(runs_dir) == listed


def test_readers_take_the_directories_where_the_database_is_older(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, raw = look(runs_dir), (runs_dir / FILE).read_bytes()
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, fail_in_python))
    with Database(runs_dir / FILE).reading() as connection:
        assert connection is None
    assert look(runs_dir) == listed
    assert (runs_dir / FILE).read_bytes() == raw


def look_at(runs_dir: Path) -> object:
    return look(runs_dir)


def add_more(runs_dir: Path) -> object:
    return add_plan(runs_dir, study(3), Wishes(), {}, print)


def take(runs_dir: Path) -> object:
    return claim(runs_dir, None, lambda _: "", print)


def pause(runs_dir: Path) -> object:
    return Queue(runs_dir, print).pause()


def note(runs_dir: Path) -> object:
    return Queue(runs_dir, print).note([next(runs_dir.glob("0001-*")).name], "changed")


@pytest.mark.parametrize("has_log", [False, True], ids=["checkpointed", "with a log"])
@pytest.mark.parametrize("action", [look_at, add_more, take, pause, note])
def test_a_database_of_a_newer_rotui_is_refused_and_nothing_is_touched(
    runs_dir: Path, tmp_path: Path, action: Callable[[Path], object], has_log: bool
) -> None:
    newer = len(migrations.MIGRATIONS) + 1
    with closing(sqlite3.connect(runs_dir / FILE)) as writer:
        writer.execute("CREATE TABLE later (x)")
        writer.execute(f"PRAGMA user_version = {newer}")
        writer.commit()
        for path in runs_dir.glob(f"{FILE}*"):
            shutil.copy(path, tmp_path / path.name)
    if has_log:  # as a crash of the newer rotui leaves it
        shutil.copy(tmp_path / FILE, runs_dir / FILE)
        shutil.copy(tmp_path / f"{FILE}-wal", runs_dir / f"{FILE}-wal")
    before = contents(runs_dir)
    assert any(name.endswith("-wal") for name in before) == has_log
    with pytest.raises(StoreError, match=rf"written by a newer rotui \(schema {newer}.*upgrade rotui"):
        action(runs_dir)
    after = contents(runs_dir)
    if not has_log and after.get(f"{FILE}-wal") == b"":
        del after[f"{FILE}-wal"]  # what a reader leaves
    assert after == before


def contents(runs_dir: Path) -> dict[str, bytes]:
    """All files but the lock and the shared memory, which holds no data."""
    files = [path for path in runs_dir.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(runs_dir)): path.read_bytes()
        for path in files
        if path.name != ".lock" and not path.name.endswith("-shm")
    }


def lengths() -> list[int]:
    """Within the header, around the ends of pages and in between."""
    ends = chain.from_iterable((end - 1, end, end + 1, end + 2000) for end in range(PAGE, 9 * PAGE, PAGE))
    return [0, 1, 15, 16, 17, 18, 27, 50, 60, 99, 100, 101, 107, 512, 1000, *ends]


def test_a_database_that_was_cut_off_anywhere_loses_nothing(
    six: Path, damage: Callable[[bytes], None]
) -> None:
    before, raw = look(six)[0], (six / FILE).read_bytes()
    assert [run.status for run in before] == ["failed", "cancelled", "held", "queued", "queued", "queued"]
    for length in lengths():
        damage(raw[:length])
        notices = assert_nothing_is_lost(six, before)
        assert_kept_aside_or_empty(six, raw[:length], notices)


def assert_kept_aside_or_empty(runs_dir: Path, damaged: bytes, notices: list[str]) -> None:
    """An empty file, or one of one byte, holds nothing that could be kept."""
    if len(damaged) < 2:
        assert (kept_aside(runs_dir), notices) == ([], [])
        return
    [aside] = kept_aside(runs_dir)
    assert aside.read_bytes() == damaged
    [notice] = notices
    assert aside.name in notice
    assert "made again from the runs' directories" in notice


@pytest.mark.parametrize(
    "content",
    [
        bytes(5 * PAGE),
        b"\xff" * 5 * PAGE,
        b"SQLite format 3\x00" + bytes(5 * PAGE),
        b"not a database",
        b"[]" * 3000,
    ],
    ids=["zeroed", "all ones", "a header alone", "text", "longer text"],
)
def test_a_file_that_is_no_database_is_kept_aside_and_nothing_is_lost(
    six: Path, damage: Callable[[bytes], None], content: bytes
) -> None:
    before = look(six)[0]
    damage(content)
    assert_kept_aside_or_empty(six, content, assert_nothing_is_lost(six, before))


def test_a_page_of_zeros_loses_nothing(six: Path, damage: Callable[[bytes], None]) -> None:
    before, raw = look(six)[0], (six / FILE).read_bytes()
    for start in range(0, len(raw), PAGE):
        damage(raw[:start] + bytes(PAGE) + raw[start + PAGE :])
        assert_nothing_is_lost(six, before)


def flipped(raw: bytes, byte: int, bit: int) -> bytes:
    return raw[:byte] + bytes([raw[byte] ^ 1 << bit]) + raw[byte + 1 :]


def bits(size: int) -> list[tuple[int, int]]:
    """Drawn from the whole file, from its header and from the headers of its pages; the schema version is
    left out, for what is there is what a newer rotui may have written."""
    draw = random.Random(20)
    anywhere = [draw.randrange(size) for _ in range(100)]
    header = [draw.randrange(100) for _ in range(60)]
    pages = [page + draw.randrange(40) for page in range(PAGE, size, PAGE) for _ in range(5)]
    drawn = [(byte, draw.randrange(8)) for byte in (*anywhere, *header, *pages)]
    return [(byte, bit) for byte, bit in drawn if byte not in range(60, 64)]


def test_a_flipped_bit_loses_and_misstates_nothing(six: Path, damage: Callable[[bytes], None]) -> None:
    before, raw = look(six)[0], (six / FILE).read_bytes()
    lost = []
    for byte, bit in bits(len(raw)):
        content = flipped(raw, byte, bit)
        damage(content)
        try:
            notices = assert_nothing_is_lost(six, before)
            if notices or kept_aside(six):
                assert_kept_aside_or_empty(six, content, notices)
        except (AssertionError, StoreError, UnicodeDecodeError, sqlite3.Error) as error:
            lost.append((byte, bit, repr(error)[-120:]))
    assert lost == []


@pytest.mark.parametrize(
    ("byte", "bit"),
    [(18, 2), (18, 0), (19, 3), (47, 1), (47, 5), (44, 0), (59, 1), (20, 4), (63, 0), (60, 7)],
    ids=str,
)
def test_a_flipped_bit_of_what_the_header_says_of_the_format_loses_nothing(
    six: Path, damage: Callable[[bytes], None], byte: int, bit: int
) -> None:
    """Formats that SQLite will only read, or not at all, and schema versions that never were."""
    before, raw = look(six)[0], (six / FILE).read_bytes()
    damage(flipped(raw, byte, bit))
    assert_nothing_is_lost(six, before)


def test_an_index_that_contradicts_its_table_loses_nothing(
    six: Path, damage: Callable[[bytes], None]
) -> None:
    """What only a full check of the database sees."""
    before, raw = look(six)[0], (six / FILE).read_bytes()
    places = [run.key.encode()[:20] for run in before] + [run.name.encode() for run in before]
    for place in places:
        found = raw.rfind(place)
        while found > 0:
            damage(flipped(raw, found + 5, 2))
            assert_nothing_is_lost(six, before)
            found = raw.rfind(place, 0, found)


def test_names_in_the_schema_that_are_no_text_lose_nothing(
    six: Path, damage: Callable[[bytes], None]
) -> None:
    before, raw = look(six)[0], (six / FILE).read_bytes()
    for name in (b"runs_by_key", b"state_stamp", b"CREATE TABLE", b"sqlite_autoindex"):
        found = raw.find(name)
        if found > 0:
            damage(flipped(raw, found + 3, 7))
            assert_nothing_is_lost(six, before)


def test_a_version_that_is_raised_by_a_flipped_bit_is_refused_and_left(
    six: Path, damage: Callable[[bytes], None]
) -> None:
    raw = (six / FILE).read_bytes()
    [version] = struct.unpack(">i", raw[VERSION])
    for bit in range(1, 31):
        content = raw[: VERSION.start] + struct.pack(">i", version | 1 << bit) + raw[VERSION.stop :]
        damage(content)
        for action in (look_at, pause):
            with pytest.raises(StoreError, match="written by a newer rotui"):
                action(six)
        assert (six / FILE).read_bytes() == content


@pytest.fixture
def logged(six: Path) -> tuple[bytes, bytes]:
    """The database as a crash leaves it, and its log, in which the last changes are."""
    with closing(sqlite3.connect(six / FILE)) as reader:
        reader.execute("SELECT count(*) FROM runs").fetchone()
        run = look(six)[0][3]
        Queue(six, print).note([run.name], "in the log")
        Queue(six, print).tag([run.name], ["logged"], [])
        return (six / FILE).read_bytes(), (six / f"{FILE}-wal").read_bytes()


def test_a_log_that_a_crash_left_is_read(
    six: Path, damage: Callable[[bytes], None], logged: tuple[bytes, bytes]
) -> None:
    before = look(six)[0]
    assert before[3].note == "in the log"
    damage(logged[0])
    (six / f"{FILE}-wal").write_bytes(logged[1])
    with Database(six / FILE).writing(load_rows) as (_, rows):
        assert '"in the log"' in rows[before[3].name].summary
    assert assert_nothing_is_lost(six, before) == []


def test_a_damaged_log_loses_nothing(
    six: Path, damage: Callable[[bytes], None], logged: tuple[bytes, bytes]
) -> None:
    before = look(six)[0]
    raw, log = logged
    draw = random.Random(4)
    cut = [log[:length] for length in (0, 1, 31, 32, 33, 56, 57, 4000, len(log) // 2, len(log) - 1)]
    flips = [flipped(log, draw.randrange(len(log)), draw.randrange(8)) for _ in range(20)]
    headers = [flipped(log, byte, draw.randrange(8)) for byte in range(0, 56, 4)]
    for damaged in (*cut, *flips, *headers, bytes(len(log)), b"garbage" * 1000, log + b"torn"):
        damage(raw)
        (six / f"{FILE}-wal").write_bytes(damaged)
        assert_nothing_is_lost(six, before)


def test_a_log_of_another_database_loses_nothing(
    six: Path, damage: Callable[[bytes], None], logged: tuple[bytes, bytes], runs_dir: Path
) -> None:
    before = look(six)[0]
    damage((runs_dir / FILE).read_bytes())
    (six / f"{FILE}-wal").write_bytes(logged[1])
    assert_nothing_is_lost(six, before)


def test_a_journal_that_a_crash_left_is_rolled_back_and_holds_up_no_reader(
    six: Path, damage: Callable[[bytes], None]
) -> None:
    """As on a network filesystem, where there is no write-ahead log."""
    before = look(six)[0]
    with closing(sqlite3.connect(six / FILE, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = DELETE")
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        writer.execute("UPDATE runs SET summary = 'half of a change', entry = entry || profile || profile")
        raw, journal = (six / FILE).read_bytes(), (six / f"{FILE}-journal").read_bytes()
    assert b"half of a change" in raw
    damage(raw)
    (six / f"{FILE}-journal").write_bytes(journal)
    assert look(six) == (before, [])
    assert assert_nothing_is_lost(six, before) == []
    assert not (six / f"{FILE}-journal").exists()


@pytest.mark.parametrize(
    "journal",
    [b"", b"garbage" * 1000, bytes(512), b"\xd9\xd5\x05\xf9 \xa1c\xd7"],
    ids=["empty", "garbage", "zeroed", "torn"],
)
def test_a_stale_journal_loses_nothing(six: Path, damage: Callable[[bytes], None], journal: bytes) -> None:
    before, raw = look(six)[0], (six / FILE).read_bytes()
    damage(raw)
    (six / f"{FILE}-journal").write_bytes(journal)
    assert_nothing_is_lost(six, before)


def test_every_database_that_is_kept_aside_has_a_name_of_its_own(
    six: Path, damage: Callable[[bytes], None]
) -> None:
    damage(b"first" * 100)
    for content in (b"second" * 100, b"third" * 100):
        Queue(six, print).pause()
        (six / FILE).write_bytes(content)
    Queue(six, print).pause()
    assert {path.read_bytes()[:5] for path in kept_aside(six)} == {b"first", b"secon", b"third"}


def test_what_is_kept_aside_takes_its_log_along(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE kept (value)")
        connection.execute("INSERT INTO kept VALUES (7)")
        connection.commit()
        aside = Database(tmp_path / FILE).keep_aside("replaced")
        assert aside is not None
        assert (tmp_path / f"{aside.name}-wal").stat().st_size > 0
        assert not [*tmp_path.glob(FILE), *tmp_path.glob(f"{FILE}-*")]
        with closing(sqlite3.connect(aside)) as again:
            assert again.execute("SELECT value FROM kept").fetchall() == [(7,)]


@pytest.mark.parametrize("logs", [("-wal", "-shm"), ("-shm",), ()], ids=["both", "index", "none"])
def test_logs_that_hold_nothing_are_not_kept(tmp_path: Path, logs: tuple[str, ...]) -> None:
    (tmp_path / FILE).write_bytes(b"mine")
    for suffix in logs:
        (tmp_path / f"{FILE}{suffix}").write_bytes(b"" if suffix == "-wal" else b"index")
    aside = Database(tmp_path / FILE).keep_aside()
    assert [*tmp_path.iterdir()] == [aside]
    assert aside is not None
    assert aside.read_bytes() == b"mine"


def test_a_directory_in_the_place_of_a_log_is_kept_aside_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"mine")
    (tmp_path / f"{FILE}-shm").mkdir()
    aside = Database(tmp_path / FILE).keep_aside()
    assert aside is not None
    assert (tmp_path / f"{aside.name}-shm").is_dir()
