"""Names, inheritance, sweeps and the way back to TOML."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotui.profile.faults import ProfileError
from rotui.profile.finding import built_in_folder, find_profiles
from rotui.profile.loading import dump_profile, load_experiment, load_found_profiles
from rotui.profile.schema import Profile


def test_an_empty_file_is_the_published_protocol_under_the_file_s_name(write):
    experiment = load_experiment(write("", "My Own [red].toml"))
    assert experiment.profile == Profile(name="my-own-red")
    assert experiment.source == "My Own [red].toml"
    assert [point.profile for point in experiment.points] == [experiment.profile]
    assert experiment.points[0].at == ()


def test_a_file_name_with_escape_codes_becomes_a_plain_name(write):
    experiment = load_experiment(write("", "\x1b[31m x.toml"))
    assert experiment.profile.name == "31m-x"
    assert experiment.source == "\\x1b[31m x.toml"


def test_a_child_overrides_its_parent_key_by_key(write):
    write(
        'name = "parent"\ntitle = "t"\ndescription = "d"\npublished = "p"\nseed = 3\n'
        "[data]\ncrop_padding = 2\nholdout = 0.1\n[schedule.pretrain]\nepochs = 3\ndecay_every = 2\n",
        "lib/parent.toml",
    )
    write("extends = 'parent.toml'\n[schedule.pretrain]\nepochs = 4\n", "lib/middle.toml")
    child = load_experiment(write("extends = 'lib/middle.toml'\n[data]\nholdout = 0.2\n")).profile
    assert (child.seed, child.data.crop_padding, child.data.holdout) == (3, 2, 0.2)
    assert (child.schedule.pretrain.epochs, child.schedule.pretrain.decay_every) == (4, 2)
    assert (child.name, child.title, child.description, child.published) == ("p", "", "", "")


def test_the_nearest_sweep_counts_alone(write):
    write("[sweep]\nseed = [1, 2]\n", "parent.toml")
    assert load_experiment(write("extends = 'parent.toml'\n")).axes == (("seed", (1, 2)),)
    own = write("extends = 'parent.toml'\n[sweep]\nrotation.count = [4, 6]\n")
    assert load_experiment(own).axes == (("rotation.count", (4, 6)),)
    assert load_experiment(write("extends = 'parent.toml'\n[sweep]\n")).axes == ()


def test_a_sweep_gives_every_combination_with_the_last_key_changing_fastest(write):
    experiment = load_experiment(write("[sweep]\nseed = [1, 2]\nloss.label_smoothing = [0, 0.1]\n"))
    assert [[value for _, value in point.at] for point in experiment.points] == [
        [1, 0.0],
        [1, 0.1],
        [2, 0.0],
        [2, 0.1],
    ]
    for point in experiment.points:
        assert point.at == (
            ("seed", point.profile.seed),
            ("loss.label_smoothing", point.profile.loss.label_smoothing),
        )
    assert experiment.profile.seed == 42


def test_a_name_means_the_project_s_profile_then_the_user_s_then_the_built_in_one(write, tmp_path):
    assert load_experiment("quick").profile.data.name == "digits"
    write("seed = 2\n", str(tmp_path / "config" / "rotui" / "profiles" / "quick.toml"))
    assert load_experiment("quick").profile.seed == 2
    write("seed = 3\n", "profiles/quick.toml")
    assert load_experiment("quick").profile.seed == 3
    named = [(found.origin, found.hidden) for found in find_profiles() if found.name == "quick"]
    assert named == [("project", False), ("user", True), ("built in", True)]


def test_a_project_s_profile_may_extend_the_built_in_one_of_its_own_name(write):
    write("extends = 'quick'\nseed = 5\n", "profiles/quick.toml")
    profile = load_experiment("quick").profile
    assert (profile.seed, profile.data.name) == (5, "digits")


def test_a_name_with_spaces_or_brackets_finds_its_file(write):
    write("seed = 5\n", "profiles/a [red] b.toml")
    assert load_experiment("a [red] b").profile.name == "a-red-b"


def test_a_checkout_s_profiles_are_listed_once(monkeypatch):
    monkeypatch.chdir(built_in_folder().parent)
    assert {found.origin for found in find_profiles()} == {"built in"}


def test_bad_profiles_are_found_with_their_errors_and_hide_nothing(write):
    write("sede = 1\n", "profiles/bad.toml")
    Path("profiles/folder.toml").mkdir()
    outcomes = {found.name: outcome for found, outcome in load_found_profiles()}
    assert isinstance(outcomes["bad"], ProfileError)
    assert "did you mean seed" in str(outcomes["bad"])
    assert str(outcomes["folder"]) == "profiles/folder.toml:1: file: is a directory (a readable TOML file)"
    assert not isinstance(outcomes["quick"], ProfileError)


def test_a_byte_order_mark_is_no_part_of_the_first_key(write):
    assert load_experiment(write(b"\xef\xbb\xbfseed = 9\n")).profile.seed == 9


@pytest.mark.parametrize("found", find_profiles(), ids=lambda found: found.name)
def test_a_dumped_experiment_loads_back_equal(found, write):
    experiment = load_experiment(str(found.path))
    again = load_experiment(write(dump_profile(experiment.profile, experiment.axes), "other.toml"))
    assert (again.profile, again.axes, again.points) == (
        experiment.profile,
        experiment.axes,
        experiment.points,
    )


@given(
    title=st.text(max_size=50),
    description=st.text(max_size=200),
    seed=st.integers(0, 2**31 - 1),
    smoothing=st.floats(0, 1, exclude_max=True),
    rate=st.floats(0, 10, exclude_min=True),
)
def test_any_profile_is_dumped_safely_and_loads_back_equal(
    tmp_path_factory, title, description, seed, smoothing, rate
):
    profile = Profile.model_validate(
        {
            "title": title,
            "description": description,
            "seed": seed,
            "loss": {"label_smoothing": smoothing},
            "optimizer": {"learning_rate": rate},
        }
    )
    text = dump_profile(profile)
    assert all(character.isprintable() or character == "\n" for character in text)
    path = tmp_path_factory.getbasetemp() / "dumped.toml"
    path.write_bytes(text.encode())
    assert load_experiment(str(path)).profile == profile
