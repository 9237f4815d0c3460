"""`rotui bench`: what it prints and keeps, what it refuses, and that Ctrl-C leaves nothing behind."""

import csv
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from commands import Command, Ended, objects

from rotui.benchmark.cases import Case, Place, Timing
from rotui.benchmark.choosing import Wanted, scaling_cases
from rotui.benchmark.running import Measured
from rotui.benchmark.summary import rows_of
from rotui.cli.bench_tables import print_rows, print_scaling

Run = Callable[..., Ended]
TINY = ["--steps", "2", "--batch", "8", "--repeats", "1", "--threads", "1", "--device", "cpu"]
ONE = [*TINY, "--stage", "pretrain", "--precision", "fp32"]
PLACE = Place("cpu", "cpu", "A Processor", cores=4, threads=4, bf16=True, torch="2.15.0")


def test_the_whole_command_tells_records_and_keeps_what_it_measured(rotui: Run, tmp_path: Path) -> None:
    record = tmp_path / "record.csv"
    done = rotui("bench", *ONE, "--baseline", "--json", "--record", record)
    assert done.code == 0, done.err
    plain, own, *profiles = objects(done.out)
    assert (plain["kind"], plain["data"], plain["ratio"]) == ("plain loop", "CIFAR10", None)
    assert (own["kind"], own["n"], own["precision"], own["threads"]) == ("training", 1, "fp32", 1)
    assert own["ratio"] == pytest.approx(own["images_per_second"] / plain["images_per_second"], rel=0.01)
    assert 0 < own["data_share"] < 1
    assert 0 < own["floor_share"] < 1
    assert own["peak_memory_mb"] > own["memory_before_mb"] > 0
    assert {each["kind"] for each in profiles} == {"profile"}
    assert {each["profile"] for each in profiles} >= {"pretraining", "quick", "imagenette"}
    with record.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["case"] for row in rows] == ["plain loop resnet18 32 px", "resnet18 32 px fp32 pretrain"]
    assert rows[1]["command"] == f"rotui bench {' '.join(ONE)} --baseline --json --record {record}"
    assert "1/2 plain loop" in done.err
    assert (tmp_path / "cache" / "rotui" / "bench.json").is_file()

    settings = ["--set", "optimizer.batch_size=8", "--set", "compute.threads=1", "--device", "cpu"]
    stages = ["--set", 'stages=["supervised-random"]']
    plan = rotui("run", "pretraining", *settings, *stages, "--dry-run")
    assert "on this machine (from rotui bench)" in plan.out
    (planned,) = objects(rotui("run", "pretraining", *settings, *stages, "--dry-run", "--json").out)
    assert planned["seconds"] > 0
    assert (planned["seconds_from"], planned["seconds_from_bench"]) == ([], True)


def test_a_damaged_file_of_figures_is_told_of_and_changes_no_plan(rotui: Run, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "rotui" / "bench.json"
    kept.parent.mkdir(parents=True)
    plain = rotui("run", "pretraining", "--dry-run")
    kept.write_text('{"version": 1, "figures": [')
    damaged = rotui("run", "pretraining", "--dry-run")
    assert (damaged.code, damaged.out) == (0, plain.out)
    assert str(kept) in "".join(damaged.err.splitlines())
    assert "Traceback" not in damaged.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--network", "resnet19"], "resnet10, resnet18"),
        (["--network", "resnet18,"], "--network"),
        (["--size", "4"], "8 to 512"),
        (["--size", "big"], "8 to 512"),
        (["--precision", "fp16"], "fp32, bf16"),
        (["--stage", "probe"], "pretrain, finetune"),
        (["--batch", "1"], "--batch"),
        (["--repeats", "0"], "--repeats"),
        (["--steps", "-1"], "--steps"),
        (["--threads", "none"], "--threads"),
        (["--jobs", "0"], "1 to 64"),
        (["--device", "tpu"], "auto, cpu, cuda"),
        (["--network", "resnet10", "--baseline"], "no resnet10"),
        (["--scaling", "--baseline"], "--scaling"),
        (["--scaling", "--size", "32,64"], "--scaling"),
        (["--scaling", "--precision", "fp32,bf16"], "one --precision"),
        (["--scaling", "--stage", "pretrain,finetune"], "one --stage"),
        (["--record", "none/record.csv"], "existing folder"),
        (["--record", "."], "--record"),
    ],
    ids=" ".join,
)
def test_bad_options_are_refused_with_what_is_allowed(rotui: Run, arguments: list[str], told: str) -> None:
    done = rotui("bench", *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err


def test_a_device_that_is_not_there_ends_with_its_own_code(rotui: Run) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    done = rotui("bench", "--device", "cuda")
    assert (done.code, done.out) == (4, "")
    assert "--device cuda" in done.err


def test_ctrl_c_ends_it_without_leftovers(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = command.folder / "temporary"
    folder.mkdir()
    monkeypatch.setitem(command.environment, "TMPDIR", str(folder))  # type: ignore[arg-type]  # a dict
    started = command.start("bench", *ONE, "--baseline", "--repeats", "1000")
    started.wait_for("1/2000")
    process = psutil.Process(started.process.pid)
    under_way = process.children(recursive=True)
    assert len([*folder.glob("rotui-bench-*")]) == 1
    started.send(signal.SIGINT)
    code, out, err = started.end()
    assert (code, out) == (130, "")
    assert "stopped before all was measured" in err
    assert "Traceback" not in err
    assert not [each for each in under_way if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert not [*folder.glob("rotui-bench-*")]


def test_a_lost_terminal_loses_no_figures(command: Command, tmp_path: Path) -> None:
    record = tmp_path / "record.csv"
    started = command.start("bench", *ONE, "--repeats", "2", "--record", str(record))
    started.wait_for("1/2")
    started.send(signal.SIGHUP)
    code, _, err = started.end()
    assert code == 0, err
    with record.open(newline="") as opened:
        assert [row["n"] for row in csv.DictReader(opened)] == ["2"]


def test_the_tables_fit_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    plain = Case("plain loop", threads=4)
    cases = [plain, Case("training", threads=4), Case("runs", at_once=4)]
    timing = Timing(images=1280, steps=10, seconds=2.0, peak_bytes=10**9, floor_seconds=0.05)
    print_rows(rows_of([Measured(case, [timing, timing]) for case in cases]), PLACE)
    table = capsys.readouterr().out
    *lines, _, _ = table.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[3].split() == ["resnet18", "32", "px", "fp32", "pretrain", "640", "1.00"]
    groups = scaling_cases(Wanted(("resnet18",), (32,), (), ("pretrain",), (), 8, 2, 0, False, True), PLACE)
    known = [Measured(case, [timing]) for each in groups.values() for case in each]
    print_scaling(groups, {row.case: row for row in rows_of(known)}, PLACE)
    table = capsys.readouterr().out
    for growing in ("runs at once", "image size (px)", "images in an epoch", "seeds"):
        assert table.count(f"\n{growing}") == len(groups[growing])
