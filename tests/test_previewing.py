"""From profiles and finished runs to the pictures that are shown of them, on screens and in files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from trained_runs import SMALL, silent, train_runs
from typer.testing import CliRunner

from rotui.cli.preview import preview
from rotui.contact_sheet import LARGE, MARGIN, save_sheet
from rotui.data.loading import Datasets
from rotui.data.splits import Splits
from rotui.engine.preview import training_batch, validation_batch
from rotui.errors import InputError, StoreError
from rotui.previewing import batch, mistakes_of, planned_run, previewed_runs, treatment
from rotui.profile.loading import load_experiment
from rotui.profile.schema import Profile
from rotui.store.past_runs import PastRun, read_run
from rotui.study.planning import PlannedRun, Point, plan

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A pre-training and a classifier, trained."""
    runs_dir = tmp_path_factory.mktemp("trained") / "runs"
    return runs_dir, train_runs(runs_dir, "pretrain", "supervised-random")


@pytest.fixture(params=["pretrain", "supervised-random"])
def past(request: pytest.FixtureRequest, runs: tuple[Path, dict[str, str]]) -> PastRun:
    return read_run(runs[0] / runs[1][request.param])


def splits_of(run: PlannedRun) -> Splits:
    return Datasets(Path("none"), progress=silent, stop=lambda: False).splits(run)


def planned(stage: str, **values: object) -> PlannedRun:
    return plan([Point(Profile.model_validate({**SMALL, "stages": (stage,), **values}))]).runs[-1]


def test_the_runs_whose_pictures_differ_are_the_pre_training_and_one_classifier() -> None:
    points = load_experiment("pretraining").points
    assert [(task, run.stage_name) for task, run in previewed_runs(points[0]).items()] == [
        ("pretrain", "pretrain"),
        ("classifier", "finetune-pretrained"),
    ]
    only = Point(Profile.model_validate({**SMALL, "stages": ("supervised-random",)}))
    assert list(previewed_runs(only)) == ["classifier"]


def test_a_number_beyond_the_last_is_the_last_and_below_the_first_the_first() -> None:
    run = planned("pretrain", scale={"limit": 60, "epochs": 3})
    splits = splits_of(run)
    for asked, there in (((99, 99), (3, 2)), ((-1, 0), (1, 1)), ((2, 2), (2, 2))):
        for validation, read in ((False, training_batch), (True, validation_batch)):
            shown = batch(run, splits, *asked, validation=validation)
            assert (shown.epoch, shown.step) == there
            assert np.array_equal(shown.images, read(run, splits, *there).images)


def test_a_finished_runs_mistakes_are_as_many_as_its_result_says(past: PastRun) -> None:
    assert past.result is not None
    found = mistakes_of(past, splits_of(planned_run(past)), CPU, 1000)
    assert found.images == 60
    assert found.mistakes == len(found.shown) == round(60 * (1 - past.result.last_accuracy / 100)) > 0
    assert found.same_data
    confusion, names = past.result.classification.confusion, past.result.classification.classes
    for mistake in found.shown:
        assert confusion[names.index(mistake.truth)][names.index(mistake.predicted)] > 0


def test_data_that_changed_since_is_told(past: PastRun) -> None:
    others = splits_of(planned("supervised-random", scale={"limit": 50, "epochs": 1}))
    assert not mistakes_of(past, others, CPU, 1).same_data


def test_damaged_weights_are_refused(past: PastRun, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(past.path, tmp_path / past.name))
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        mistakes_of(read_run(copied), splits_of(planned_run(past)), CPU, 1)


def test_a_run_that_is_not_finished_has_no_mistakes_yet(past: PastRun, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(past.path, tmp_path / past.name))
    state = copied / "state.json"
    state.write_text(state.read_text().replace('"finished"', '"failed"'))
    with pytest.raises(InputError, match="is failed"):
        mistakes_of(read_run(copied), splits_of(planned_run(past)), CPU, 1)


