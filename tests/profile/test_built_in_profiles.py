"""The built-in profiles against the protocol and the experiments that study.md describes."""

import pytest

from rotui.profile.finding import built_in_folder
from rotui.profile.layers import read_layers
from rotui.profile.loading import load_experiment
from rotui.profile.stages import STAGES

ALL = tuple(STAGES)
FEW = ("pretrain", "finetune-pretrained", "supervised-random")

# name: dataset, px, learning rate, batch, pre-training (epochs, decay), downstream (epochs, decay), stages
PROTOCOL = {
    "pretraining": ("cifar10", 32, 0.01, 128, (45, 15), (50, 10), ALL),
    "course-baseline": ("cifar10", 32, 0.01, 128, (45, 15), (20, 10), ALL),
    "label-smoothing": ("cifar10", 32, 0.01, 128, (45, 15), (50, 10), ALL),
    "rotation-count": ("cifar10", 32, 0.01, 128, (50, 15), (50, 10), ALL),
    "few-labels": ("cifar10", 32, 0.01, 128, (45, 15), (80, 15), FEW),
    "architecture": ("cifar10", 32, 0.01, 128, (80, 15), (80, 10), ALL),
    "imagenette": ("imagenette", 320, 0.001, 16, (50, 15), (50, 10), ALL),
}
SWEEPS = {
    "pretraining": (),
    "course-baseline": (),
    "label-smoothing": (("loss.label_smoothing", (0.0, 0.1, 0.2)),),
    "rotation-count": (("rotation.count", (4, 6, 8)),),
    "few-labels": (("labels.per_class", (20, 50, 100, 250, 400, 700, 1000)),),
    "architecture": (("network.architecture", ("resnet18", "resnet34", "resnet50")),),
    "imagenette": (("network.architecture", ("resnet18", "resnet34", "resnet50")),),
}


def test_there_is_a_profile_for_each_experiment_and_the_quick_one():
    assert {path.stem for path in built_in_folder().glob("*.toml")} == {*PROTOCOL, "quick"}


@pytest.mark.parametrize("name", PROTOCOL)
def test_a_profile_has_the_protocol_s_settings(name):
    profile = load_experiment(name).profile
    pretrain, downstream = profile.schedule.pretrain, profile.schedule.downstream
    assert (
        profile.data.name,
        profile.data.image_size,
        profile.optimizer.learning_rate,
        profile.optimizer.batch_size,
        (pretrain.epochs, pretrain.decay_every),
        (downstream.epochs, downstream.decay_every),
        profile.stages,
    ) == PROTOCOL[name]
    assert (profile.name, profile.published) == (name, name)
    assert profile.title
    assert profile.description


@pytest.mark.parametrize("name", PROTOCOL)
def test_a_profile_sweeps_as_published_and_deviates_nowhere_else(name):
    experiment = load_experiment(name)
    assert experiment.axes == SWEEPS[name]
    for point in experiment.points:
        profile = point.profile
        swept = dict(point.at)
        assert profile.loss.label_smoothing == swept.get("loss.label_smoothing", 0.1)
        assert profile.rotation.model_copy(update={"count": 4}) == type(profile.rotation)()
        assert profile.rotation.count == swept.get("rotation.count", 4)
        assert profile.network.architecture == swept.get("network.architecture", "resnet18")
        assert (profile.network.stem, profile.network.width) == ("imagenet", 64)
        assert profile.network.frozen_batch_norm == "moving"
        assert profile.labels.per_class == swept.get("labels.per_class", 0)
        assert (profile.labels.selection, profile.labels.budget, profile.labels.noise) == (
            "first",
            "epochs",
            0,
        )
        assert (profile.data.crop_padding, profile.data.horizontal_flip, profile.data.holdout) == (4, True, 0)
        assert (profile.seed, profile.schedule.decay_factor) == (42, 0.1)
        assert not profile.scale.active


def test_imagenette_reads_the_320_px_download_and_the_published_normalisation():
    data = load_experiment("imagenette").profile.data
    assert data.variant == "320px"
    assert data.normalisation == ((0.4619, 0.4545, 0.4262), (0.2450, 0.2389, 0.2457))


def test_learning_rates_fall_at_the_start_of_the_published_epochs():
    profile = load_experiment("pretraining").profile
    for stage, every in (("pretrain", 15), ("supervised-random", 10)):
        rates = [profile.learning_rate(stage, epoch) for epoch in (0, every - 1, every, 2 * every)]
        assert rates == pytest.approx([0.01, 0.01, 0.001, 0.0001])


def test_quick_needs_no_download_and_stands_beside_nothing_published():
    profile = load_experiment("quick").profile
    assert (profile.data.name, profile.published, profile.stages) == ("digits", "", ALL)
    assert not profile.data.horizontal_flip


@pytest.mark.parametrize("name", sorted(set(PROTOCOL) - {"pretraining"}))
def test_the_experiments_extend_one_another_within_the_built_in_folder(name):
    layers, faults = read_layers(name)
    assert not faults
    assert layers[-1].path.resolve() == (built_in_folder() / "pretraining.toml").resolve()


def test_a_project_s_profile_of_a_built_in_name_does_not_change_the_built_in_ones(write):
    write("seed = 9\n", "profiles/pretraining.toml")
    assert load_experiment("pretraining").profile.seed == 9
    assert load_experiment("few-labels").profile.seed == 42
