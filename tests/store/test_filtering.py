"""Which runs an expression fits, and what is said of one that cannot be used."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from begun_runs import queue_run
from hypothesis import given
from hypothesis import strategies as st

from rotui.store.filtering import SHORT_NAMES, Filter, FilterError, filter_keys
from rotui.store.listing import ListedRun, listed
from rotui.store.past_runs import read_run
from rotui.study.planning import PlannedRun


@pytest.fixture
def run(tmp_path: Path, planned: PlannedRun) -> ListedRun:
    there = listed(read_run(queue_run(tmp_path / "runs", planned, study="few-labels")), "test")
    return replace(
        there,
        number=12,
        stage="finetune-pretrained",
        settings="cifar10, R=6, width 8",
        seed=42,
        status="finished",
        reason="",
        scaled=False,
        epochs=3,
        best=61.2549,
        last=None,
        lowest_loss=0.5,
        images_per_second=1234.5,
        created="2026-02-03T04:05:06.789Z",
        note="The odd seed, Straße",
        tags=("Paper", "old run"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "few-labels",
        "FEW-LAB",
        "0001-small",
        "cifar10",
        '"R=6"',
        '"r=6, width"',
        "odd seed",
        '"odd seed"',
        "STRASSE",
        "paper",
        "acc>60",
        "acc>=61.2549",
        "best<62",
        "ACC<=61.2549",
        "acc=61.25",
        "acc=61.3",
        "acc=61",
        "acc=6.1e1",
        "acc!=61.26",
        "loss=0.5",
        "loss<1",
        "no=12",
        "number=12",
        "epoch=3",
        "epochs>=3",
        "rate>1000",
        "rate=1234.5",
        "seed=42",
        "seed!=41",
        "seed>-1",
        "stage=finetune",
        "stage=finetune-pre",
        "stage~pretrained",
        "stage!=supervised",
        "status=finished",
        "status!=failed",
        "study=FEW-labels",
        "study~few",
        "settings~R=6",
        'settings~"R=6, width"',
        'note="the odd seed, straße"',
        "note~ODD",
        "reason=",
        "reason!=x",
        "tag=paper",
        "tags=PAPER",
        'tag="old run"',
        "tag~old",
        "tag!=new",
        "tag!=",
        "scaled=no",
        "scaled!=yes",
        "own=true",
        "created=2026-02",
        "created=2026-02-03T04",
        'created="2026-02-03 04:05"',
        "created>=2026-02-03",
        "created>2026-01",
        "created<2026-03",
        "created<=2026-02-03",
        "created~T04",
        "-acc<60",
        "-stage=pretrain",
        "-last>5",
        "-last!=5",
        "-nothing",
        '-"the even seed"',
        "-tag=new",
        "stage=finetune acc>60 seed=42",
        "\tstage=finetune\n  -old2  ",
        "--such",
    ],
)
def test_what_fits(run: ListedRun, text: str) -> None:
    assert Filter.parse(text).fits(run)


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "finished",
        '"seed odd"',
        "acc>62",
        "acc<61.2549",
        "acc=61.26",
        "acc=62",
        "acc!=61.25",
        "last>5",
        "last<5",
        "last=5",
        "last!=5",
        "no=13",
        "seed=4",
        "seed=42.5",
        "stage=supervised",
        "stage!=finetune",
        "stage~random",
        "status=failed",
        "study=few",
        "note=odd",
        "note=",
        "tag=old",
        "tag=",
        "tag!=paper",
        "tag~new",
        "scaled=yes",
        "own=no",
        "created=2026-03",
        "created>2026-02-03",
        "created<2026-02",
        "-odd",
        "-acc>60",
        "-stage=finetune",
        "-tag=paper",
        "stage=finetune acc>60 seed=43",
        "odd even",
    ],
)
def test_what_does_not_fit(run: ListedRun, text: str) -> None:
    assert not Filter.parse(text).fits(run)


def test_a_run_without_tags_or_a_note_is_found(run: ListedRun) -> None:
    bare = replace(run, tags=(), note="")
    assert Filter.parse("tag= note=").fits(bare)
    assert not Filter.parse("tag!=").fits(bare)


def test_a_number_that_is_not_one_fits_no_comparison(run: ListedRun) -> None:
    lost = replace(run, lowest_loss=float("nan"))
    assert not any(Filter.parse(f"loss{sign}1").fits(lost) for sign in ("=", ">", "<", ">=", "<="))
    assert Filter.parse("loss>1").fits(replace(run, lowest_loss=float("inf")))


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("acc>60 sede=4", 8, ["sede=4", "there is no key sede, did you mean seed", "best", "in quotes"]),
        ("xyzzy=4", 1, ["there is no key xyzzy (", "number", "acc"]),
        ("R=6", 1, ["there is no key R (", "in quotes"]),
        ("acc>sixty", 1, ["sixty is not a number", "such as 60"]),
        ("acc>", 1, ["nothing is not a number"]),
        ("acc>nan", 1, ["nan is not a number"]),
        ("acc>inf", 1, ["inf is not a number"]),
        ("acc<1e999999999", 1, ["1e999999999 is not a number"]),
        ("acc>>5", 1, [">5 is not a number"]),
        ("a acc~5", 3, ["acc is not compared by ~", "= != > >= < <="]),
        ("note>5", 1, ["note is not compared by >", "= != ~"]),
        ("scaled<1", 1, ["scaled is not compared by <", "= !="]),
        ("tag>=a", 1, ["tag is not compared by >="]),
        ("stage=fine-tune", 1, ["no stage is called fine-tune, did you mean finetune-", "supervised-random"]),
        ("status=", 1, ["no status is called", "interrupted"]),
        ("-status=runing", 1, ["-status=runing", "did you mean running"]),
        ("scaled=maybe", 1, ["maybe is neither", "yes or no"]),
        ("a -", 3, ["negates nothing", "-word"]),
        ('acc>5 "open', 7, ['"open', "has no closing quote"]),
        ('note~"open', 6, ["has no closing quote"]),
        ('"a" b"', 6, ["has no closing quote"]),
        ("\x1b[31m=4 a=4", 9, ["a=4"]),
        ("x\x1b=\x1b stage=\x1b[31m", 6, ["\\x1b[31m"]),
    ],
)
def test_a_word_that_cannot_be_used_is_named_with_its_place_and_what_is_allowed(
    text: str, position: int, told: list[str]
) -> None:
    with pytest.raises(FilterError) as caught:
        Filter.parse(text)
    assert caught.value.position == position
    message = str(caught.value)
    assert message.startswith(f"character {position}: ")
    assert [part for part in told if part not in message] == []
    assert "\x1b" not in message


def test_every_field_of_a_listed_run_can_be_compared(run: ListedRun) -> None:
    assert {field.name for field in fields(ListedRun)} <= set(filter_keys())
    for key in filter_keys():
        value = getattr(run, SHORT_NAMES.get(key, key))
        written = value[0] if isinstance(value, tuple) else "yes" if value is True else value
        if value is None:
            assert not Filter.parse(f"{key}=1").fits(run)
        else:
            assert Filter.parse(f'{key}="{"no" if value is False else written}"').fits(run), key


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_a_fault_within_it(text: str) -> None:
    faults = []
    try:
        Filter.parse(text)
    except FilterError as error:
        faults.append(error.position)
    assert all(1 <= position <= len(text) for position in faults)


@given(st.text(st.characters(exclude_characters='"'), max_size=20))
def test_quoted_text_is_found_in_a_note_that_holds_it_and_a_dash_negates(words: str) -> None:
    run = ListedRun(**dict.fromkeys(ListedRun.__dataclass_fields__, ""))
    noted = replace(run, note=f"before {words} after")
    assert Filter.parse(f'"{words}"').fits(noted)
    assert not Filter.parse(f'-"{words}"').fits(noted)
    assert Filter.parse(f'note~"{words}"').fits(noted)