@pytest.mark.parametrize(
    ("stage", "values", "training", "validation"),
    [
        ("pretrain", {}, "crop ±4 px, flip, 1 of 4 rotations", "1 of 4 rotations"),
        ("supervised-random", {}, "crop ±4 px, flip", "as they are"),
        (
            "supervised-random",
            {"data": {"name": "digits", "crop_padding": 0, "horizontal_flip": False}},
            "as they are",
            "as they are",
        ),
        (
            "pretrain",
            {
                "data": {"name": "folder", "path": "x", "crop_padding": 0},
                "rotation": {
                    "count": 6,
                    "per_step": "all",
                    "interpolation": "bilinear",
                    "corners": "disc",
                    "jitter": 5.0,
                    "low_pass": 1.5,
                },
            },
            "crop, flip, all 6 rotations, ±5°, bilinear, disc, blur 1.5 px",
            "1 of 6 rotations, ±5°, bilinear, disc, blur 1.5 px",
        ),
    ],
)
def test_what_is_done_to_the_pictures_is_told_in_words(
    stage: str, values: dict[str, object], training: str, validation: str
) -> None:
    run = planned(stage, **values)
    assert treatment(run, validation=False) == training
    assert treatment(run, validation=True) == validation


def test_a_sheet_has_every_pixel_of_every_picture(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    save_sheet(pictures, ["a", "b", "[red]", "ねこ", "x" * 500], 3, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    corner = MARGIN + LARGE + MARGIN
    assert np.array_equal(sheet[MARGIN : MARGIN + LARGE : 3, corner : corner + LARGE : 3], pictures[1])
    assert (sheet[MARGIN : MARGIN + LARGE, corner + LARGE : corner + LARGE + MARGIN] == 255).all()
    with pytest.raises(InputError, match="is there already"):
        save_sheet(pictures, [""] * 5, 3, tmp_path / "sheet.png")
    save_sheet(pictures[:1], [""], 3, tmp_path / "sheet.png", replace=True)
    assert Image.open(tmp_path / "sheet.png").width == 2 * MARGIN + LARGE


@pytest.mark.parametrize(
    ("name", "why"), [("sheet.txt", "image file"), ("none/sheet.png", "cannot be written")]
)
def test_a_sheet_that_cannot_be_written_is_told(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why):
        save_sheet(np.zeros((1, 8, 8, 3), dtype=np.uint8), [""], 1, tmp_path / name)
    assert not list(tmp_path.iterdir())


def run_command(*arguments: object) -> tuple[BaseException | None, str]:
    command = typer.Typer()
    command.command()(preview)
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    return done.exception, done.output


def test_the_command_saves_the_batch_of_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "batch.png"
    error, said = run_command(
        "quick",
        "--set",
        "rotation.count=6",
        "--step",
        2,
        "--count",
        9,
        "--save",
        file,
        "--data-dir",
        tmp_path,
    )
    assert error is None
    assert "pretrain, training, epoch 1, step 2 of 12" in said
    assert "1 of 6 rotations" in said
    assert said.rstrip().endswith(str(file))
    sheet = np.asarray(Image.open(file))
    run = previewed_runs(load_experiment("quick", ["rotation.count=6"]).points[0])["pretrain"]
    first = training_batch(run, splits_of(run), 1, 2).images[0]
    assert np.array_equal(sheet[MARGIN : MARGIN + LARGE : 3, MARGIN : MARGIN + LARGE : 3], first)


def test_the_command_refuses_a_stage_that_the_profile_has_not(tmp_path: Path) -> None:
    asked = ["quick", "--set", 'stages=["supervised-random"]', "--stage", "pretrain"]
    error, _ = run_command(*asked, "--save", tmp_path / "batch.png")
    assert isinstance(error, InputError)
    assert "has no pretrain (classifier)" in str(error)
