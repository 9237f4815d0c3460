"""Numbers and command lines as people read and paste them."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotui.cli.command_line import pasteable, same_command
from rotui.formats import count, duration, swept
from rotui.text import printable


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "…"),
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (2 * 3600 + 7 * 60, "2 h 07 min"),
        (48 * 3600 - 1, "47 h 59 min"),
        (48 * 3600, "2 d 00 h"),
        (99 * 3600, "4 d 03 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9999"),
        (10_000, "10.0 k"),
        (12_345, "12.3 k"),
        (4_500_000, "4.5 M"),
        (1_200_000_000, "1.2 G"),
    ],
)
def test_counts(number, text):
    assert count(number) == text


def test_swept_values_go_by_the_last_part_of_their_key_and_command_no_terminal():
    at = [("loss.label_smoothing", 0.1), ("seed", 3), ("data.path", "[red]\x1b[31m")]
    assert swept(at) == "label_smoothing=0.1 seed=3 path=[red]\\x1b[31m"
    assert swept([]) == ""


@given(st.lists(st.text(st.characters(blacklist_characters="\0"), max_size=20), min_size=1, max_size=4))
def test_a_pasteable_line_is_printable_whatever_the_words(words):
    encoded = [os.fsdecode(word.encode("utf-8", "surrogatepass")) for word in words]
    line = pasteable(encoded)
    assert printable(line, len(line)) == line


@pytest.mark.parametrize(
    "word",
    [
        "quick",
        "seed=range(0,3)",
        "a b.toml",
        "[red].toml",
        "it's",
        "",
        '$(echo no) `no` "no" \\n',
        "\x1b[31mred\x1b5",
        "é ü",
        "line\nbreak\ttab",
        "quote ' and \x07 bell \\",
        os.fsdecode(b"\xff\xfe raw bytes"),
        "‮gnp",
    ],
)
def test_bash_reads_a_pasted_word_as_it_was_typed(word):
    line = pasteable(["printf", "%s", word])
    assert "\x1b" not in line
    assert "\n" not in line
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout == os.fsencode(word)


def test_plain_words_are_quoted_as_the_shell_does():
    assert pasteable(["rotui", "run", "a b", "it's"]) == shlex.join(["rotui", "run", "a b", "it's"])


def test_the_command_is_named_as_it_can_be_started_again(tmp_path, monkeypatch):
    script = tmp_path / "bin" / "rotui"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setattr(sys, "argv", [str(script), "run", "quick"])
    assert same_command() == ["rotui", "run", "quick"]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["bin/rotui", "run", "quick"])
    assert same_command() == ["bin/rotui", "run", "quick"]
    module = Path("site-packages") / "rotui" / "__main__.py"
    monkeypatch.setattr(sys, "argv", [str(module), "run", "quick"])
    assert same_command() == [sys.executable, "-m", "rotui", "run", "quick"]
