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
