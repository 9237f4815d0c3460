"""Files of a runs directory that are damaged, stale or torn between two commands: the next one goes on."""

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from studies import ADD, KILLED, STUDY, WORK, Commands, digest, integrity, statuses

from rotui.errors import StoreError
from rotui.profile.schema import Profile
from rotui.store.adding import Wishes, add_plan
from rotui.store.layout import DATABASE
from rotui.store.past_runs import read_runs
from rotui.store.session import change, look
from rotui.study.planning import Point, plan

Damage = Callable[[Path], None]
HEX = "0123456789abcdef0123456789abcdef"


def truncated(file: Path) -> None:
    _replace(file, lambda raw: raw[: len(raw) // 2])


def emptied(file: Path) -> None:
    _replace(file, lambda _: b"")


def zeroed(file: Path) -> None:
    _replace(file, lambda raw: bytes(len(raw)))


def bit_flipped(file: Path) -> None:
    """One bit in the middle is another; text may make sense all the same."""
    _replace(file, lambda raw: _flipped(raw, 8 * (len(raw) // 2)))


def high_bit_flipped(file: Path) -> None:
    """One bit in the middle is another; text makes no sense any more."""
    _replace(file, lambda raw: _flipped(raw, 8 * (len(raw) // 2) + 7))


def made_a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "something").touch()


def gone(file: Path) -> None:
    file.unlink()


@pytest.fixture(scope="module")
def interrupted(rotui: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose worker was killed in the second epoch of its pre-training."""
    runs = tmp_path_factory.mktemp("interrupted")
    assert rotui(*ADD, "--note", "mine", runs=runs) == 0
    assert rotui(*WORK, runs=runs, failpoint="step:5") == KILLED
    assert statuses(runs) == {1: "interrupted", 2: "queued"}
    return runs


@pytest.fixture(scope="module")
def half_done(rotui: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was stopped in the fine-tuning, its pre-training finished."""
    runs = tmp_path_factory.mktemp("half-done")
    assert rotui(*ADD, "--note", "mine", runs=runs) == 0
    assert rotui(*WORK, runs=runs, failpoint="step:11") == KILLED
    assert statuses(runs) == {1: "finished", 2: "interrupted"}
    return runs


@pytest.fixture
def runs(interrupted: Path, tmp_path: Path) -> Path:
    return copy_of(interrupted, tmp_path / "runs")


def copy_of(runs: Path, to: Path) -> Path:
    """A copy whose state.json and queue.json are the very files, which are only ever replaced: by their
    time and inode the index knows them."""

    def copied(source: str, target: str) -> None:
        if Path(source).name in ("state.json", "queue.json"):
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    return Path(shutil.copytree(runs, to, copy_function=copied))


def the_run(runs: Path, number: int) -> Path:
    return next(runs.glob(f"{number:04d}-*"))


@pytest.mark.parametrize("damage", [truncated, emptied, zeroed, high_bit_flipped, made_a_directory, gone])
@pytest.mark.parametrize("name", ["profile.toml", "state.json", "queue.json", "metrics.csv"])
def test_a_file_that_is_damaged_in_every_run_is_repaired_and_the_study_ends_with_the_same_bytes(
    rotui: Commands, unbroken: dict[str, str], runs: Path, name: str, damage: Damage
) -> None:
    """One run was interrupted, the other waits for it."""
    files = [the_run(runs, number) / name for number in (1, 2)]
    for file in files:
        damage(file)
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken
    for file in files:
        assert f"{file}: " in rotui.log.read_text()
        kept = [aside for aside in file.parent.glob(f"{name}.*") if aside != file]
        assert len(kept) == (0 if damage is gone else 1), "what could not be read is not kept"
    assert {run.note for run in look(runs)[0]} == {"mine"}


@pytest.mark.parametrize("damage", [truncated, emptied, zeroed, bit_flipped, made_a_directory, gone])
@pytest.mark.parametrize("name", [DATABASE, ".store.json"])
def test_a_damaged_file_beside_the_runs_is_made_again_and_the_study_ends_with_the_same_bytes(
    rotui: Commands, unbroken: dict[str, str], runs: Path, name: str, damage: Damage
) -> None:
    damage(runs / name)
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken
    assert integrity(runs) == "ok"
    if damage in (truncated, zeroed, made_a_directory):
        assert name in rotui.log.read_text()
        assert list(runs.glob(f"{name}.unreadable-*")), "what could not be read is not kept"
    assert {run.note for run in look(runs)[0]} == {"mine"}


def test_everything_that_is_damaged_at_once_is_repaired_from_what_is_left(
    rotui: Commands, unbroken: dict[str, str], runs: Path
) -> None:
    """The newest checkpoint, the identity, the rows of one run and the settings of the other."""
    truncated(max((the_run(runs, 1) / "checkpoints").glob("epoch-*")) / "state.pt")
    truncated(runs / ".store.json")
    zeroed(the_run(runs, 1) / "metrics.csv")
    truncated(the_run(runs, 2) / "profile.toml")
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken


def test_one_bit_flipped_in_a_setting_is_never_trained_as_if_it_were_what_was_queued(
    rotui: Commands, unbroken: dict[str, str], runs: Path
) -> None:
    """The file can be read and says another seed: it is repaired, or the run fails and says why."""
    file = the_run(runs, 2) / "profile.toml"
    text = file.read_text()
    assert "seed = 42" in text
    file.write_text(text.replace("seed = 42", "seed = 43"))
    rotui(*WORK, runs=runs)
    told = digest(runs)
    assert told["pretrain"] == unbroken["pretrain"]
    assert told.get("finetune-pretrained") in (None, unbroken["finetune-pretrained"])
    if "finetune-pretrained" not in told:
        assert statuses(runs)[2] == "failed"
        assert "profile.toml was changed" in rotui.log.read_text()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("state.pt", bit_flipped),
        ("state.pt", made_a_directory),
        ("state.pt", gone),
        ("manifest.json", zeroed),
        ("manifest.json", made_a_directory),
    ],
)
def test_a_newest_checkpoint_that_is_damaged_is_passed_over_for_the_one_before(
    rotui: Commands, unbroken: dict[str, str], runs: Path, name: str, damage: Damage
) -> None:
    newest = max((the_run(runs, 1) / "checkpoints").glob("epoch-*"))
    damage(newest / name)
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken
    assert f"passed over: {newest / name}" in rotui.log.read_text()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("run.log", emptied),
        ("run.log", gone),
        ("provenance.json", high_bit_flipped),
        ("provenance.json", gone),
        ("lock", gone),
    ],
)
def test_what_only_tells_of_a_run_does_not_keep_it_from_going_on(
    rotui: Commands, unbroken: dict[str, str], runs: Path, name: str, damage: Damage
) -> None:
    damage(the_run(runs, 1) / name)
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("profile.toml", truncated),
        ("state.json", truncated),
        ("queue.json", truncated),
        ("metrics.csv", high_bit_flipped),
        ("provenance.json", truncated),
        ("result.json", truncated),
        ("result.json", gone),
        ("model.safetensors", truncated),
        ("model.safetensors", gone),
    ],
)
def test_a_finished_run_that_is_damaged_does_not_keep_its_study_from_being_finished(
    rotui: Commands, half_done: Path, tmp_path: Path, name: str, damage: Damage
) -> None:
    """It is repaired, taken as it is, or trained again under a new number; its directory stays."""
    runs = copy_of(half_done, tmp_path / "runs")
    directory = the_run(runs, 1)
    damage(directory / name)
    assert rotui(*STUDY, runs=runs) == 0, rotui.log.read_text()
    finished = [run for run in read_runs(runs)[0] if run.status == "finished"]
    assert {run.stage for run in finished} == {"pretrain", "finetune-pretrained"}
    assert directory.is_dir()


def test_stale_temporary_files_under_every_name_do_no_harm(
    rotui: Commands, unbroken: dict[str, str], runs: Path
) -> None:
    first, second = the_run(runs, 1), the_run(runs, 2)
    for stale in (
        *(runs / f".{name}.{HEX}.tmp" for name in (".store.json", ".reserve")),
        *(
            run / f".{name}.{HEX}.tmp"
            for run in (first, second)
            for name in ("state.json", "queue.json", "metrics.csv", "profile.toml", "provenance.json")
        ),
        *(first / f".{name}.{HEX}.tmp" for name in ("model.safetensors", "result.json")),
        first / f".progress.json.{os.getpid()}.tmp",
        first / "progress.json",
        runs / ".reserve",
        runs / f"{DATABASE}.unreadable-2024-01-01T000000.000Z-abcdef",
        runs / f"{DATABASE}.schema-0-2024-01-01T000000.000Z",
        first / "state.json.unreadable-abcdef",
    ):
        stale.write_bytes(b"stale")
    half_written = first / "checkpoints" / f".epoch-000009-step-00000000.{HEX}.tmp"
    half_written.mkdir()
    (half_written / "state.pt").write_bytes(b"stale")
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken


@pytest.mark.parametrize(
    "content", [b'{"process": 1, "host": "elsewhere"}', b"\xff\x00"], ids=["told", "junk"]
)
def test_stale_lock_files_under_every_name_hold_nobody_up(
    rotui: Commands, unbroken: dict[str, str], runs: Path, content: bytes
) -> None:
    for lock in (runs / ".lock", runs / ".cpu.lock", the_run(runs, 1) / "lock", the_run(runs, 2) / "lock"):
        lock.write_bytes(content)
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken
    assert "in use" not in rotui.log.read_text()


@pytest.mark.parametrize("log", ["wal", "shm", "journal"])
@pytest.mark.parametrize("content", [b"stale", b"\xff" * 40_000], ids=["short", "long"])
def test_a_stale_log_of_the_database_does_no_harm(
    rotui: Commands, unbroken: dict[str, str], runs: Path, log: str, content: bytes
) -> None:
    (runs / f"{DATABASE}-{log}").write_bytes(content)
    assert rotui("queue", "list", runs=runs) == 0, rotui.log.read_text()
    assert rotui("queue", "note", "1", "--text", "after", runs=runs) == 0, rotui.log.read_text()
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken
    assert integrity(runs) == "ok"


def test_a_stale_place_in_which_a_run_was_made_is_removed(rotui: Commands, runs: Path) -> None:
    """One of a run that was never shown, an empty one, and one of a run that is shown already."""
    first = the_run(runs, 1)
    shutil.copytree(first, runs / ".0007-tiny-pretrain-seed1.new")
    (runs / ".0008-tiny-pretrain-seed2.new").mkdir()
    shutil.copytree(first, runs / f".{first.name}.new")
    state = (first / "state.json").read_bytes()
    assert rotui("queue", "note", "2", "--text", "after", runs=runs) == 0, rotui.log.read_text()
    assert not list(runs.glob(".[0-9]*"))
    assert (first / "state.json").read_bytes() == state
    assert statuses(runs).keys() >= {1, 2}


def test_a_torn_last_line_of_every_log_is_dropped(
    rotui: Commands, unbroken: dict[str, str], runs: Path
) -> None:
    run = the_run(runs, 1)
    rows = (run / "metrics.csv").read_text()
    assert len(rows.splitlines()) == 2
    (run / "metrics.csv").write_text(f"{rows}2,1.3")
    lines = (run / "run.log").read_text()
    (run / "run.log").write_bytes(lines.encode() + b"2024-01-01T00:00:00.000Z epoch 2: valid\xc3")
    assert rotui("runs", "--json", runs=runs) == 0
    assert json.loads(rotui.log.read_text().splitlines()[0])["epochs"] == 1
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken
    assert "epoch 2: valid\n" not in (run / "run.log").read_text()
    assert (run / "run.log").read_text().startswith(lines)
    assert json.loads((run / "state.json").read_text())["verdict"] == "exact"


@pytest.mark.parametrize("lost", ["first row", "whole file"])
def test_rows_that_are_lost_are_written_again_from_the_checkpoint(
    rotui: Commands, unbroken: dict[str, str], runs: Path, lost: str
) -> None:
    metrics = the_run(runs, 1) / "metrics.csv"
    header = metrics.read_text().splitlines()[0]
    metrics.write_text("" if lost == "whole file" else f"{header}\n")
    assert rotui(*WORK, runs=runs) == 0, rotui.log.read_text()
    assert digest(runs) == unbroken


def queued(folder: Path) -> Path:
    """A runs directory with eight queued runs, made without training."""
    settings = {"name": "tiny", "data": {"name": "digits"}, "stages": ("pretrain", "finetune-pretrained")}
    for seeds in ((1, 2, 3), (4,)):
        points = [Point(Profile.model_validate({**settings, "seed": seed})) for seed in seeds]
        add_plan(folder / "runs", plan(points), Wishes(note="mine"), {}, lambda _: None)
    return folder / "runs"


USER_VERSION = range(8 * 60, 8 * 64)
"""The bits of the schema's version in the header of an SQLite file."""


@pytest.mark.parametrize("part", ["header", "indexes", "anywhere"])
def test_one_bit_flipped_in_the_database_loses_no_run(tmp_path: Path, part: str) -> None:
    runs = queued(tmp_path)
    raw = (runs / DATABASE).read_bytes()
    with closing(sqlite3.connect(runs / DATABASE)) as connection:
        roots = connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index'").fetchall()
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    rng = random.Random(3)
    bits = {
        "header": [8 * byte + rng.randrange(8) for byte in range(1, 100, 2)],
        "indexes": [8 * root * size - rng.randrange(1, 8 * 300) for (root,) in roots for _ in range(20)],
        "anywhere": [rng.randrange(800, 8 * len(raw)) for _ in range(100)],
    }[part]
    faults = {bit: _fault_of(runs, {DATABASE: _flipped(raw, bit)}) for bit in bits if bit not in USER_VERSION}
    assert not {bit: fault for bit, fault in faults.items() if fault}


def test_one_bit_flipped_in_the_schema_version_is_refused_or_repaired_and_the_file_is_kept(
    tmp_path: Path,
) -> None:
    """It cannot be told from a database that a newer rotui wrote."""
    runs = queued(tmp_path)
    raw = (runs / DATABASE).read_bytes()
    for bit in USER_VERSION:
        flipped = _flipped(raw, bit)
        fault = _fault_of(runs, {DATABASE: flipped})
        assert not fault or "newer rotui" in fault, (bit, fault)
        files = [file for file in runs.glob(f"{DATABASE}*") if not file.name.endswith(("-wal", "-shm"))]
        assert not fault or flipped in [file.read_bytes() for file in files]


def test_a_damaged_write_ahead_log_loses_no_run(tmp_path: Path) -> None:
    """The log is as a killed process leaves it: the runs' rows are in it alone."""
    runs = queued(tmp_path)
    with closing(sqlite3.connect(runs / DATABASE)) as reader:
        reader.execute("SELECT * FROM runs").fetchall()
        with change(runs, lambda _: None) as opened:
            opened.record(runs / opened.runs[0].name)
        left = {file.name: file.read_bytes() for file in runs.glob(f"{DATABASE}*")}
    log, shared = f"{DATABASE}-wal", f"{DATABASE}-shm"
    assert len(left[log]) > 4096
    rng = random.Random(4)
    raw = left[log]
    damaged = [b"", raw[: len(raw) // 2], raw[:-1], raw[:20], bytes(len(raw)), raw + b"stale"]
    damaged += [_flipped(raw, bit) for bit in (*range(0, 448, 8), *(rng.sample(range(8 * len(raw)), 30)))]
    for content in damaged:
        assert not _fault_of(runs, {**left, log: content})
        assert not _fault_of(runs, {**left, log: content, shared: b""})
    del left[log]
    assert not _fault_of(runs, left)


def _fault_of(runs: Path, files: dict[str, bytes]) -> str:
    """What is wrong after the next change of `runs` whose database files are `files`; nothing is."""
    for file in runs.glob(f"{DATABASE}*"):
        file.unlink()
    for name, content in files.items():
        (runs / name).write_bytes(content)
    try:
        seen, unreadable = look(runs)
        if len(seen) != 8 or unreadable:
            return f"a reader sees {len(seen)} runs"
        with change(runs, lambda _: None) as opened:
            if {(run.note, run.own) for run in opened.runs} != {("mine", True)} or len(opened.runs) != 8:
                return f"a writer sees {len(opened.runs)} runs"
    except (StoreError, sqlite3.Error) as error:
        return str(error)
    return "" if integrity(runs) == "ok" else integrity(runs)


def _replace(file: Path, changed: Callable[[bytes], bytes]) -> None:
    """Writes other content in a file of its own: the old one may have another name."""
    raw = file.read_bytes() or b"stale"
    file.unlink()
    file.write_bytes(changed(raw))


def _flipped(raw: bytes, bit: int) -> bytes:
    byte = bit // 8
    return raw[:byte] + bytes([raw[byte] ^ (1 << bit % 8)]) + raw[byte + 1 :]
