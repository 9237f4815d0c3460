"""What the README points at is there."""

import re
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_every_picture_of_the_readme_is_drawn_by_a_test() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) == 8
    for picture in pictures:
        assert picture.startswith("tests/tui/__snapshots__/test_pictures/")
        assert (ROOT / unquote(picture)).is_file(), picture


def test_every_file_of_the_tests_that_the_readme_names_is_there() -> None:
    named = re.findall(r"`[^`\n]*?(tests/[\w/.-]*\w)", README)
    assert len(named) > 3
    for path in named:
        assert (ROOT / path).exists(), path
