"""What `--set`, `--limit` and `--epochs` make of a profile."""

import pytest

from rotui.profile.faults import ProfileError
from rotui.profile.loading import load_experiment
from rotui.profile.settings import value_text


@pytest.fixture
def load(write):
    """Loads a profile of the given text with the given settings."""
    return lambda *settings, text="": load_experiment(write(text), settings)


@pytest.mark.parametrize(
    ("setting", "key", "values"),
    [
        ("loss.label_smoothing=0,0.1,0.2", "loss.label_smoothing", (0.0, 0.1, 0.2)),
        ("seed=range(0,5)", "seed", (0, 1, 2, 3, 4)),
        ("seed=range(0,10,4)", "seed", (0, 4, 8)),
        ("seed=range(3, 0, -1), 42", "seed", (3, 2, 1, 42)),
        ("network.architecture=resnet18,resnet34", "network.architecture", ("resnet18", "resnet34")),
        ('network.architecture="resnet18", resnet34', "network.architecture", ("resnet18", "resnet34")),
        ("data.horizontal_flip=true,false", "data.horizontal_flip", (True, False)),
        ('stages=["pretrain"],["supervised-random"]', "stages", (("pretrain",), ("supervised-random",))),
    ],
)
def test_several_values_sweep_over_the_key(load, setting, key, values):
    experiment = load(setting)
    assert experiment.axes == ((key, values),)
    assert [point.at for point in experiment.points] == [((key, value),) for value in values]


@pytest.mark.parametrize(
    ("setting", "read", "value"),
    [
        ("seed=7", lambda profile: profile.seed, 7),
        ("loss.label_smoothing=0", lambda profile: profile.loss.label_smoothing, 0.0),
        ("network.stem=cifar", lambda profile: profile.network.stem, "cifar"),
        ("data.mean=[0.1, 0.2, 0.3]", lambda profile: profile.data.mean, (0.1, 0.2, 0.3)),
        ('stages=["pretrain"]', lambda profile: profile.stages, ("pretrain",)),
        ("title=hello", lambda profile: profile.title, "hello"),
        ("title=a word # not a comment", lambda profile: profile.title, "a word # not a comment"),
        ('title=""', lambda profile: profile.title, ""),
        ('title="a, b"', lambda profile: profile.title, "a, b"),
        ("title=a=b", lambda profile: profile.title, "a=b"),
        ("seed=range(3,4)", lambda profile: profile.seed, 3),
    ],
)
def test_one_value_sets_the_key(load, setting, read, value):
    experiment = load(setting)
    assert read(experiment.profile) == value
    assert type(read(experiment.profile)) is type(value)
    assert experiment.axes == ()


def test_an_axis_of_the_profile_is_replaced_in_its_place_and_removed_by_one_value(load):
    text = "[sweep]\nseed = [1, 2]\nrotation.count = [4, 6]\n"
    replaced = load("seed=7,8,9", "network.width=32,64", text=text)
    assert replaced.axes == (("seed", (7, 8, 9)), ("rotation.count", (4, 6)), ("network.width", (32, 64)))
    removed = load("seed=7", text=text)
    assert removed.axes == (("rotation.count", (4, 6)),)
    assert {point.profile.seed for point in removed.points} == {7}


def test_a_setting_makes_a_bad_value_of_the_file_no_better(faults):
    assert faults("seed = -1\n", "seed=1")[0].startswith("p.toml:1: seed: -1 is too small")


def test_a_setting_completes_what_the_file_leaves_open(load):
    experiment = load("data.path=/pictures", text='[data]\nname = "folder"\n')
    assert experiment.profile.data.path == "/pictures"


def test_limit_and_epochs_scale_every_point(write):
    experiment = load_experiment(write("[sweep]\nseed = [1, 2]\n"), limit=100, epochs=2)
    assert [(p.profile.scale.limit, p.profile.scale.epochs) for p in experiment.points] == [(100, 2)] * 2
    assert experiment.profile.scale.active


FORM = "KEY=VALUE[,VALUE...], with '\"\"' for empty text"
RANGE = "range(START,END) or range(START,END,STEP) of 1 to 1000 whole numbers"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("seed", f"seed: is not a key and its value ({FORM})"),
        ("seed=", f"seed: is not a key and its value ({FORM})"),
        ("=1", f"--set: is not a key and its value ({FORM})"),
        ("data..name=x", f'data."".name: is not a key and its value ({FORM})'),
        (
            "seed=1.0",
            "seed: 1.0 is a decimal number, which is the wrong type (a whole number from 0 to 2147483647)",
        ),
        (
            "seed=1,x",
            'seed: "x" is text, which is the wrong type (a whole number from 0 to 2147483647)',
        ),
        (
            "loss.label_smothing=1",
            "loss.label_smothing: unknown key, did you mean loss.label_smoothing (one of label_smoothing)",
        ),
        ("loss={label_smoothing=0}", "loss: is a table (one of its keys label_smoothing)"),
        ("extends=quick", "extends: cannot be set (a setting of the experiment)"),
        ("sweep.seed=1", "sweep.seed: cannot be set (a setting of the experiment)"),
        ("title=a,b", "title: cannot be swept over (a setting of the experiment)"),
        ("seed=1,1", "seed: 1 is there twice (each value once)"),
        ("seed=range(0,x)", f"seed: range(0,x) is not a range ({RANGE})"),
        ("seed=range(5)", f"seed: range(5) is not a range ({RANGE})"),
        ("seed=range(0,5,0)", f"seed: range(0,5,0) never ends ({RANGE})"),
        ("seed=range(5,0)", f"seed: range(5,0) has 0 numbers ({RANGE})"),
        (
            "seed=range(0,99999999999999)",
            f"seed: range(0,99999999999999) has 99999999999999 numbers ({RANGE})",
        ),
        (
            'seed=1]\nname = ["x"',
            'seed: "1]\\nname = ["x"" is text, which is the wrong type (a whole number from 0 to 2147483647)',
        ),
        (
            "data.image_size=64",
            "data.image_size: cifar10 has 32 px images (32)",
        ),
    ],
)
def test_a_bad_setting_is_told_with_its_text_as_the_place(faults, setting, told):
    shown = setting.replace("\n", "\\n")
    assert faults("", setting) == [f"--set {shown}: {told}"]


def test_a_fault_that_only_a_setting_brings_about_is_told_at_the_setting(faults):
    assert faults("[rotation]\njitter = 30\n", "rotation.count=8") == [
        "--set rotation.count=8: rotation.jitter: 30 degrees make the 8 rotations overlap (below 22.5)"
    ]


def test_a_key_is_set_once_only(faults):
    assert faults("", "seed=1", "seed=2", "scale.limit=3", limit=4) == [
        "--set seed=2: seed: is already set by --set seed=1 (each key once)",
        "--limit 4: scale.limit: is already set by --set scale.limit=3 (each key once)",
    ]


def test_settings_are_checked_even_where_the_profile_is_not_found():
    with pytest.raises(ProfileError) as caught:
        load_experiment("nosuch", ["sede=1"])
    assert [str(fault.place) for fault in caught.value.faults] == ["profile", "--set sede=1"]


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "two words",
        "true",
        "7",
        "",
        "a,b",
        'quo"ted\\',
        "é",
        "\u009b31m\u202e",
        "\x1b[31m\n",
        "\U0001f600",
    ],
)
def test_a_value_as_it_is_told_sets_the_same_value_and_hides_nothing(load, text: str) -> None:
    told = value_text(text) or '""'
    assert told.isprintable()
    assert load(f"description={told}").profile.description == text
