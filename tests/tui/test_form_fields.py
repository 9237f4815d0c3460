"""The fields of a profile's form: what the model declares, no more and no less, as what `--set` takes."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from rotui.profile.allowed import all_keys
from rotui.profile.finding import built_in_folder
from rotui.profile.loading import Experiment, load_experiment
from rotui.profile.schema import Profile
from rotui.profile.settings import NEVER_SWEPT, read_settings
from rotui.tui.form_fields import FormField, form_fields, setting_of

BUILT_IN = sorted(path.stem for path in built_in_folder().glob("*.toml"))
AWKWARD = ("a,b", 'a "b"', "a\\b", "a'b", "[a]", "range(0,5)", "true", "17", "a = b", "宽 \u0627", "a\tb")


def fields(reference: str, *settings: str) -> dict[str, FormField]:
    return {field.key: field for field in form_fields(load_experiment(reference, settings))}


def typed(field: FormField, text: str) -> str:
    """What is set by typing this text, whether or not the profile says the same."""
    given = setting_of(FormField(**{**vars(field), "value": text + "."}), text)
    assert given
    return given


def test_every_setting_that_can_be_set_has_a_field_and_nothing_else_has() -> None:
    settable = {
        ".".join(key)
        for key, is_section in all_keys().items()
        if not is_section and not read_settings([f"{'.'.join(key)}=1"], 0, 0)[1]
    }
    assert set(fields("quick")) == settable - set(NEVER_SWEPT)
    assert {"seed", "stages", "scale.limit", "schedule.pretrain.epochs"} <= set(fields("quick"))


def test_what_is_changed_most_stands_first_and_the_rest_in_the_models_order() -> None:
    shown = list(fields("quick").values())
    assert [field.key for field in shown[:4]] == ["seed", "stages", "scale.limit", "scale.epochs"]
    sections = list(dict.fromkeys(field.section for field in shown))
    model = [name for name, field in Profile.model_fields.items() if is_section(field.annotation)]
    assert sections == ["study", "scale", *(name for name in model if name != "scale")]
    inside = [field.name for field in shown if field.section == "schedule"]
    assert inside[:2] == ["pretrain.epochs", "pretrain.decay_every"]


def is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def test_a_field_means_and_allows_what_the_model_says() -> None:
    shown = fields("quick")
    jitter = Profile.model_fields["rotation"].annotation.model_fields["jitter"]
    assert shown["rotation.jitter"].about == " ".join(jitter.description.split())
    assert shown["rotation.jitter"].allowed == "a number from 0 to 45; degrees"
    assert shown["loss.label_smoothing"].allowed == "a number from 0 up to, not including, 1; probability"
    assert shown["data.horizontal_flip"].allowed == "true or false"
    assert all(field.about and field.allowed for field in shown.values())


def test_fields_with_few_values_go_through_all_of_them() -> None:
    shown = fields("quick")
    chosen = {key for key, field in shown.items() if field.choices}
    assert {"network.architecture", "data.horizontal_flip", "compute.precision", "data.variant"} <= chosen
    assert not {"seed", "data.path", "rotation.jitter"} & chosen
    for key in sorted(chosen):
        field, text = shown[key], shown[key].value
        seen = [text := field.next_choice(text) for _ in field.choices]
        assert set(seen) == set(field.choices)
        assert seen[-1] == field.value
        assert field.next_choice("not one of them") == field.choices[0]
        for choice in field.choices:
            assert not read_settings([typed(field, choice)], 0, 0)[1]
    assert shown["seed"].next_choice("17") == "17"


def test_a_boolean_is_set_and_swept_as_the_form_writes_it() -> None:
    flip = fields("quick")["data.horizontal_flip"]
    assert flip.value == "false"
    assert load_experiment("quick", [typed(flip, flip.next_choice("false"))]).profile.data.horizontal_flip
    assert len(load_experiment("quick", [typed(flip, "false,true")]).points) == 2


def same(one: Experiment, other: Experiment) -> bool:
    return (one.profile, one.axes, one.points) == (other.profile, other.axes, other.points)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_the_form_shows_of_a_profile_is_that_profile_when_it_is_set(name: str) -> None:
    profile = load_experiment(name)
    settings = [typed(field, field.value) for field in form_fields(profile)]
    assert same(load_experiment(name, settings), profile)


def test_a_swept_setting_shows_all_its_values_in_their_order() -> None:
    swept = fields(
        "quick", "loss.label_smoothing=0.2,0,0.1", "seed=range(3,6)", "data.horizontal_flip=true,false"
    )
    assert swept["loss.label_smoothing"].value == "0.2,0,0.1"
    assert swept["seed"].value == "3,4,5"
    assert swept["data.horizontal_flip"].value == "true,false"
    assert load_experiment("quick", [typed(swept["seed"], swept["seed"].value)]).axes == (
        ("seed", (3, 4, 5)),
    )


@pytest.mark.parametrize("path", AWKWARD)
def test_any_text_of_a_setting_survives_the_form(path: str, tmp_path: Path) -> None:
    file = tmp_path / "folder.toml"
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    file.write_text(f'[data]\nname = "folder"\npath = "{escaped}"\n', encoding="utf-8")
    profile = load_experiment(str(file))
    assert profile.profile.data.path == path
    field = next(field for field in form_fields(profile) if field.key == "data.path")
    assert same(load_experiment(str(file), [typed(field, field.value)]), profile)
    assert setting_of(field, field.value) == ""


def test_only_what_was_changed_is_set_and_an_emptied_field_is_empty_text() -> None:
    path = fields("quick")["data.path"]
    assert setting_of(path, path.value) == setting_of(path, f"  {path.value} ") == ""
    named = fields("quick", "data.name=folder", "data.path=/images")["data.path"]
    assert setting_of(named, "") == setting_of(named, "   ") == 'data.path=""'
    assert setting_of(named, " /others ") == "data.path=/others"
    assert load_experiment("quick", [setting_of(named, "")]).profile.data.path == ""


def test_numbers_are_shown_so_that_they_keep_their_value() -> None:
    shown = fields("quick", "optimizer.learning_rate=0.1234567890123", "data.mean=[0.1, 0.25, 1.0]")
    assert float(shown["optimizer.learning_rate"].value) == 0.1234567890123
    assert [float(part) for part in shown["data.mean"].value.strip("[]").split(",")] == [
        0.1,
        0.25,
        1.0,
    ]
    assert fields("quick")["labels.noise"].value == "0"
