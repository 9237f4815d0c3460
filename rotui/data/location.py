"""Where datasets are looked for and where their caches go."""

import os
import tempfile
from pathlib import Path

import platformdirs

from rotui.errors import DataError
from rotui.text import printable

CACHE_FOLDER = "cache"


def data_directory(option: Path | None) -> Path:
    """The data directory: `option`, else the environment's ROTUI_DATA, else the platform's place for
    rotui's data. It need not exist."""
    if option is not None:
        return option.expanduser()
    named = os.environ.get("ROTUI_DATA", "")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("rotui"))


def cache_directories(data_dir: Path) -> tuple[Path, Path]:
    """The two places a cache can lie, in the order they are tried: in the data directory, and in the
    platform's cache directory where the first cannot be written."""
    return data_dir / CACHE_FOLDER, Path(platformdirs.user_cache_dir("rotui")) / "datasets"


def writable_cache_directory(data_dir: Path) -> Path:
    """The first of the two cache directories in which files can be made, created if need be.

    DataError if neither can be written.
    """
    refusals = []
    for directory in cache_directories(data_dir):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                return directory
        except OSError as error:
            refusals.append(f"{printable(directory)}: {error.strerror}")
    raise DataError("no directory for the cache of decoded images can be written: " + "; ".join(refusals))
