"""How long a plan will take, from measured runs that are like its own, and from no others."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from rotui.profile.schema import Profile
from rotui.profile.stages import StageName
from rotui.study.bench_figure import BenchFigure
from rotui.study.cost import run_cost
from rotui.study.estimate import Estimate, Estimator, Machine, estimate_text, together
from rotui.study.planning import Plan, PlannedRun, Point, plan
from rotui.study.progress import work_of
from rotui.study.records import EpochRecord

HERE = Machine("box", threads=4)
ON_CPU = {"host": "box", "device": "cpu", "device_name": "cpu", "threads": 4}
ON_GPU = {"host": "box", "device": "cuda:0", "device_name": "NVIDIA H200", "threads": 4}


@dataclass(frozen=True)
class Trained:
    """A past run as the store reads it, its epochs of the given seconds."""

    run: PlannedRun
    number: int = 3
    seconds: tuple[float, ...] = (10.0, 10.0)
    provenance: dict[str, Any] = field(default_factory=lambda: ON_CPU)

    @property
    def key(self) -> str:
        return self.run.key

    @property
    def stage(self) -> StageName:
        return self.run.stage_name

    @property
    def profile(self) -> Profile:
        return self.run.profile

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        return tuple(
            EpochRecord(number, 1.0, 1.0, 1.0, 1.0, None, None, 0.01, seconds, 100.0)
            for number, seconds in enumerate(self.seconds, start=1)
        )


def study(*stages: str, **settings: Any) -> Plan:
    return plan([Point(Profile.model_validate({"stages": stages or ["supervised-random"], **settings}))])


def one(stage: str = "supervised-random", **settings: Any) -> PlannedRun:
    return study(stage, **settings).runs[-1]


def seconds(run: PlannedRun, *past: Trained, machine: Machine = HERE) -> float | None:
    estimate = Estimator(past, machine).of_run(run)
    return estimate.seconds if estimate else None


def test_a_run_takes_as_long_an_epoch_as_one_like_it_took() -> None:
    assert seconds(one(seed=1), Trained(one())) == pytest.approx(50 * 10.0)
    longer = one(seed=1, schedule={"downstream": {"epochs": 200}})
    assert seconds(longer, Trained(one())) == pytest.approx(200 * 10.0)


def test_half_the_images_take_half_the_time() -> None:
    half = one(scale={"limit": 5000, "epochs": 1})
    whole = one(scale={"limit": 10_000, "epochs": 1})
    assert work_of(half) * 2 == work_of(whole)
    assert seconds(half, Trained(whole)) == pytest.approx(5.0)
    held_out = one(data={"holdout": 0.5})
    share = work_of(held_out) / work_of(one())
    assert seconds(held_out, Trained(one())) == pytest.approx(500 * share)


def test_all_rotations_of_a_step_take_as_many_times_as_long() -> None:
    every = one("pretrain", rotation={"per_step": "all", "validation": "all"})
    assert seconds(every, Trained(one("pretrain"))) == pytest.approx(4 * 45 * 10.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"network": {"architecture": "resnet34"}},
        {"network": {"width": 32}},
        {"network": {"stem": "cifar"}},
        {"data": {"name": "imagenette", "image_size": 160}},
        {"optimizer": {"batch_size": 64}},
        {"compute": {"precision": "bf16"}},
        {"compute": {"deterministic": True}},
        {"compute": {"threads": 2}},
    ],
    ids=str,
)
def test_what_costs_another_time_is_not_estimated(settings: dict[str, Any]) -> None:
    assert seconds(one(**settings), Trained(one())) is None
    assert seconds(one(), Trained(one(**settings), provenance={**ON_CPU, "threads": 2})) is None


@pytest.mark.parametrize(
    ("stage", "like"),
    [
        ("pretrain", {"pretrain"}),
        ("finetune-pretrained", {"finetune-pretrained", "finetune-random"}),
        ("finetune-random", {"finetune-pretrained", "finetune-random"}),
        ("supervised-pretrained", {"supervised-pretrained", "supervised-random"}),
        ("supervised-random", {"supervised-pretrained", "supervised-random"}),
    ],
)
def test_only_a_stage_of_the_same_kind_tells(stage: str, like: set[str]) -> None:
    stages = [
        "pretrain",
        "finetune-pretrained",
        "finetune-random",
        "supervised-pretrained",
        "supervised-random",
    ]
    told = {each for each in stages if seconds(one(stage), Trained(one(each))) is not None}
    assert told == like


def test_seed_labels_loss_and_dataset_of_equal_size_do_not_matter() -> None:
    run = one(
        seed=9,
        data={"name": "digits"},
        loss={"label_smoothing": 0.0},
        labels={"noise": 10.0},
        optimizer={"learning_rate": 0.1},
    )
    assert seconds(run, Trained(one())) == pytest.approx(500 * work_of(run) / work_of(one()))


@pytest.mark.parametrize(
    "provenance",
    [
        {},
        {**ON_CPU, "host": "another"},
        {**ON_CPU, "threads": 1},
        {**ON_CPU, "threads": None},
        {**ON_CPU, "device": None},
        {**ON_CPU, "device_name": 5},
    ],
    ids=str,
)
def test_runs_of_another_machine_or_of_none_tell_nothing(provenance: dict[str, Any]) -> None:
    assert seconds(one(), Trained(one(), provenance=provenance)) is None


def test_threads_of_the_profile_are_those_a_run_is_held_against() -> None:
    two = one(compute={"threads": 2})
    assert seconds(two, Trained(one(), provenance={**ON_CPU, "threads": 2})) == pytest.approx(500)
    assert seconds(two, Trained(one(), provenance=ON_CPU)) is None
    assert seconds(two, Trained(one(), provenance={**ON_GPU, "threads": 9})) == pytest.approx(500)


@pytest.mark.parametrize(
    ("device", "expected"),
    [("auto", 100.0), ("cpu", 500.0), ("cuda", 100.0), ("cuda:0", 100.0), ("cuda:1", None)],
)
def test_the_device_that_is_asked_for_tells_and_otherwise_the_newest(
    device: str, expected: float | None
) -> None:
    past = [Trained(one(), 1), Trained(one(), 2, (2.0, 2.0), ON_GPU)]
    assert seconds(one(), *past, machine=replace(HERE, device=device)) == pytest.approx(expected)


def test_a_gpu_that_was_replaced_tells_nothing_any_more() -> None:
    old = {**ON_GPU, "device_name": "Tesla K80"}
    past = [Trained(one(), 1, (90.0,), old), Trained(one(), 2, (2.0,), ON_GPU)]
    for order in (past, past[::-1]):
        assert Estimator(order, HERE).of_run(one()) == Estimate(pytest.approx(100.0), (2,))


def test_the_newest_three_of_the_size_nearest_to_the_run_s_own_are_used() -> None:
    small = one(scale={"limit": 100, "epochs": 2})
    past = [
        Trained(one(), 1, (99.0,)),
        Trained(one(), 2, (9.0,)),
        Trained(one(seed=1), 3, (12.0,)),
        Trained(small, 4, (77.0,)),
        Trained(one(scale={"limit": 30_000, "epochs": 1}), 5, (6.0,)),
    ]
    whole = Estimator(past, HERE).of_run(one(seed=5))
    assert whole is not None
    assert whole.measured == (2, 3, 5)
    each = [9.0, 12.0, 6.0 * work_of(one()) / 50 / work_of(past[-1].run)]
    assert whole.seconds == pytest.approx(50 * sorted(each)[1])
    tiny = Estimator(past, HERE).of_run(one(seed=5, scale={"limit": 200, "epochs": 1}))
    assert tiny is not None
    assert tiny.measured == (4,)


def test_an_epoch_that_waited_for_the_disk_does_not_spoil_the_estimate() -> None:
    assert seconds(one(), Trained(one(), seconds=(10.0, 9000.0, 10.0))) == pytest.approx(500)


@pytest.mark.parametrize("times", [(), (0.0,), (float("nan"),), (float("inf"),), (-1.0,)])
def test_a_run_without_times_tells_nothing(times: tuple[float, ...]) -> None:
    assert seconds(one(), Trained(one(), seconds=times)) is None


def test_a_folder_whose_size_is_not_known_tells_of_the_same_folder_alone() -> None:
    folder = {"name": "folder", "path": "pictures"}
    past = Trained(one(data=folder))
    assert seconds(one(data=folder, seed=3), past) == pytest.approx(500)
    assert seconds(one(data={**folder, "path": "others"}), past) is None
    assert seconds(one(data=folder, labels={"per_class": 5}), past) is None
    assert seconds(one(data=folder, scale={"limit": 10}), past) is None
    assert seconds(one(), past) is None


def test_a_plan_takes_the_sum_of_its_runs_and_none_where_one_is_not_known() -> None:
    whole = study("pretrain", "finetune-pretrained", "supervised-random")
    past = [
        Trained(one("pretrain"), 1, (4.0,)),
        Trained(one("finetune-random"), 2, (3.0,)),
        Trained(one("supervised-random"), 7, (5.0,)),
    ]
    assert Estimator(past, HERE).of_plan(whole) == Estimate(
        pytest.approx(45 * 4.0 + 50 * 3.0 + 50 * 5.0), (1, 2, 7)
    )
    assert Estimator(past[:2], HERE).of_plan(whole) is None
    assert Estimator((), HERE).of_plan(Plan((), ())) == Estimate(0.0, ())


@pytest.mark.parametrize(
    ("estimates", "runs", "text"),
    [
        ([], 2, ""),
        ([Estimate(12.4, (3,))], 1, "about 12 s on this machine (from run 3)"),
        ([Estimate(731.0, (7, 3))], 1, "about 12 min on this machine (from runs 3, 7)"),
        ([Estimate(59.9, (3,))], 1, "about 1 min on this machine (from run 3)"),
        ([Estimate(3599.0, (3,))], 1, "about 1 h 00 min on this machine (from run 3)"),
        (
            [Estimate(400.0, (3,)), Estimate(350.0, (3, 4))],
            3,
            "2 of 3 runs: about 12 min on this machine (from runs 3, 4)",
        ),
        (
            [Estimate(7600.0, tuple(range(1, 9)))],
            1,
            "about 2 h 07 min on this machine (from runs …, 4, 5, 6, 7, 8)",
        ),
        ([Estimate(12.4, (), benched=True)], 1, "about 12 s on this machine (from rotui bench)"),
        (
            [Estimate(400.0, (3,)), Estimate(350.0, (), benched=True)],
            2,
            "about 12 min on this machine (from run 3 and rotui bench)",
        ),
    ],
)
def test_an_estimate_in_words(estimates: list[Estimate], runs: int, text: str) -> None:
    assert estimate_text(estimates, runs) == text


def test_runs_that_several_estimates_share_are_named_once() -> None:
    assert together([Estimate(1.0, (3, 1)), Estimate(2.0, (2, 3))]) == Estimate(3.0, (1, 2, 3))


BENCHED = BenchFigure(
    host="box",
    device="cpu",
    device_name="cpu",
    threads=4,
    architecture="resnet18",
    image_size=32,
    batch_size=128,
    precision="fp32",
    trains_all=True,
    training_seconds=0.002,
    evaluation_seconds=0.0005,
    measured="2026-01-01T00:00:00.000Z",
)


def benched(run: PlannedRun, *figures: BenchFigure, machine: Machine = HERE) -> Estimate | None:
    return Estimator((), machine, figures).of_run(run)


@pytest.mark.parametrize("stage", ["pretrain", "supervised-pretrained", "supervised-random"])
def test_where_no_run_tells_the_figures_of_the_bench_do(stage: str) -> None:
    run = one(stage)
    cost = run_cost(run)
    seconds = cost.trained * 0.002 + cost.evaluated * 0.0005
    assert benched(run, BENCHED) == Estimate(pytest.approx(seconds), (), benched=True)


def test_a_past_run_goes_before_the_figures_of_the_bench() -> None:
    known = Estimator([Trained(one())], HERE, [BENCHED]).of_run(one(seed=1))
    assert known == Estimate(pytest.approx(500.0), (3,))
    both = Estimator([Trained(one())], HERE, [BENCHED]).of_plan(study("pretrain", "supervised-random"))
    assert both is not None
    assert (both.measured, both.benched) == ((3,), True)


@pytest.mark.parametrize(("limit", "from_bench"), [(12_000, False), (4_000, True)])
def test_a_try_on_a_tenth_of_the_images_tells_less_than_the_bench(limit: int, from_bench: bool) -> None:
    past = [Trained(one(scale={"limit": limit}))]
    told = Estimator(past, HERE, [BENCHED]).of_run(one())
    assert told is not None
    assert told.benched == from_bench
    assert told.measured == (() if from_bench else (3,))
    alone = Estimator(past, HERE).of_run(one())
    assert alone is not None
    assert alone.measured == (3,)
    a_try = Estimator([Trained(one())], HERE, [BENCHED]).of_run(one(scale={"limit": limit}))
    assert a_try is not None
    assert a_try.measured == (3,)


def test_the_newest_figure_counts() -> None:
    newer = replace(BENCHED, training_seconds=0.02, measured="2026-01-02T00:00:00.000Z")
    assert benched(one(), newer, BENCHED) == benched(one(), newer) != benched(one(), BENCHED)


@pytest.mark.parametrize(
    "other",
    [
        {"host": "elsewhere"},
        {"threads": 2},
        {"architecture": "resnet34"},
        {"image_size": 160},
        {"batch_size": 64},
        {"precision": "bf16"},
        {"trains_all": False},
    ],
    ids=str,
)
def test_figures_of_something_else_tell_nothing(other: dict[str, Any]) -> None:
    assert benched(one(), replace(BENCHED, **other)) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"network": {"stem": "cifar"}},
        {"network": {"width": 32}},
        {"compute": {"deterministic": True}},
        {"compute": {"threads": 2}},
        {"data": {"name": "folder", "path": "pictures"}},
    ],
    ids=str,
)
def test_what_the_bench_never_measured_is_not_guessed(settings: dict[str, Any]) -> None:
    assert benched(one(**settings), BENCHED) is None


def test_figures_of_another_device_tell_nothing_of_the_one_asked_for() -> None:
    on_gpu = replace(BENCHED, device="cuda:0", device_name="NVIDIA H200", threads=2)
    assert benched(one(), on_gpu, machine=Machine("box", 4, "cuda")) is not None
    assert benched(one(), on_gpu, machine=HERE) is not None
    assert benched(one(), on_gpu, machine=Machine("box", 4, "cpu")) is None
    assert benched(one(), on_gpu, machine=Machine("box", 4, "cuda:1")) is None
    assert benched(one("finetune-random"), on_gpu, replace(on_gpu, trains_all=False)) is not None
