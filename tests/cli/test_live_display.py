"""The live display fits every terminal, and tells what stands where without colour alone."""

import re
from collections.abc import Callable
from functools import cache
from io import StringIO
from typing import get_args

import pytest
from rich.cells import cell_len
from rich.console import Console

from rotui.cli import live_display
from rotui.cli.live_display import LiveDisplay
from rotui.profile.schema import Profile
from rotui.study.events import (
    EpochEnded,
    Event,
    ProbesStarted,
    RunFailed,
    RunFinished,
    RunPaused,
    RunReused,
    RunSkipped,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import Plan, Point, plan
from rotui.study.progress import RunStatus
from rotui.study.records import Classification, EpochRecord, RunResult

SIZES = [(200, 50), (120, 40), (80, 24), (60, 24), (60, 16), (80, 12)]


def record(epoch: int, accuracy: float = 81.25) -> EpochRecord:
    return EpochRecord(epoch, 1.4757, 30.5, 1.3987, accuracy, None, None, 0.001, 12.3, 1234.0)


def result() -> RunResult:
    return RunResult.of((record(1),), Classification(("a", "b"), ((1, 0), (0, 1)), (100.0, 100.0)))


@cache
def swept_plan(seeds: int) -> Plan:
    long = "a-name-of-sixty-four-letters-that-nobody-would-ever-choose-12345"
    return plan(
        Point(
            Profile(name=long, seed=seed, data={"name": "digits"}), (("seed", seed), ("x.long_key", "v" * 90))
        )
        for seed in range(seeds)
    )


def drawn(display: LiveDisplay, width: int, height: int) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(display)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def shown() -> Callable[..., LiveDisplay]:
    def make(made: Plan, *events: Event) -> LiveDisplay:
        display = LiveDisplay(made)
        for event in events:
            display(event)
        return display

    return make


def running(made: Plan, number: int, epochs: int = 12) -> list[Event]:
    run = made.runs[number]
    events: list[Event] = [RunStarted(run, f"{number + 1:04d}-{run.profile.name}-{run.stage_name}-seed42")]
    for epoch in range(1, epochs + 1):
        events += [StepEnded(run, epoch, 1, 12, 128), EpochEnded(run, record(epoch))]
    return [*events, StepEnded(run, epochs + 1, 3, 12, 128)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("seeds", [1, 6, 60])
@pytest.mark.parametrize("place", ["none", "first", "middle", "last"])
def test_no_line_is_wider_and_no_display_taller_than_the_terminal(shown, width, height, seeds, place):
    made = swept_plan(seeds)
    number = {"none": None, "first": 0, "middle": len(made.runs) // 2, "last": len(made.runs) - 1}[place]
    lines = drawn(shown(made, *(running(made, number) if number is not None else [])), width, height)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= height
    if number is not None:
        assert [line for line in lines if line.split()[:2] == [str(number + 1), "▶"]]
        assert "12/45" in "\n".join(lines) or "12/50" in "\n".join(lines)
        assert "81.25" in "\n".join(lines)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 24)])
def test_the_current_run_s_epochs_rate_and_time_left_are_shown(shown, width, height):
    made = swept_plan(1)
    text = "\n".join(drawn(shown(made, *running(made, 0)), width, height))
    for part in (
        "1.4757",
        "30.50",
        "1.3987",
        "0.001",
        "step 3/12",
        "images/s",
        "this run",
        "study",
        "Ctrl-C",
    ):
        assert part in text
    assert "12/45" in text
    assert " 6/45" not in text


def test_a_long_plan_says_which_of_its_runs_are_in_view(shown):
    made = swept_plan(6)
    assert "runs 1 to 10 of 30" in "\n".join(drawn(shown(made), 80, 24))
    assert "runs 21 to 30 of 30" in "\n".join(drawn(shown(made, *running(made, 29)), 80, 24))


def test_every_state_has_a_sign_of_its_own(shown):
    made = swept_plan(2)
    runs = made.runs
    display = shown(
        made,
        RunReused(runs[0], "0001-x"),
        *running(made, 1),
        RunFinished(runs[1], result()),
        *running(made, 2, 1),
        RunFailed(runs[2], "nan"),
        RunSkipped(runs[3], "no parent"),
        *running(made, 5, 45),
        ProbesStarted(runs[5]),
        *running(made, 6, 3),
        RunStopped(runs[6], "stopped in epoch 4"),
    )
    lines = drawn(display, 120, 40)
    signs = {line.split()[0]: line.split()[1] for line in lines if line[:2].strip().isdigit()}
    assert [signs[str(number)] for number in range(1, 9)] == ["=", "✓", "✗", "-", "·", "▶", "■", "·"]


def test_why_the_last_run_stopped_is_told_and_nothing_is_left_to_wait_for(shown):
    made = swept_plan(2)
    display = shown(made, *running(made, 6, 3), RunStopped(made.runs[6], "stopped in epoch 4"))
    text = "\n".join(drawn(display, 120, 40))
    assert "stopped in epoch 4" in text
    assert "images/s" not in text


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("at_once", [2, 6, 16, 30])
def test_each_of_several_runs_has_a_line_as_far_as_there_is_room(shown, width, height, at_once):
    made = swept_plan(6)
    events = [event for number in range(at_once) for event in running(made, number, number + 1)]
    display = shown(made, *events, ProbesStarted(made.runs[0]), RunPaused(made.runs[1], "no room"))
    lines = drawn(display, width, height)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= height
    text = "\n".join(lines)
    assert "probing features" in text
    told = [line for line in lines if "probing" in line or "paused" in line or "step 3/12" in line]
    more = re.findall(r"and (\d+) more", text)
    assert len(told) + sum(map(int, more)) == at_once
    assert f"{at_once} runs at once" in text
    assert "study" in text


def test_the_last_of_several_runs_is_shown_in_full_again(shown):
    made = swept_plan(2)
    events = [*running(made, 0, 2), *running(made, 1, 3)]
    both = drawn(shown(made, *events), 80, 24)
    assert [line.split()[:5] for line in both if "step" in line] == [
        ["1", "step", "3/12", "2/45", "1.3987"],
        ["2", "step", "3/12", "3/50", "1.3987"],
    ]
    alone = "\n".join(drawn(shown(made, *events, RunFinished(made.runs[1], result())), 80, 24))
    assert "train loss" in alone
    assert "0001-" in alone
    assert "at once" not in alone


def test_why_a_run_failed_stays_on_the_screen_above_the_display(shown, capsys):
    made = swept_plan(1)
    shown(made, *running(made, 0, 1), RunFailed(made.runs[0], "the loss is \x1b[31mnan"))
    said = capsys.readouterr().err
    assert said == "run 1, rotation pre-training, failed: the loss is \\x1b[31mnan\n"


def test_an_event_that_only_changes_numbers_draws_nothing(shown, capsys):
    made = swept_plan(1)
    shown(made, *running(made, 0), ProbesStarted(made.runs[0]), RunFinished(made.runs[0], result()))
    assert capsys.readouterr() == ("", "")


def test_directories_of_runs_from_elsewhere_reach_the_terminal_as_text(shown):
    made = swept_plan(1)
    text = "\n".join(drawn(shown(made, RunStarted(made.runs[0], "0001-[red]\x1b[31mx")), 80, 24))
    assert "0001-[red]\\x1b[31mx" in text
    assert "\x1b" not in text


def test_every_status_has_a_mark():
    assert set(live_display.MARKS) == set(get_args(RunStatus))
    assert len({sign for sign, _ in live_display.MARKS.values()}) == len(live_display.MARKS) - 1
