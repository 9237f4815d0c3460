"""Writing a dataset's decoded arrays into a directory: sizes and room first, then pixels, streaming."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rotui.data.decoders import Decoders
from rotui.data.decoding import fitted_size
from rotui.data.images import image_offsets
from rotui.data.listing import Listing
from rotui.data.sources import CIFAR10_BATCHES, Source
from rotui.errors import DataError
from rotui.text import megabytes, printable

Progress = Callable[[int, int], None]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_SHOWN_FAILURES = 10


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """The arrays of one split but for its pixels: sizes in px (int32) and labels (int64), each (N,)."""

    part: str
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]
    labels: NDArray[np.int64]
    listing: Listing | None
    pixels: NDArray[np.uint8] | None = None

    @property
    def pixel_bytes(self) -> int:
        """Bytes that the decoded pixels take."""
        return int((3 * self.heights.astype(np.int64) * self.widths).sum())


def build_arrays(source: Source, directory: Path, progress: Progress) -> None:
    """Writes `PART-pixels.npy` and the small arrays of both splits into the existing `directory`.

    DataError if images are damaged (up to ten are named) or there is no room, which is checked before the
    first image is decoded and again by every write. `progress` gets images done and in all.
    """
    images = (
        0 if source.train is None or source.validation is None else len(source.train) + len(source.validation)
    )
    with Decoders(images) as decoders:
        plans = _plan_files(source, decoders) if images else _plan_batches(source)
        needed = sum(plan.pixel_bytes + 64 * len(plan.labels) for plan in plans) + 65_536
        _check_room(directory, needed)
        try:
            _write_plans(source, plans, directory, decoders, progress)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise no_room(directory.parent, needed) from error
            raise DataError(
                f"the cache in {printable(directory.parent)} cannot be written: {error.strerror}"
            ) from error


def no_room(directory: Path, needed: int | None = None) -> DataError:
    """The error that says how many bytes a cache below `directory` needs and how many there are."""
    free = shutil.disk_usage(directory).free
    wanted = "" if needed is None else f"{megabytes(needed)} are needed, "
    return DataError(
        f"no room for the cache of decoded images in {printable(directory)}: "
        f"{wanted}{megabytes(free)} are free"
    )


def _check_room(directory: Path, needed: int) -> None:
    if shutil.disk_usage(directory).free < needed:
        raise no_room(directory.parent, needed)


def _plan_files(source: Source, decoders: Decoders) -> list[SplitPlan]:
    plans = []
    for part, listing in (("train", source.train), ("validation", source.validation)):
        assert listing is not None
        size = np.full(len(listing), source.image_size, dtype=np.int32)
        heights, widths = size, size
        if part == "train" and source.resize:
            heights, widths = _measure(source, listing, decoders)
        plans.append(SplitPlan(part, heights, widths, listing.labels, listing))
    return plans


def _measure(
    source: Source, listing: Listing, decoders: Decoders
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    messages = [
        {"root": str(source.root), "images": listing.names[start : start + 256]}
        for start in range(0, len(listing), 256)
    ]
    sizes: dict[int, list[tuple[int, int]]] = {}
    failures: list[tuple[str, str]] = []
    with closing(decoders.replies(messages)) as replies:
        for number, reply in replies:
            sizes[number] = reply["sizes"]
            failures.extend(reply["failures"])
            if len(failures) >= _SHOWN_FAILURES:
                break
    _refuse_damaged(source, failures)
    fitted = [
        fitted_size(height, width, source.image_size)
        for number in range(len(messages))
        for height, width in sizes[number]
    ]
    both = np.asarray(fitted, dtype=np.int32)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def _plan_batches(source: Source) -> list[SplitPlan]:
    from torchvision.datasets import CIFAR10

    plans = []
    for part in ("train", "validation"):
        try:
            batches = CIFAR10(source.root, train=part == "train", download=False)
        except RuntimeError as error:
            where = printable(source.root / CIFAR10_BATCHES)
            raise DataError(
                f"the batches in {where} are incomplete or damaged (checksums differ): remove that folder "
                "and get it again with `rotui data fetch cifar10`"
            ) from error
        labels = np.asarray(batches.targets, dtype=np.int64)
        size = np.full(len(labels), 32, dtype=np.int32)
        plans.append(SplitPlan(part, size, size, labels, None, batches.data.transpose(0, 3, 1, 2)))
    return plans


def _write_plans(
    source: Source, plans: list[SplitPlan], directory: Path, decoders: Decoders, progress: Progress
) -> None:
    total = sum(len(plan.labels) for plan in plans)
    done = 0
    progress(done, total)
    for plan in plans:
        for name in ("heights", "widths", "labels"):
            with (directory / f"{plan.part}-{name}.npy").open("xb") as file:
                np.save(file, getattr(plan, name))
                _flush(file)
        target = directory / f"{plan.part}-pixels.npy"
        with target.open("xb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (plan.pixel_bytes,)}
            np.lib.format.write_array_header_1_0(file, header)
            if plan.pixels is not None:
                for start in range(0, len(plan.labels), 1000):
                    file.write(plan.pixels[start : start + 1000].tobytes())
            else:
                file.flush()
                start = file.tell()
                file.truncate(start + plan.pixel_bytes)
                with closing(_decode(source, plan, target, start, decoders)) as counts:
                    for count in counts:
                        done += count
                        progress(done, total)
            _flush(file)
        if plan.pixels is not None:
            done += len(plan.labels)
            progress(done, total)
    with (directory / "names.json").open("x", encoding="ascii") as names:
        json.dump({plan.part: plan.listing.names if plan.listing else () for plan in plans}, names)
        _flush(names)


def _decode(
    source: Source, plan: SplitPlan, target: Path, start: int, decoders: Decoders
) -> Generator[int, None, None]:
    assert plan.listing is not None
    columns = zip(
        plan.listing.names,
        plan.heights.tolist(),
        plan.widths.tolist(),
        image_offsets(plan.heights, plan.widths).tolist(),
        strict=True,
    )
    images = list(columns)
    common = {"root": str(source.root), "file": str(target), "start": start, "resize": source.resize}
    chunk = max(16, min(256, 2**18 // source.image_size**2))
    messages: list[dict[str, Any]] = [
        common | {"images": images[first : first + chunk]} for first in range(0, len(images), chunk)
    ]
    failures: list[tuple[str, str]] = []
    with closing(decoders.replies(messages)) as replies:
        for number, reply in replies:
            if reply["errno"] is not None:
                raise OSError(reply["errno"], os.strerror(reply["errno"]))
            failures.extend(reply["failures"])
            if len(failures) >= _SHOWN_FAILURES:
                break
            yield len(messages[number]["images"])
    _refuse_damaged(source, failures)


def _refuse_damaged(source: Source, failures: list[tuple[str, str]]) -> None:
    if not failures:
        return
    shown = [
        f"  {printable(source.root / name)}: {reason}" for name, reason in sorted(failures)[:_SHOWN_FAILURES]
    ]
    more = " or more" if len(failures) >= _SHOWN_FAILURES else ""
    noun = "image" if len(failures) == 1 else "images"
    raise DataError("\n".join([f"{len(shown)}{more} damaged {noun}, nothing was kept:", *shown]))


def _flush(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
