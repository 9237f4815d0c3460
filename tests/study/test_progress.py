"""Where a plan stands, and the time that is left by a clock the test sets."""

import pytest

from rotui.profile.schema import Profile
from rotui.study.events import (
    EpochEnded,
    ProbesStarted,
    RunFailed,
    RunFinished,
    RunReused,
    RunSkipped,
    RunStarted,
    RunStopped,
    StepEnded,
)
from rotui.study.planning import Plan, Point, plan
from rotui.study.progress import FINE_TUNING_SHARE, FORWARD_SHARE, StudyProgress, work_of
from rotui.study.records import Classification, EpochRecord, RunResult


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def five_stages(**settings: object) -> Plan:
    schedule = {
        "pretrain": {"epochs": 4, "decay_every": 15},
        "downstream": {"epochs": 2, "decay_every": 15},
    }
    values = {"data": {"name": "digits"}, "schedule": schedule, **settings}
    return plan([Point(Profile.model_validate(values))])


def record(epoch: int, accuracy: float = 50.0) -> EpochRecord:
    return EpochRecord(epoch, 1.0, 50.0, 1.0, accuracy, None, None, 0.01, 1.0, 1.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def finished(made: Plan, number: int) -> RunFinished:
    result = RunResult.of((record(1),), Classification(("a", "b"), ((1, 0), (0, 1)), (100.0, 100.0)))
    return RunFinished(made.runs[number], result)


def test_nothing_is_estimated_before_anything_is_known(clock):
    made = five_stages()
    progress = StudyProgress(made, clock)
    assert progress.current is None
    assert progress.run_seconds_left() is None
    assert progress.seconds_left() is None
    progress.take(RunStarted(made.runs[0], "0001-x"))
    clock.now += 5
    assert progress.current is progress.runs[made.runs[0].key]
    assert progress.run_seconds_left() is None
    assert progress.seconds_left() is None


def test_a_run_s_time_left_grows_from_the_share_that_is_done(clock):
    made = five_stages()
    progress = StudyProgress(made, clock)
    run = made.runs[0]
    progress.take(RunStarted(run, "0001-x"))
    clock.now += 3
    progress.take(StepEnded(run, 1, 5, 10, 128))
    assert progress.current.share_done == 1 / 8
    assert progress.run_seconds_left() == pytest.approx(21)
    clock.now += 3
    progress.take(EpochEnded(run, record(1)))
    assert progress.current.share_done == 1 / 4
    assert progress.run_seconds_left() == pytest.approx(18)
    clock.now += 6
    assert progress.run_seconds_left() == pytest.approx(36)


def test_the_study_s_time_left_weighs_each_run_by_its_images(clock):
    made = five_stages()
    progress = StudyProgress(made, clock)
    run = made.runs[0]
    progress.take(RunStarted(run, "0001-x"))
    clock.now += 10
    progress.take(EpochEnded(run, record(1)))
    trained, judged = 1437, FORWARD_SHARE * 360
    per_second = (trained + judged) / 10
    full, tuned = 2 * (trained + judged), 2 * (FINE_TUNING_SHARE * trained + judged)
    left = 3 * (trained + judged) + 2 * full + 2 * tuned
    assert progress.seconds_left() == pytest.approx(left / per_second)


def test_the_time_left_goes_on_while_features_are_probed_and_ends_at_nought(clock):
    made = five_stages(stages=["pretrain", "supervised-random"])
    progress = StudyProgress(made, clock)
    first, second = made.runs
    progress.take(RunStarted(first, "0001-x"))
    for epoch in range(1, 5):
        clock.now += 10
        progress.take(EpochEnded(first, record(epoch)))
    progress.take(ProbesStarted(first))
    clock.now += 10
    assert progress.run_seconds_left() is None
    assert progress.seconds_left() == pytest.approx(25)
    progress.take(finished(made, 0))
    clock.now += 1000
    assert progress.seconds_left() == pytest.approx(25)
    progress.take(RunStarted(second, "0002-x"))
    progress.take(EpochEnded(second, record(1)))
    progress.take(EpochEnded(second, record(2)))
    progress.take(finished(made, 1))
    assert progress.seconds_left() == 0


def test_the_rate_counts_steps_alone_and_not_the_validation_between_them(clock):
    made = five_stages()
    progress = StudyProgress(made, clock)
    run = made.runs[0]
    progress.take(RunStarted(run, "0001-x"))
    clock.now += 2
    progress.take(StepEnded(run, 1, 1, 2, 128))
    assert progress.current.rate == 64
    clock.now += 1
    progress.take(StepEnded(run, 1, 2, 2, 128))
    assert progress.current.rate == pytest.approx(0.9 * 64 + 0.1 * 128)
    clock.now += 500
    progress.take(EpochEnded(run, record(1)))
    clock.now += 1
    before = progress.current.rate
    progress.take(StepEnded(run, 2, 1, 2, 128))
    assert progress.current.rate == pytest.approx(0.9 * before + 0.1 * 128)


def test_reused_failed_and_skipped_runs_are_neither_work_left_nor_a_measure_of_speed(clock):
    made = five_stages()
    progress = StudyProgress(made, clock)
    pretrain, tuned, tuned_random, supervised, supervised_random = made.runs
    progress.take(RunStarted(pretrain, "0001-x"))
    clock.now += 70
    progress.take(RunFailed(pretrain, "nan"))
    progress.take(RunSkipped(tuned, "no parent"))
    progress.take(RunSkipped(supervised, "no parent"))
    progress.take(RunReused(tuned_random, "0000-x"))
    assert progress.seconds_left() is None
    progress.take(RunStarted(supervised_random, "0002-x"))
    clock.now += 7
    progress.take(EpochEnded(supervised_random, record(1)))
    assert progress.seconds_left() == pytest.approx(7)
    told = [(each.status, each.note) for each in progress.runs.values()]
    assert told == [
        ("failed", "nan"),
        ("skipped", "no parent"),
        ("reused", "0000-x"),
        ("skipped", "no parent"),
        ("running", "0002-x"),
    ]
    assert progress.runs[tuned_random.key].share_done == 1


def test_a_stopped_run_says_so_and_estimates_nothing_for_itself(clock):
    made = five_stages()
    progress = StudyProgress(made, clock)
    progress.take(RunStarted(made.runs[0], "0001-x"))
    clock.now += 4
    progress.take(EpochEnded(made.runs[0], record(1)))
    progress.take(RunStopped(made.runs[0], "stopped in epoch 2"))
    assert progress.current.status == "stopped"
    assert progress.current.share_done == 1 / 4
    assert progress.run_seconds_left() is None


def test_a_folder_of_unknown_size_is_weighed_by_its_epochs(clock):
    made = five_stages(data={"name": "folder", "path": "somewhere"})
    assert [work_of(run) for run in made.runs] == [4, 2, 2, 2, 2]
    progress = StudyProgress(made, clock)
    progress.take(RunStarted(made.runs[0], "0001-x"))
    clock.now += 3
    progress.take(EpochEnded(made.runs[0], record(1)))
    assert progress.seconds_left() == pytest.approx(3 * (3 + 8))


def test_the_study_s_time_left_is_shared_by_the_runs_that_are_trained_at_once(clock):
    made = five_stages(stages=["pretrain", "finetune-random", "supervised-random"])
    progress = StudyProgress(made, clock)
    first, _, last = made.runs
    progress.take(RunStarted(first, "0001-x"))
    clock.now += 1
    progress.take(RunStarted(last, "0003-x"))
    assert [each.run for each in progress.in_progress] == [first, last]
    assert progress.current.run is last
    clock.now += 9
    for run in (first, last):
        progress.take(EpochEnded(run, record(1)))
    work = 1437 + FORWARD_SHARE * 360
    tuned = 2 * (FINE_TUNING_SHARE * 1437 + FORWARD_SHARE * 360)
    left = 3 * work + work + tuned
    assert progress.seconds_left() == pytest.approx(left * (10 + 9) / (2 * work) / 2)
    assert progress.run_seconds_left(progress.runs[first.key]) == pytest.approx(30)
    assert progress.run_seconds_left() == pytest.approx(9)


def test_the_current_run_is_one_that_goes_on(clock):
    made = five_stages()
    progress = StudyProgress(made, clock)
    first, second = made.runs[0], made.runs[2]
    progress.take(RunStarted(first, "0001-x"))
    clock.now += 1
    progress.take(RunStarted(second, "0003-x"))
    progress.take(RunStopped(second, "cancelled"))
    assert progress.current.run is first
    assert progress.in_progress == [progress.runs[first.key]]
    progress.take(RunStopped(first, "stopped"))
    assert progress.current.run is second
