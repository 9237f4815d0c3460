"""How the queue stands, in the first line of every place: what is wrong, what goes on, what waits."""

from dataclasses import replace
from pathlib import Path

import pytest
from sample_runs import begin, curve, finish, queue_profiles, refresh, small

from rotui.store.ordering import in_order
from rotui.store.queue import Queue
from rotui.store.session import look
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.live.trainer import Trainer
from rotui.tui.status_line import status_line
from rotui.tui.workplace import Workplace


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Six runs: one finished, two being trained, one that waits, one stopped, one held."""
    runs_dir = tmp_path / "runs"
    names = queue_profiles(runs_dir, *(small(seed) for seed in range(6)))
    finish(runs_dir / names[0])
    begin(runs_dir / names[4], curve(2)).stop("asked")
    Queue(runs_dir, print).hold([names[5]])
    return runs_dir


def snapshot(runs_dir: Path, **values: object) -> Snapshot:
    runs = tuple(look(runs_dir)[0])
    return replace(Snapshot(runs=runs, queue=tuple(in_order(runs))), **values)


def trainer(runs_dir: Path, *training: str) -> Trainer:
    """One that trains the runs of these names."""

    class Training(Trainer):
        current = training

    return Training(Workplace(runs_dir, runs_dir), notice=print, changed=lambda: None)


def line(told: Snapshot, of: Trainer, within: str = "") -> str:
    return status_line(told, of, Path("/runs"), within).plain


def test_what_waits_is_counted_without_what_is_held_or_over(runs_dir: Path) -> None:
    assert line(snapshot(runs_dir), trainer(runs_dir)) == "idle · 4 waiting  /runs"
    assert line(Snapshot(), trainer(runs_dir)) == "idle  /runs"


def test_what_is_trained_here_is_told_from_what_is_trained_elsewhere(runs_dir: Path) -> None:
    names = [run.name for run in look(runs_dir)[0]]
    going_on = [begin(runs_dir / name, curve(1)) for name in names[1:3]]
    refresh(runs_dir)
    told = snapshot(runs_dir)
    assert line(told, trainer(runs_dir)) == "2 training elsewhere · 2 waiting  /runs"
    assert line(told, trainer(runs_dir, names[2])) == "2 training · 2 waiting  /runs"
    for directory in going_on:
        directory.close()


def test_the_time_that_is_left_is_told_where_it_is_known_of_all_and_nothing_is_paused(runs_dir: Path) -> None:
    known = {run.name: 60.0 * run.number for run in snapshot(runs_dir).queue if run.status != "held"}
    whole = snapshot(runs_dir, arrivals=known)
    assert line(whole, trainer(runs_dir)) == "idle · 4 waiting · ~5 min 00 s left  /runs"
    assert line(replace(whole, paused=True), trainer(runs_dir)) == "PAUSED · idle · 4 waiting  /runs"
    known.popitem()
    assert "left" not in line(snapshot(runs_dir, arrivals=known), trainer(runs_dir))


def test_what_is_wrong_stands_first_where_one_is_next_and_all_of_it_is_printable(runs_dir: Path) -> None:
    told = snapshot(runs_dir, trouble="the runs cannot be listed: \x1b[31m" + "x" * 500)
    text = line(told, trainer(runs_dir), "Compare")
    assert text.startswith("the runs cannot be listed: \\x1b[31mxxx")
    assert text.index("…") < text.index("Compare  idle")
    assert "\x1b" not in status_line(Snapshot(), trainer(runs_dir), Path("/a\x1b[1m" + "宽" * 90)).plain


def test_what_the_worker_waits_for_and_decodes_is_told(runs_dir: Path) -> None:
    class Waiting(Trainer):
        waits_for = "process 7 on a\x1b[1m (rotui worker)"

    made = Waiting(Workplace(runs_dir, runs_dir), notice=print, changed=lambda: None)
    made.decoding = (3, 40)
    text = line(Snapshot(), made)
    assert text.startswith("idle · decoding 3 of 40 images · waits: the device is in use by process 7")
    assert "\x1b" not in text
