"""What rounds come to: medians, ratios within a round, figures, rows of the record."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from rotui.benchmark.cases import Case, Place, Timing
from rotui.benchmark.choosing import Wanted, numbers, scaling_cases, usual_cases, words
from rotui.benchmark.forecast import forecasts
from rotui.benchmark.made_up import image_set
from rotui.benchmark.recording import COLUMNS, add_to_record, check_record
from rotui.benchmark.running import Measured
from rotui.benchmark.summary import Spread, figures_of, rows_of
from rotui.errors import InputError
from rotui.study.machine import Machine

PLACE = Place("cpu", "cpu", "A Processor", cores=4, threads=4, bf16=True, torch="2.15.0")
ON_GPU = replace(PLACE, device="cuda:0", device_name="NVIDIA H200")
CASE = Case("training", threads=4)
PLAIN = replace(CASE, kind="plain loop", folder="made")
WANTED = Wanted(("resnet18",), (32,), (), ("pretrain", "finetune"), (), 128, 0, 0, False, False)


def timing(seconds: float) -> Timing:
    return Timing(
        images=100,
        steps=10,
        seconds=seconds,
        begun_bytes=3_000_000,
        peak_bytes=5_000_000,
        data_seconds=0.01 * seconds,
        floor_seconds=0.05,
        evaluation_seconds=0.001,
    )


def measured() -> list[Measured]:
    return [
        Measured(PLAIN, [timing(2.0), timing(4.0), timing(9.0)]),
        Measured(CASE, [timing(1.0), timing(2.0), timing(3.0)]),
        Measured(replace(CASE, stage="finetune"), [timing(1.0)]),
        Measured(replace(CASE, kind="runs", at_once=2), [timing(1.0)]),
        Measured(replace(CASE, network="resnet50"), [], "killed"),
    ]


def test_figures_are_medians_and_ratios_those_of_each_round() -> None:
    plain, own, finetune, several = rows_of(measured())
    assert own.rate == Spread(3, 50.0, pytest.approx(100 / 3), 100.0)
    assert own.ratio == Spread(3, 2.0, 2.0, pytest.approx(3.0))
    assert (own.step_seconds, own.floor_share) == (0.2, pytest.approx(0.25))
    assert own.data_share == pytest.approx(0.01)
    assert plain.ratio is finetune.ratio is several.ratio is None
    told = own.to_json()
    assert (told["ratio"], told["ratio_min"], told["ratio_max"]) == (2.0, 2.0, 3.0)
    assert (told["peak_memory_mb"], told["memory_before_mb"], told["step_ms"]) == (5.0, 3.0, 200.0)


def test_a_training_is_compared_with_the_plain_loop_of_its_network_size_and_batch() -> None:
    others = [replace(PLAIN, size=64), replace(PLAIN, network="resnet34"), replace(PLAIN, batch=64), PLAIN]
    loops = [Measured(case, [timing(seconds)]) for case, seconds in zip(others, (8, 6, 4, 2), strict=True)]
    *_, own = rows_of([*loops, Measured(CASE, [timing(1.0)])])
    assert own.ratio == Spread(1, 2.0, 2.0, 2.0)
    assert rows_of([*loops[:3], Measured(CASE, [timing(1.0)])])[-1].ratio is None


def test_only_single_trainings_make_figures_for_estimates() -> None:
    pretrain, finetune = figures_of(measured(), PLACE, "box")
    assert (pretrain.training_seconds, pretrain.evaluation_seconds) == (0.02, 0.001)
    assert (pretrain.trains_all, finetune.trains_all) == (True, False)
    assert (pretrain.host, pretrain.device, pretrain.threads, pretrain.precision) == ("box", "cpu", 4, "fp32")


def test_profiles_are_forecast_as_far_as_figures_go() -> None:
    told = {
        each.profile: each
        for each in forecasts(figures_of(measured(), PLACE, "box"), Machine("box", 4, "cpu"))
    }
    pretraining, architecture = told["pretraining"], told["architecture"]
    assert (pretraining.runs, pretraining.covered, pretraining.missing) == (5, 5, ())
    trained = 50_000 * ((45 + 2 * 50) * 0.02 + 2 * 50 * 0.01)
    assert pretraining.seconds == pytest.approx(trained + 10_000 * (45 + 4 * 50) * 0.001)
    assert 0 < architecture.covered < architecture.runs
    assert architecture.missing == ("--network resnet34,resnet50 --size 32",)
    assert told["imagenette"].covered == 0


def test_a_profile_that_another_hides_is_not_forecast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "quick.toml").write_text("stages = ['pretrain']\n")
    monkeypatch.chdir(tmp_path)
    told = [each for each in forecasts([], Machine("box", 4, "cpu")) if each.profile == "quick"]
    assert [each.runs for each in told] == [1]


def test_a_record_has_one_header_however_often_rows_are_added(tmp_path: Path) -> None:
    file = tmp_path / "record.csv"
    for _ in range(2):
        check_record(file)
        add_to_record(file, rows_of(measured()), PLACE, "rotui bench --baseline")
    with file.open(newline="") as opened:
        lines = list(csv.reader(opened))
    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == 1 + 2 * 4
    assert lines[0] not in lines[1:]
    row = dict(zip(lines[0], lines[2], strict=True))
    assert (row["hardware"], row["command"], row["ratio"], row["n"]) == (
        *("A Processor", "rotui bench --baseline", "2.0", "3"),
    )


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "", "\x00"])
def test_a_file_that_is_no_record_is_refused_before_anything_is_measured(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "other.csv"
    file.write_text(content)
    with pytest.raises(InputError, match="--record"):
        check_record(file)
    assert file.read_text() == content


def test_a_record_without_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="existing folder"):
        check_record(tmp_path / "none" / "record.csv")


def test_the_plain_loop_comes_with_bf16_where_the_device_has_it() -> None:
    with_plain = replace(WANTED, baseline=True, stages=("pretrain",))
    kinds = [(case.kind, case.precision) for case in usual_cases(with_plain, PLACE)]
    assert kinds == [("plain loop", "fp32"), ("training", "fp32"), ("training", "bf16")]
    without = [case.precision for case in usual_cases(with_plain, replace(PLACE, bf16=False))]
    assert without == ["fp32", "fp32"]
    assert [case.precision for case in usual_cases(WANTED, PLACE)] == ["fp32", "fp32"]


def test_runs_at_once_have_a_thread_each() -> None:
    later = usual_cases(replace(WANTED, stages=("finetune",), jobs=(1, 2)), PLACE)
    assert {case.stage for case in later} == {"finetune"}
    both = usual_cases(replace(WANTED, precisions=("fp32", "bf16"), jobs=(2,)), PLACE)
    several = [(case.stage, case.precision) for case in both if case.kind == "runs"]
    assert several == [
        (stage, precision) for stage in ("pretrain", "finetune") for precision in ("fp32", "bf16")
    ]
    unsaid = usual_cases(replace(WANTED, stages=(), jobs=(2,)), PLACE)
    assert [(case.kind, case.stage) for case in unsaid] == [
        ("training", "pretrain"),
        ("training", "finetune"),
        ("runs", "pretrain"),
    ]
    cases = usual_cases(replace(WANTED, stages=("pretrain",), jobs=(1, 2)), PLACE)
    assert [(case.kind, case.at_once, case.threads) for case in cases] == [
        ("training", 1, 4),
        ("runs", 1, 4),
        ("runs", 2, 1),
    ]


def test_larger_images_are_timed_for_fewer_steps_and_a_gpu_for_an_epoch() -> None:
    steps = [case.steps for case in usual_cases(replace(WANTED, sizes=(16, 32, 64, 320)), PLACE)][::2]
    assert steps == [10, 10, 2, 2]
    assert usual_cases(WANTED, ON_GPU)[0].steps == 391
    assert usual_cases(replace(WANTED, steps=7, sizes=(320,)), ON_GPU)[0].steps == 7


def test_scaling_changes_one_thing_at_a_time() -> None:
    groups = scaling_cases(replace(WANTED, scaling=True, stages=()), PLACE)
    assert [case.at_once for case in groups["runs at once"]] == [1, 2, 4]
    assert [case.size for case in groups["image size (px)"]] == [32, 64, 96, 160]
    assert [case.epoch_images for case in groups["images in an epoch"]] == [640, 1280, 2560, 5120]
    assert [case.in_a_row for case in groups["seeds"]] == [1, 2, 4]
    counted = {growing: {(case.kind, case.with_building) for case in groups[growing]} for growing in groups}
    assert counted.pop("image size (px)") == {("training", False)}
    assert set().union(*counted.values()) == {("runs", True)}


def test_made_up_pictures_are_as_many_as_asked_for_and_differ() -> None:
    images = image_set(300, 8, seed=0)
    assert images.dense().shape == (300, 3, 8, 8)
    assert (images.image(0) != images.image(1)).any()
    assert (images.image(0) == images.image(256)).all()
    assert images.dense().std() > 20


@pytest.mark.parametrize("text", ["", "32,", "7", "513", "1e2", "٣٢", "-8", "32px"])
def test_numbers_out_of_bounds_are_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(InputError, match=r"--size.*8 to 512"):
        numbers("--size", text, 8, 512)


def test_values_named_twice_count_once() -> None:
    assert numbers("--size", "32, 64,32", 8, 512) == (32, 64)
    assert words("--precision", "bf16,fp32,bf16", ("fp32", "bf16")) == ("bf16", "fp32")
    with pytest.raises(InputError, match="--precision: 'fp8' is not one of fp32, bf16"):
        words("--precision", "fp8", ("fp32", "bf16"))
