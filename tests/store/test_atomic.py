import subprocess
import sys
from pathlib import Path

import pytest

from rotui.errors import StoreError
from rotui.store.atomic import append_line, write_atomically
from rotui.store.location import runs_directory

LIMITED = """
import resource, sys
from pathlib import Path
from rotui.errors import StoreError
from rotui.store.atomic import {function}
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
try:
    {function}(Path(sys.argv[1]), {content})
except StoreError as error:
    print(error)
    sys.exit(5)
"""


def full_disk(function: str, content: str, path: Path) -> subprocess.CompletedProcess[str]:
    code = LIMITED.format(function=function, content=content)
    return subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("content", [b"\x00\xff", "naïve"])
def test_text_and_bytes_replace_what_was_there(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "file"
    path.write_text("a longer old content")
    write_atomically(path, content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_keeps_the_old_file_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    done = full_disk("write_atomically", "'x' * 1000", path)
    assert done.returncode == 5, done.stderr
    assert str(tmp_path) in done.stdout
    assert "cannot be written: File too large" in done.stdout
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_line_that_does_not_fit_is_taken_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("first\n")
    done = full_disk("append_line", "'x' * 100", path)
    assert done.returncode == 5, done.stderr
    assert path.read_text() == "first\n"
    append_line(path, "second")
    assert path.read_text() == "first\nsecond\n"


def test_a_folder_that_is_missing_or_a_file_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(StoreError, match=r"missing.*cannot be written: No such file or directory"):
        write_atomically(tmp_path / "missing" / "file", "x")
    with pytest.raises(StoreError, match=r"plain.*cannot be written: Not a directory"):
        write_atomically(tmp_path / "plain" / "file", "x")


def test_the_option_goes_before_the_variable_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROTUI_RUNS", "/from/variable")
    assert runs_directory(Path("given")) == Path("given")
    assert runs_directory(None) == Path("/from/variable")
    monkeypatch.setenv("ROTUI_RUNS", "")
    assert runs_directory(None) == Path("runs")
    assert runs_directory(Path("~/runs")) == Path.home() / "runs"
