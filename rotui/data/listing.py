"""Image files of a `split/CLASS/file` tree: found, ordered and checked before any is opened."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotui.errors import DataError
from rotui.text import printable

_NOT_PICTURES = {"BUFR", "EPS", "FITS", "GRIB", "HDF5", "MPEG", "WMF"}
_JUNK_FOLDERS = {"__MACOSX", "__pycache__"}


@dataclass(frozen=True, eq=False)
class Listing:
    """Image files of one split by class and then by name: `names` relative to the dataset's folder, with
    `/`; `labels` int64; `stamps` each file's size in bytes and modification time in nanoseconds."""

    names: tuple[str, ...]
    labels: NDArray[np.int64]
    stamps: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.names)


@cache
def image_extensions() -> tuple[str, ...]:
    """Lower-case endings, with the dot, of the picture formats that Pillow decodes by itself."""
    from PIL import Image

    readable = {
        ending
        for ending, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in _NOT_PICTURES
    }
    return tuple(sorted(readable))


def class_folders(directory: Path) -> tuple[str, ...]:
    """Names of the folders in `directory`, sorted, without hidden ones. DataError if it cannot be read."""
    try:
        with os.scandir(directory) as entries:
            return tuple(
                sorted(
                    entry.name
                    for entry in entries
                    if entry.is_dir() and not entry.name.startswith(".") and entry.name not in _JUNK_FOLDERS
                )
            )
    except OSError as error:
        raise DataError(f"{printable(directory)} cannot be read: {error.strerror}") from error


def list_split(root: Path, split: str, classes: Sequence[str], extensions: tuple[str, ...]) -> Listing:
    """The images of `root/split/CLASS` for each class, folders inside a class included.

    DataError names the classes that have no image.
    """
    names: list[str] = []
    labels: list[int] = []
    stamps: list[tuple[int, int]] = []
    empty = []
    for label, name in enumerate(classes):
        found = sorted(_images_below(root, f"{split}/{name}", extensions))
        if not found:
            empty.append(name)
        names.extend(path for path, _ in found)
        stamps.extend(stamp for _, stamp in found)
        labels.extend([label] * len(found))
    if empty:
        shown = ", ".join(printable(name) for name in empty[:10]) + (", …" if len(empty) > 10 else "")
        raise DataError(
            f"{printable(root / split)} has no images of {len(empty)} of its {len(classes)} classes: {shown}"
        )
    return Listing(tuple(names), np.asarray(labels, dtype=np.int64), tuple(stamps))


def _images_below(
    root: Path, folder: str, extensions: tuple[str, ...]
) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        if not (root / folder).is_dir():
            return
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from _images_below(root, f"{folder}/{entry.name}", extensions)
                elif entry.name.lower().endswith(extensions):
                    status = entry.stat()
                    yield f"{folder}/{entry.name}", (status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DataError(
            f"{printable(error.filename or root / folder)} cannot be read: {error.strerror}"
        ) from error


def fingerprint_of(kind: str, files: Iterator[tuple[str, tuple[int, int]]]) -> str:
    """sha256 in hex over `kind` and every file's name, size and modification time."""
    digest = hashlib.sha256(kind.encode())
    for name, (size, modified) in files:
        digest.update(f"\0{name}\0{size}\0{modified}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
