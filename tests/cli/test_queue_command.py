"""`rotui queue`: what each of its commands prints, changes and refuses."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import TINY, Command, Run, make_pictures, objects, states

ONE_EPOCH = [*TINY, "--epochs", "1"]
SINGLE = ["--set", 'stages=["supervised-random"]']
PAIR = ["--set", 'stages=["pretrain", "finetune-pretrained"]']
ADD = ["queue", "add", "quick", *ONE_EPOCH]
FAILS = ["--set", "data.std=[1e-42, 1e-42, 1e-42]"]


def listed(rotui: Run) -> list[dict[str, object]]:
    done = rotui("queue", "list", "--json")
    assert done.code == 0, done.err
    return objects(done.out)


def order(rotui: Run) -> list[object]:
    return [run["number"] for run in listed(rotui)]


def kept(runs: Path) -> dict[str, bytes]:
    """Every file of the runs directory that tells of a run or the queue, by its path."""
    names = ("*/state.json", "*/queue.json", "*/profile.toml", ".store.json")
    return {str(path): path.read_bytes() for name in names for path in runs.glob(name)}


def one_message(err: str) -> bool:
    """Whether one thing is said in one line, but for the reminder of how the command is used."""
    lines = [line for line in err.splitlines() if line and not line.startswith(("Usage: ", "Try '"))]
    return len(lines) == 1 and "Traceback" not in err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made") / "runs"


@pytest.fixture
def mixed(rotui: Run, made: Path, tmp_path: Path) -> Path:
    """1 finished, 2 failed and 3 skipped for it, 4 queued, 5 queued and 6 waiting for it."""
    if not made.exists():
        assert rotui(*ADD, *SINGLE).code == 0
        assert rotui(*ADD, *PAIR, *FAILS).code == 0
        assert rotui("worker").code == 1
        assert rotui(*ADD, *SINGLE, "--set", "seed=2").code == 0
        assert rotui(*ADD, *PAIR).code == 0
        shutil.move(tmp_path / "runs", made)
    return Path(shutil.copytree(made, tmp_path / "runs"))


def test_what_is_queued_is_named_and_listed_in_its_order(rotui: Run) -> None:
    done = rotui(*ADD)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "queued 5 runs",
        "  0001-quick-pretrain-seed42",
        "  0002-quick-finetune-pretrained-seed42",
        "  0003-quick-finetune-random-seed42",
        "  0004-quick-supervised-pretrained-seed42",
        "  0005-quick-supervised-random-seed42",
    ]
    told = listed(rotui)
    assert [(run["number"], run["reason"]) for run in told] == [
        (1, ""),
        (3, ""),
        (5, ""),
        (2, "waits for run 1"),
        (4, "waits for run 1"),
    ]
    assert {run["status"] for run in told} == {"queued"}
    assert {(run["done"], run["seconds_left"], run["epochs_planned"]) for run in told} == {(0.0, None, 1)}
    table = rotui("queue")
    assert table.code == 0
    assert [row.split()[0] for row in table.out.splitlines() if row[:3].strip().isdigit()] == list("13524")
    assert "2: waits for run 1" in table.err
    assert "5 in the queue" in table.err


def test_adding_the_same_again_joins_what_waits_and_keeps_what_is_finished(rotui: Run) -> None:
    first = objects(rotui(*ADD, *PAIR, "--json").out)
    assert [(each["name"], each["stage"], each["state"]) for each in first] == [
        ("0001-quick-pretrain-seed42", "pretrain", "queued"),
        ("0002-quick-finetune-pretrained-seed42", "finetune-pretrained", "queued"),
    ]
    again = objects(rotui(*ADD, *PAIR, "--json").out)
    assert [(each["name"], each["state"]) for each in again] == [(each["name"], "joined") for each in first]
    assert "queued 0 runs (0 finished before, 2 in the queue already)" in rotui(*ADD, *PAIR).out
    assert rotui("worker").code == 0
    third = objects(rotui(*ADD, *PAIR, "--json").out)
    assert [each["state"] for each in third] == ["finished", "finished"]
    assert [each["key"] for each in third] == [each["key"] for each in first]
    assert listed(rotui) == []
    fresh = objects(rotui(*ADD, *PAIR, "--json", "--fresh").out)
    assert [(each["name"][:4], each["state"]) for each in fresh] == [("0003", "queued"), ("0004", "queued")]


def test_what_is_wished_for_when_queueing_is_kept(rotui: Run) -> None:
    wishes = ["--priority", "7", "--hold", "--note", "the odd [red] one", "--tag", "paper", "--tag", "night"]
    assert rotui(*ADD, *SINGLE, *wishes).code == 0
    [run] = listed(rotui)
    assert (run["status"], run["priority"], run["note"]) == ("held", 7, "the odd [red] one")
    assert run["tags"] == ["paper", "night"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["no-such-profile"], 2),
        (["quick", "no-such-profile"], 2),
        (["quick", "--set", "seed=1,-2"], 2),
        (["quick", "--set", "labels.per_class=10,5000"], 3),
        (["quick", "--limit", "-1"], 2),
        (["quick", "--note", "x" * 10_000], 2),
        (["quick", "--tag", " "], 2),
        (["quick", "--tag", "x" * 41], 2),
        (["quick", "--priority", "high"], 2),
        ([], 2),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, list) else None,
)
def test_what_cannot_be_queued_whole_is_not_queued_at_all(
    rotui: Run, tmp_path: Path, arguments: list[str], code: int
) -> None:
    done = rotui("queue", "add", *arguments)
    assert done.code == code
    assert one_message(done.err), done.err
    assert done.out == ""
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["cancel", "99"],
        ["cancel", "4", "99"],
        ["cancel", "0"],
        ["cancel", "-1"],
        ["cancel", "7-9"],
        ["cancel", "6-4"],
        ["cancel", "0004-quick"],
        ["cancel", "\x1b[31m[red]"],
        ["cancel", "4", "1"],
        ["cancel", "2"],
        ["cancel"],
        ["hold", "5", "1"],
        ["hold", "2"],
        ["release", "x"],
        ["retry", "1"],
        ["retry", "2", "1"],
        ["retry"],
        ["move", "4"],
        ["move", "4", "--first", "--last"],
        ["move", "4", "--before", "4"],
        ["move", "4", "--before", "99"],
        ["move", "4", "--after", "1"],
        ["move", "4", "--priority", "high"],
        ["move", "4", "--priority", "1.5"],
        ["note", "4", "--text", "x" * 10_000],
        ["note", "99", "--text", "x"],
        ["tag", "4"],
        ["tag", "4", "--add", ""],
        ["tag", "4", "--add", "fine", "--add", "x" * 10_000],
        ["list", "--color"],
        ["resume", "4"],
        ["no-such-command"],
    ],
    ids=lambda arguments: " ".join(arguments)[:30].replace("\x1b", "ESC"),
)
def test_a_change_that_cannot_be_made_changes_nothing_and_is_told_in_one_message(
    rotui: Run, mixed: Path, arguments: list[str]
) -> None:
    before = kept(mixed)
    done = rotui("queue", *arguments)
    assert done.code == 2
    assert one_message(done.err), done.err
    assert "\x1b" not in done.err
    assert done.out == ""
    assert len(done.err) < 1000
    assert kept(mixed) == before


def test_an_edited_profile_changes_nothing_that_waits(rotui: Run, tmp_path: Path) -> None:
    profile = tmp_path / "own.toml"
    profile.write_text(
        'extends = "quick"\nstages = ["supervised-random"]\n[optimizer]\nlearning_rate = 0.002\n'
    )
    assert rotui("queue", "add", "./own.toml", *TINY, "--epochs", "2").code == 0
    [run] = list((tmp_path / "runs").glob("0001-*"))
    frozen = (run / "profile.toml").read_bytes()
    profile.write_text("this is no profile any more [")
    assert rotui("worker").code == 0
    assert (run / "profile.toml").read_bytes() == frozen
    rows = (run / "metrics.csv").read_text().splitlines()
    rate = rows[0].split(",").index("learning_rate")
    assert [row.split(",")[rate] for row in rows[1:]] == ["0.002", "0.002"]
    profile.write_text('extends = "quick"\nstages = ["supervised-random"]\n')
    assert "queued 1 runs" in rotui("queue", "add", "./own.toml", *TINY, "--epochs", "2").out


def test_runs_are_moved_and_trained_in_the_order_that_is_listed(rotui: Run) -> None:
    assert rotui(*ADD, *SINGLE, "--set", "seed=range(0,5)").code == 0
    assert order(rotui) == [1, 2, 3, 4, 5]
    for arguments, expected in (
        (["4", "--first"], [4, 1, 2, 3, 5]),
        (["1", "--last"], [4, 2, 3, 5, 1]),
        (["5", "2", "--before", "3"], [4, 5, 2, 3, 1]),
        (["0004-quick-supervised-random-seed3", "--after", "3"], [5, 2, 3, 4, 1]),
        (["3-4", "--first"], [3, 4, 5, 2, 1]),
        (["1", "--priority", "2"], [1, 3, 4, 5, 2]),
        (["2", "--priority", "1"], [1, 2, 3, 4, 5]),
        (["2", "--first"], [1, 2, 3, 4, 5]),
        (["1", "--priority", "-1"], [2, 3, 4, 5, 1]),
    ):
        done = rotui("queue", "move", *arguments)
        assert (done.code, done.err) == (0, "")
        assert order(rotui) == expected
    said = rotui("worker").err
    assert re.findall(r"^\[(\d)\] [^:]*: finished", said, re.MULTILINE) == list("23451")


def test_a_pre_training_has_the_priority_of_what_waits_for_it(rotui: Run) -> None:
    assert rotui(*ADD, *SINGLE).code == 0
    assert rotui(*ADD, *PAIR).code == 0
    assert order(rotui) == [1, 2, 3]
    assert rotui("queue", "move", "3", "--priority", "5").code == 0
    assert order(rotui) == [2, 1, 3]
    said = rotui("worker").err
    assert re.findall(r"^\[(\d)\] [^:]*: finished", said, re.MULTILINE) == list("231")


def test_what_is_held_is_trained_when_it_is_released(rotui: Run, tmp_path: Path) -> None:
    assert rotui(*ADD, *SINGLE, "--set", "seed=1,2").code == 0
    assert rotui("queue", "hold", "1").out == "0001-quick-supervised-random-seed1: held\n"
    assert [(run["number"], run["status"]) for run in listed(rotui)] == [(2, "queued"), (1, "held")]
    worked = rotui("worker")
    assert worked.code == 0
    assert "the queue is empty but for 1 that wait (rotui queue)" in worked.err
    assert states(tmp_path / "runs") == ["queued", "finished"]
    assert rotui("queue", "release", "1").out == "0001-quick-supervised-random-seed1: released\n"
    assert rotui("worker").code == 0
    assert states(tmp_path / "runs") == ["finished", "finished"]


def test_what_is_cancelled_leaves_the_queue_with_what_starts_from_it_until_it_is_retried(
    rotui: Run, tmp_path: Path
) -> None:
    assert rotui(*ADD, *PAIR).code == 0
    assert rotui("queue", "cancel", "1").out == "0001-quick-pretrain-seed42: cancelled\n"
    [left] = listed(rotui)
    assert (left["number"], left["status"]) == (2, "skipped")
    assert left["reason"] == "run 1, which it starts from, was cancelled"
    worked = rotui("worker")
    assert worked.code == 0
    assert "the queue is empty" in worked.err
    assert states(tmp_path / "runs") == ["queued", "queued"]
    assert rotui("queue", "retry", "2").out == "0002-quick-finetune-pretrained-seed42: queued again\n"
    assert [(run["number"], run["status"]) for run in listed(rotui)] == [(1, "queued"), (2, "queued")]


def test_a_failed_run_that_is_retried_brings_back_what_was_skipped_for_it(rotui: Run, tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", ["cat", "dog"], 8)
    (tmp_path / "own.toml").write_text(
        'data = {name = "folder", path = "pictures", image_size = 12, crop_padding = 0}\n'
        'stages = ["pretrain", "finetune-pretrained"]\n'
    )
    assert rotui("queue", "add", "./own.toml", *TINY[:-2], "--epochs", "1").code == 0
    away = pictures.rename(tmp_path / "away")
    worked = rotui("worker")
    assert worked.code == 1
    assert "1 runs failed (rotui runs --status failed)" in worked.err
    [waits] = listed(rotui)
    assert (waits["number"], waits["status"]) == (2, "skipped")
    assert waits["reason"] == "run 1, which it starts from, failed"
    assert "1 failed (rotui runs --status failed, rotui queue retry)" in rotui("queue").err
    [failed] = objects(rotui("runs", "--status", "failed", "--json").out)
    assert "there is no folder" in str(failed["reason"])
    away.rename(pictures)
    assert rotui("queue", "retry", "1").code == 0
    assert [(run["number"], run["status"], run["reason"]) for run in listed(rotui)] == [
        (1, "queued", ""),
        (2, "queued", "waits for run 1"),
    ]
    assert rotui("worker").code == 0
    assert states(tmp_path / "runs") == ["finished", "finished"]


def test_runs_that_are_being_trained_stop_when_another_process_asks_and_the_next_begins(
    command: Command, rotui: Run
) -> None:
    """The first is cancelled, the second held, the third finishes."""
    runs = ["--runs-dir", command.runs]
    assert rotui(*ADD[:3], *TINY, "--epochs", "5000", *SINGLE, "--set", "seed=1,2", *runs).code == 0
    assert rotui(*ADD, *SINGLE, *runs).code == 0
    working = command.start("worker", "--checkpoint-seconds", "600")
    working.wait_for("[1] supervised, random init: epoch 2/5000")
    [first, *_] = objects(rotui("queue", "list", "--json", *runs).out)
    assert (first["number"], first["status"]) == (1, "running")
    assert rotui("queue", "cancel", "1", *runs).code == 0
    assert working.wait_for("[1] supervised, random init: cancelled")
    working.wait_for("[2] supervised, random init: epoch 2/5000")
    assert rotui("queue", "hold", "2", *runs).code == 0
    working.wait_for("[2] supervised, random init: put on hold")
    code, _, err = working.end()
    assert code == 0
    assert "[3] supervised, random init: finished" in err
    told = {run["number"]: run for run in objects(rotui("runs", "--json", *runs).out)}
    assert [told[number]["status"] for number in (1, 2, 3)] == ["cancelled", "held", "finished"]
    assert all(list(command.runs.glob(f"000{number}-*/checkpoints/epoch-*")) for number in (1, 2))
    assert rotui("queue", "retry", "1", *runs).code == 0
    [again, _] = objects(rotui("queue", "list", "--json", *runs).out)
    assert (again["number"], again["status"]) == (1, "stopped")
    assert again["epochs"] == told[1]["epochs"]


def test_a_paused_queue_holds_up_a_worker_until_it_goes_on(command: Command, rotui: Run) -> None:
    runs = ["--runs-dir", command.runs]
    assert rotui(*ADD, *SINGLE, *runs).code == 0
    assert rotui("queue", "pause", *runs).out == "the queue is paused\n"
    assert "the queue is paused (rotui queue resume)" in rotui("queue", "list", *runs).err
    working = command.start("worker")
    working.wait_for("the queue is paused: nothing begins before `rotui queue resume`")
    assert states(command.runs) == ["queued"]
    assert rotui("queue", "resume", *runs).out == "the queue goes on\n"
    code, _, err = working.end()
    assert code == 0
    assert "[1] supervised, random init: finished" in err
    assert "paused" not in rotui("queue", "list", *runs).err


HOSTILE = ["[red]", "\x1b[5;31mred\x1b[0m", "a\nb\tc\r", "\x1b]0;title\x07", "\u202edesrever", "äöü ☃", "-"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_notes_and_tags_are_kept_as_they_are_and_shown_so_that_no_terminal_obeys_them(
    rotui: Run, mixed: Path, text: str
) -> None:
    assert rotui("queue", "note", "4", "1", f"--text={text}").code == 0
    assert rotui("queue", "tag", "4", f"--add={text}", "--add=more").code == 0
    told = {run["number"]: run for run in objects(rotui("runs", "--json").out)}
    assert (told[4]["note"], told[1]["note"]) == (text, text)
    assert told[4]["tags"] == [text, "more"]
    assert [run["number"] for run in objects(rotui("runs", "--json", f"--text={text}more"[:-4]).out)]
    for arguments in (["queue", "list"], ["runs"]):
        shown = rotui(*arguments)
        assert not {"\x1b", "\x07", "\t", "\r", "\u202e"} & set(shown.out + shown.err)
    assert f"4: {text}" in rotui("queue", "list").err or not text.isprintable()
    assert rotui("queue", "note", "4", "--text", "").code == 0
    assert rotui("queue", "tag", "4", f"--remove={text}").code == 0
    [run] = [each for each in listed(rotui) if each["number"] == 4]
    assert (run["note"], run["tags"]) == ("", ["more"])
    assert mixed.exists()


def test_the_longest_note_is_kept_whole_and_its_line_cut(rotui: Run, mixed: Path) -> None:
    note = "[red]" + "x" * 995
    assert rotui("queue", "note", "4", "--text", note).code == 0
    assert [run["note"] for run in listed(rotui) if run["number"] == 4] == [note]
    [line] = [line for line in rotui("queue", "list").err.splitlines() if "[red]" in line]
    assert len(line) < 520
    assert mixed.exists()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_table_fits_the_terminal(command: Command, rotui: Run, mixed: Path, columns: int) -> None:
    shutil.copytree(mixed, command.runs)
    for change in (["tag", "4", "--add=\x1b[5m[red]"], ["move", "4", "--priority", "10"], ["hold", "5"]):
        assert rotui("queue", *change, "--runs-dir", command.runs).code == 0
    sent = command.on_terminal("queue", "list", columns=columns).decode()
    assert "\x1b[5" not in sent
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", sent).splitlines()]
    rows = [line for line in lines if re.match(r" *\d+  ", line)]
    assert [row.split()[0] for row in rows] == ["4", "3", "5", "6"]
    assert max(map(len, [*rows, *(line for line in lines if "─" in line)])) <= columns
    for row, part in zip(rows, ("queued", "skipped", "held", "queued"), strict=True):
        assert part in row
        assert "digits" not in row  # nor what else all of them have in common
    assert ("decay every 6" in rows[0]) == (columns > 60)
    assert ("\\x1b[5m[red]" in sent) == (columns == 120)
    assert ("not shown for want of room" in sent) == (columns < 120)
    assert "3: run 2, which it starts from, failed" in sent


def test_no_runs_are_nothing_to_list_and_a_file_is_an_error(rotui: Run, tmp_path: Path) -> None:
    done = rotui("queue")
    assert (done.code, done.out) == (0, "")
    assert done.err == "nothing is queued in runs\n"
    assert (rotui("queue", "list", "--json").out, list(tmp_path.iterdir())) == ("", [])
    (tmp_path / "plain").write_text("mine")
    for arguments in (["list"], ["pause"], ["add", "quick", *ONE_EPOCH]):
        done = rotui("queue", *arguments, "--runs-dir", "plain")
        assert done.code == 5
        assert one_message(done.err), done.err
    assert (tmp_path / "plain").read_text() == "mine"


def test_the_variable_names_the_runs_directory(rotui: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rotui(*ADD, *SINGLE, "--runs-dir", "elsewhere").code == 0
    monkeypatch.setenv("ROTUI_RUNS", "elsewhere")
    assert "1 in the queue" in rotui("queue").err
    assert order(rotui) == [1]


WITHOUT_TORCH = """
import contextlib, io, json, sys
from rotui.cli.main import app
codes = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            app(arguments, prog_name="rotui")
        except SystemExit as end:
            codes.append(end.code)
print(json.dumps([codes, sorted({"torch", "torchvision", "sklearn", "pandas"} & set(sys.modules))]))
"""


def test_help_and_every_command_on_a_queue_but_adding_load_no_torch(mixed: Path) -> None:
    changes = ["cancel", "retry", "hold", "release", "move", "note", "tag", "pause", "resume", "add", "list"]
    lines = [["queue", name, "--help"] for name in changes]
    lines += [["--help"], ["queue", "--help"], ["worker", "--help"], ["runs", "rebuild", "--help"]]
    lines += [["queue"], ["queue", "list"], ["queue", "list", "--json"], ["runs"], ["runs", "rebuild"]]
    lines += [["queue", "cancel", "4"], ["queue", "retry", "4"], ["queue", "hold", "4"]]
    lines += [["queue", "release", "4"], ["queue", "move", "4", "--last"], ["queue", "pause"]]
    lines += [["queue", "note", "4", "--text", "x"], ["queue", "tag", "4", "--add", "x"], ["queue", "resume"]]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, json.dumps(lines)],
        cwd=mixed.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[0] * len(lines), []], done.stderr
