"""Terminals of every kind: few colours, none, no mouse, slow lines, tiny ones, and none at all."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from open_console import Home, OpenConsole

Opens = Callable[..., OpenConsole]
MOUSE = re.compile(rb"\x1b\[\?(?:1000|1002|1003|1006|1015)h")
STYLES = re.compile(rb"\x1b\[([\d;:]*)m")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opens]:
    """Opens consoles; what a test has left is killed."""
    consoles: list[OpenConsole] = []

    def begin(*arguments: str, size: tuple[int, int] = (100, 30), **changes: str | None) -> OpenConsole:
        consoles.append(OpenConsole(tmp_path, *arguments, size=size, **changes))
        return consoles[-1]

    yield begin
    for console in consoles:
        console.end()


def walk_and_leave(console: OpenConsole) -> bytes:
    """Goes to every place and out; all that was drawn."""
    console.wait_for("quick")
    for key, shown in (("2", "experiments"), ("3", "no runs yet"), ("4", "there are no runs"), ("1", "q")):
        before = len(console.text)
        console.press(key)
        console.wait_for(shown, after=before)
    console.press("?")
    console.wait_for("Keys")
    before = len(console.text)
    console.press("\x1b")
    console.wait_for("nothing is queued", after=before)
    console.press("q")
    assert console.wait() == 0
    assert "Traceback" not in console.text
    return console.drawn


def parameters(drawn: bytes) -> set[str]:
    """The parameters of all that styles text."""
    return {told.decode() for told in STYLES.findall(drawn)}


@pytest.mark.parametrize("kind", ["xterm", "screen-256color", "tmux-256color", "vt100", "dumb", None])
def test_the_console_opens_and_leaves_on_every_kind_of_terminal(opened: Opens, kind: str | None) -> None:
    walk_and_leave(opened(TERM=kind))


def test_a_terminal_of_16_colours_is_sent_no_others(opened: Opens) -> None:
    styles = parameters(walk_and_leave(opened(TERM="xterm")))
    assert not [told for told in styles if re.search(r"[34]8[;:][25]", told)]
    assert [told for told in styles if re.search(r"(^|;)(3|4|9|10)[0-7](;|$)", told)]


def test_a_terminal_of_256_colours_is_sent_no_true_colours(opened: Opens) -> None:
    styles = parameters(walk_and_leave(opened(TERM="screen-256color")))
    assert not [told for told in styles if re.search(r"[34]8[;:]2", told)]
    assert [told for told in styles if re.search(r"[34]8[;:]5", told)]


def test_where_no_colours_are_wanted_there_are_none(opened: Opens) -> None:
    styles = parameters(walk_and_leave(opened(NO_COLOR="1", COLORTERM="truecolor")))
    parts = {int(part) for told in styles for part in re.split("[;:]", told) if part}
    assert parts <= {0, 1, 2, 3, 4, 7, 9, 22, 23, 24, 27, 29, 39, 49}  # 39 and 49: the terminal's own
    assert 7 in parts


def test_the_mouse_is_left_to_the_terminal_only_if_told_so(opened: Opens) -> None:
    assert MOUSE.search(walk_and_leave(opened()))
    assert not MOUSE.search(walk_and_leave(opened("--no-mouse")))


ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    "changes",
    [{"LC_ALL": "C", "LANG": "C"}, ASCII, {"PYTHONIOENCODING": "latin-1"}, {"SSH_CONNECTION": "a 1 b 2"}],
    ids=["C", "ASCII", "latin-1", "SSH"],
)
def test_the_console_opens_and_leaves_whatever_the_line_can_carry(
    opened: Opens, changes: dict[str, str]
) -> None:
    console = opened(**changes)
    console.wait_for("quick")
    console.press("q")
    assert console.wait() == 0
    assert "Traceback" not in console.text


SAYS_ANIMATION = """
import builtins, sys
whole = builtins.__import__
def patched(name, *rest, **more):
    module = whole(name, *rest, **more)
    if name == "rotui.tui.app":
        app = sys.modules[name].RotuiApp
        app.on_mount = lambda self: self.exit(0 if self.animation_level == "LEVEL" else 3)
    return module
builtins.__import__ = patched
from rotui.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("changes", "level"), [({}, "full"), ({"SSH_CONNECTION": "a 1 b 2"}, "none")], ids=["here", "over SSH"]
)
def test_nothing_is_animated_over_ssh(tmp_path: Path, changes: dict[str, str], level: str) -> None:
    program = [sys.executable, "-c", SAYS_ANIMATION.replace("LEVEL", level)]
    console = OpenConsole(tmp_path, program=program, **changes)
    try:
        assert console.wait() == 0, console.text
    finally:
        console.end()


def test_a_tiny_terminal_and_a_storm_of_sizes_end_nothing(opened: Opens) -> None:
    console = opened(size=(20, 5))
    console.wait_until(lambda: console.drawn.count(b"\x1b[") > 20)
    for key in "12345":
        console.press(key)
    for step in range(200):
        console.resize(1 + step * 37 % 211, 1 + step * 17 % 61)
        if step % 20 == 0:
            console.press("12345"[step // 20 % 5])
    console.resize(100, 30)
    console.wait_for("Quit")
    for key, shown in (("2", "experiments"), ("1", "quick")):
        before = len(console.text)
        console.press(key)
        console.wait_for(shown, after=before)
    console.press("q")
    assert console.wait() == 0
    assert "Traceback" not in console.text


def test_runs_that_cannot_be_listed_end_it_before_it_opens_with_code_5(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    console = OpenConsole(tmp_path, "--runs-dir", "file")
    assert console.wait() == 5
    assert "the runs cannot be listed: Not a directory" in " ".join(console.text.split())
    assert "\x1b[?1049h" not in console.drawn.decode()


def test_without_a_terminal_there_is_one_message_and_code_2(tmp_path: Path) -> None:
    asked = Home(tmp_path).rotui()
    assert asked.returncode == 2
    assert asked.stdout == ""
    [message] = asked.stderr.splitlines()
    assert message.startswith("rotui: the console needs a terminal")
    assert list(tmp_path.iterdir()) == []
