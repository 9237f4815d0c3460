"""The cache of decoded datasets: opened lock-free when whole, built under a lock when not.

A cache is a directory that appears by one rename. Its manifest names every file with its size, so that a
missing or shortened file is seen on opening, and the fingerprint of the source it was made from.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from rotui.data.building import NO_ROOM, Progress, build_arrays, no_room
from rotui.data.images import Dataset, ImageSet, image_offsets
from rotui.data.location import cache_directories, writable_cache_directory
from rotui.data.sources import Source
from rotui.errors import DataError
from rotui.text import printable

CACHE_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class CacheEntry:
    """One cache on disk as its manifest describes it; `whole` is false where files are missing or cut."""

    directory: Path
    dataset: str
    source: str
    fingerprint: str
    images: int
    size: int
    whole: bool


def cached_dataset(source: Source, data_dir: Path, progress: Progress) -> Dataset:
    """The decoded dataset of `source`, built first where there is no whole cache of these very files.

    A second process that needs the same cache waits for the first and uses what it built. DataError if an
    image is damaged, there is no room or no cache directory can be written; nothing is left then.
    """
    for directory in cache_directories(data_dir):
        if (dataset := _open(directory / _folder_name(source), source)) is not None:
            return dataset
    root = writable_cache_directory(data_dir)
    with _lock(root, source.cache_name):
        final = root / _folder_name(source)
        dataset = _open(final, source)
        if dataset is None:
            _remove_outdated(root, source.cache_name)
            _build(source, final, progress)
            dataset = _open(final, source)
    if dataset is None:
        raise DataError(f"the cache {printable(final)} was written and cannot be read back")
    return dataset


def cache_entries(data_dir: Path) -> list[CacheEntry]:
    """Every cache in both cache directories, by path."""
    found = []
    for root in cache_directories(data_dir):
        for directory in sorted(root.glob("[!.]*-v*-*")):
            manifest = _read_manifest(directory)
            found.append(
                CacheEntry(
                    directory,
                    str(manifest.get("dataset", "")),
                    str(manifest.get("source", "")),
                    str(manifest.get("fingerprint", "")),
                    int(manifest.get("images", 0)),
                    _size(directory),
                    bool(manifest) and _is_whole(directory, manifest),
                )
            )
    return found


def clear_caches(data_dir: Path) -> tuple[int, list[str]]:
    """Removes all caches and what dead builders left; returns the bytes freed and the names of caches that
    were left because another process is building them."""
    freed = 0
    busy = []
    for root in cache_directories(data_dir):
        if not root.is_dir():
            continue
        names = {path.name.removeprefix(".").removesuffix(".lock") for path in root.glob(".*.lock")}
        names |= {path.name.rsplit("-v", 1)[0] for path in root.glob("[!.]*-v*-*")}
        for name in sorted(names):
            try:
                with _lock(root, name, timeout=0):
                    freed += _remove_outdated(root, name)
            except Timeout:
                busy.append(name)
            except OSError as error:
                raise DataError(f"{printable(root)} cannot be cleared: {error.strerror}") from error
    return freed, busy


def _folder_name(source: Source) -> str:
    return f"{source.cache_name}-v{CACHE_VERSION}-{source.fingerprint[:8]}"


@contextmanager
def _lock(root: Path, name: str, timeout: float = -1) -> Iterator[None]:
    with FileLock(root / f".{name}.lock", timeout=timeout):
        yield


def _remove_outdated(root: Path, name: str) -> int:
    freed = 0
    for prefix in (f"{name}-v", f".{name}.building-"):
        for path in root.iterdir():
            if path.name.startswith(prefix) and path.is_dir():
                freed += _size(path)
                shutil.rmtree(path)
    return freed


def _size(directory: Path) -> int:
    try:
        return sum(file.stat().st_size for file in directory.iterdir())
    except FileNotFoundError:
        return 0


def _build(source: Source, final: Path, progress: Progress) -> None:
    building = final.parent / f".{source.cache_name}.building-{uuid.uuid4().hex}"
    try:
        building.mkdir()
        try:
            build_arrays(source, building, progress)
            _write_manifest(source, building)
            building.rename(final)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        _sync_directory(final.parent)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise no_room(final.parent) from error
        raise DataError(
            f"the cache in {printable(final.parent)} cannot be written: {error.strerror}"
        ) from error


def _write_manifest(source: Source, directory: Path) -> None:
    labels = np.load(directory / "train-labels.npy").size + np.load(directory / "validation-labels.npy").size
    manifest = {
        "version": CACHE_VERSION,
        "dataset": source.name,
        "source": str(source.root.absolute()),
        "fingerprint": source.fingerprint,
        "classes": source.classes,
        "image_size": source.image_size,
        "images": int(labels),
        "files": {file.name: file.stat().st_size for file in sorted(directory.iterdir())},
    }
    with (directory / MANIFEST).open("x", encoding="ascii") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    _sync_directory(directory)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _is_whole(directory: Path, manifest: dict[str, Any]) -> bool:
    files = manifest.get("files")
    if not isinstance(files, dict) or "train-pixels.npy" not in files:
        return False
    try:
        return all((directory / name).stat().st_size == size for name, size in files.items())
    except OSError:
        return False


def _open(directory: Path, source: Source) -> Dataset | None:
    manifest = _read_manifest(directory)
    if manifest.get("fingerprint") != source.fingerprint or not _is_whole(directory, manifest):
        return None
    try:
        names = json.loads((directory / "names.json").read_text(encoding="ascii"))
        train, validation = (_open_images(directory, part, names[part]) for part in ("train", "validation"))
    except (OSError, ValueError, KeyError):
        return None
    return Dataset(source.name, source.classes, train, validation, source.fingerprint, source.noisy_labels)


def _open_images(directory: Path, part: str, names: list[str]) -> ImageSet:
    heights, widths, labels = (
        np.load(directory / f"{part}-{name}.npy", allow_pickle=False)
        for name in ("heights", "widths", "labels")
    )
    pixels = np.load(directory / f"{part}-pixels.npy", mmap_mode="c", allow_pickle=False)
    return ImageSet(pixels, heights, widths, image_offsets(heights, widths), labels, tuple(names))
