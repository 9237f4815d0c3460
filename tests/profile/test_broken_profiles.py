"""Hundreds of broken profiles: the loader gives an experiment or lines of the stated form, nothing else."""

import re
import sys
import unicodedata
from pathlib import Path

import pytest
from broken import VALID, any_profile, surely_broken, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotui.profile.faults import ProfileError
from rotui.profile.loading import Experiment, load_experiment

FORM = re.compile(r"(?:.+:[1-9]\d*|profile|--set .*|--(?:limit|epochs) -?\d+): \S.*: .+ \(.+\)")
thorough = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def assert_well_formed(error: ProfileError) -> None:
    lines = str(error).split("\n")
    assert len(lines) == len(error.faults) >= 1
    assert len(set(lines)) == len(lines)
    for line in lines:
        assert FORM.fullmatch(line), line
        assert not any(unicodedata.category(character)[0] == "C" for character in line), line


def load(content: bytes, *options: str) -> Experiment | ProfileError:
    Path("p.toml").write_bytes(content)
    try:
        return load_experiment("p.toml", options)
    except ProfileError as error:
        return error


def test_what_is_mutated_below_is_valid_to_begin_with():
    outcome = load(VALID.encode())
    assert isinstance(outcome, Experiment)
    assert len(outcome.points) == 4


@thorough
@given(content=any_profile)
def test_any_bytes_give_an_experiment_or_a_well_formed_error(content):
    outcome = load(content)
    if isinstance(outcome, ProfileError):
        assert_well_formed(outcome)
        lines = content.count(b"\n") + 1
        assert all(fault.place.line <= lines for fault in outcome.faults if fault.place.source == "p.toml")


@thorough
@given(content=surely_broken)
def test_what_is_surely_broken_is_never_loaded(content):
    outcome = load(content)
    assert isinstance(outcome, ProfileError)
    assert_well_formed(outcome)


@thorough
@given(
    option=st.one_of(
        st.text(max_size=40),
        st.builds(
            lambda key, value: f"{key}={value}",
            st.sampled_from(
                ["seed", "loss.label_smoothing", "stages", "title", "data.mean", "loss", "sweep"]
            ),
            values,
        ),
    )
)
def test_any_setting_gives_an_experiment_or_a_well_formed_error(option):
    outcome = load(VALID.encode(), option)
    if isinstance(outcome, ProfileError):
        assert_well_formed(outcome)


@settings(max_examples=60, deadline=None)
@given(name=st.text(max_size=30).filter(lambda name: not name.startswith(("/", "."))))
def test_any_name_gives_a_well_formed_error(name):
    with pytest.raises(ProfileError) as caught:
        load_experiment(f"zz{name}")
    assert_well_formed(caught.value)


@thorough
@given(content=surely_broken)
def test_the_command_ends_in_exit_code_2_with_plain_lines_and_nothing_on_stdout(content, monkeypatch, capsys):
    from rotui.cli.main import main

    Path("p.toml").write_bytes(content)
    for command in ("check", "show"):
        monkeypatch.setattr(sys, "argv", ["rotui", "profiles", command, "p.toml"])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code, printed.out) == (2, "")
        for line in printed.err.removesuffix("\n").split("\n"):
            assert FORM.fullmatch(line), line
            assert not any(unicodedata.category(character)[0] == "C" for character in line), line
