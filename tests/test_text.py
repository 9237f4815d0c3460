"""What comes from outside can neither colour a terminal nor leave a folder."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotui.text import printable, slug

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=200)
HOSTILE = st.text(
    st.sampled_from(
        "\x00\x07\x08\x1b[m31]\n\r\t\x7f\x9b\x85\u00ad\u200b\u200e\u202e\u2028\u2029\u2066\ufeff\ud800 ./\\a"
    )
)


def is_harmless(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ"


@given(ANYTHING | HOSTILE)
def test_no_control_format_bidirectional_or_surrogate_character_is_printed(text: str) -> None:
    shown = printable(text)
    assert all(map(is_harmless, shown))
    assert shown.encode("utf-8").decode("utf-8") == shown


@given(ANYTHING | HOSTILE, st.integers(1, 60))
def test_what_is_printed_is_no_longer_than_the_limit_and_says_when_it_was_cut(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    whole = printable(text, 10_000)
    assert shown == whole if len(whole) <= limit else shown == whole[: limit - 1] + "…"


@given(st.text(st.characters(categories=("L", "N", "P", "S"))).map(lambda text: text.replace("\\", "")))
def test_harmless_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text, 10_000) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("two\nlines\r\tand a tab", r"two\nlines\r\tand a tab"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u2028b\ufeff", r"a\u2028b\ufeff"),
        ("broken \udcff name", r"broken \udcff name"),
        ("a\u00a0b", r"a\xa0b"),
        ("Żółć 猫 [red] 😀", "Żółć 猫 [red] 😀"),
        (Path("a/b"), "a/b"),
        (7, "7"),
    ],
)
def test_examples_of_what_is_printed(text: object, shown: str) -> None:
    assert printable(text) == shown


@given(ANYTHING | HOSTILE | st.text(st.sampled_from("./\\ aB-_~:")), st.integers(1, 64))
def test_a_slug_is_one_plain_name_that_stays_in_its_folder(text: str, limit: int) -> None:
    name = slug(text, limit)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", name)
    assert len(name) <= max(limit, len("unnamed"))
    folder = Path("/runs")
    assert (folder / name).parent == folder
    assert name not in (".", "..")


@given(ANYTHING)
def test_a_slug_of_a_slug_is_itself(text: str) -> None:
    assert slug(slug(text)) == slug(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../x", "x"),
        ("a b", "a-b"),
        ("[red]", "red"),
        ("\x1b[31mred", "31mred"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (".hidden", "hidden"),
        ("C:\\Windows", "c-windows"),
        ("Éclair", "eclair"),
        ("few-labels_v1.2", "few-labels_v1.2"),
        ("猫", "unnamed"),
        ("a" * 100, "a" * 64),
    ],
)
def test_examples_of_slugs(text: str, name: str) -> None:
    assert slug(text) == name
