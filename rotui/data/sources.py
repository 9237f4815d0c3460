"""Each dataset's files on disk: where they are looked for, their classes, and how they are to be decoded."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rotui.data.listing import Listing, class_folders, fingerprint_of, image_extensions, list_split
from rotui.errors import DataError
from rotui.profile.datasets import DatasetName
from rotui.profile.schema import DataSettings
from rotui.text import printable

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR10_BATCHES = "cifar-10-batches-py"
_BATCH_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
IMAGENETTE_FOLDERS = {"160px": "imagenette2-160", "320px": "imagenette2-320", "full": "imagenette2"}
IMAGENETTE_NOISE = "noisy_imagenette.csv"


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset's files as they lie on disk. `train` and `validation` list image files under `root`; both
    are None for CIFAR-10's pickled batches.

    `resize` false means that every image must already be `image_size` px square. `cache_name` names the
    dataset and size, never anything that a user or a file chose.
    """

    name: DatasetName
    cache_name: str
    root: Path
    classes: tuple[str, ...]
    image_size: int
    fingerprint: str
    train: Listing | None = None
    validation: Listing | None = None
    resize: bool = True
    noisy_labels: Path | None = None


def find_source(settings: DataSettings, data_dir: Path) -> Source:
    """Finds and lists the files of `settings.name` (not `digits`, which has none).

    DataError if they are missing, a split or class is empty, or there are fewer than two classes.
    """
    if settings.name == "cifar10":
        return _cifar10(data_dir)
    if settings.name == "imagenette":
        return _imagenette(settings, data_dir)
    return _folder(settings)


def _cifar10(data_dir: Path) -> Source:
    batches = data_dir / CIFAR10_BATCHES
    if batches.is_dir():
        return Source(
            "cifar10",
            "cifar10-32",
            data_dir,
            CIFAR10_CLASSES,
            32,
            fingerprint_of("batches", _stamps(batches)),
        )
    for root in (data_dir / "cifar10", data_dir):
        if not (root / "train").is_dir() or not (root / "test").is_dir():
            continue
        if root == data_dir and not set(class_folders(root / "train")) & set(CIFAR10_CLASSES):
            continue
        return _image_folders("cifar10", "cifar10-32", root, "test", 32, CIFAR10_CLASSES, resize=False)
    looked = f"{batches}, {data_dir / 'cifar10'}/train and test, {data_dir}/train and test"
    raise DataError(_missing("CIFAR-10", looked, "`rotui data fetch cifar10`"))


def _imagenette(settings: DataSettings, data_dir: Path) -> Source:
    root = data_dir / IMAGENETTE_FOLDERS[settings.variant]
    if not root.is_dir():
        how = f"`rotui data fetch imagenette --variant {settings.variant}`"
        raise DataError(_missing(f"Imagenette ({settings.variant})", str(root), how))
    return _image_folders(
        "imagenette",
        f"imagenette-{settings.variant}-{settings.image_size}",
        root,
        "val",
        settings.image_size,
        tuple(IMAGENETTE_CLASSES),
        extensions=(".jpeg",),
    )


def _folder(settings: DataSettings) -> Source:
    root = Path(settings.path).expanduser()
    if not root.is_dir():
        raise DataError(f"data.path: there is no folder {printable(root.absolute())}")
    split = next((name for name in ("val", "test") if (root / name).is_dir()), "val or test")
    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:8]
    cache_name = f"folder-{place}-{settings.image_size}"
    return _image_folders("folder", cache_name, root, split, settings.image_size, ())


def _image_folders(
    name: DatasetName,
    cache_name: str,
    root: Path,
    validation_split: str,
    image_size: int,
    expected: tuple[str, ...],
    *,
    extensions: tuple[str, ...] = (),
    resize: bool = True,
) -> Source:
    for split in ("train", validation_split):
        if not (root / split).is_dir():
            raise DataError(
                f"{printable(root)} holds no folder {split} "
                f"(wanted: train/CLASS and {validation_split}/CLASS)"
            )
    classes = expected or class_folders(root / "train")
    if not classes:
        raise DataError(f"{printable(root / 'train')} is empty: it holds no class folders")
    if len(classes) < 2:
        raise DataError(
            f"{printable(root / 'train')} holds one class only, {printable(classes[0])} (2 or more)"
        )
    for split in ("train", validation_split):
        strange = [printable(found) for found in class_folders(root / split) if found not in classes]
        if strange:
            wanted = "one of the dataset's classes" if expected else "a class in train"
            raise DataError(
                f"{printable(root / split)} holds a folder that is not {wanted}: {', '.join(strange[:10])}"
            )
    endings = extensions or image_extensions()
    train = list_split(root, "train", classes, endings)
    validation = list_split(root, validation_split, classes, endings)
    files = chain(
        zip(train.names, train.stamps, strict=True), zip(validation.names, validation.stamps, strict=True)
    )
    noisy = root / IMAGENETTE_NOISE
    return Source(
        name=name,
        cache_name=cache_name,
        root=root,
        classes=tuple(IMAGENETTE_CLASSES[wnid] for wnid in classes) if name == "imagenette" else classes,
        image_size=image_size,
        fingerprint=fingerprint_of(f"folders {name}", files),
        train=train,
        validation=validation,
        resize=resize,
        noisy_labels=noisy if name == "imagenette" and noisy.is_file() else None,
    )


def _stamps(batches: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    for name in _BATCH_FILES:
        try:
            status = (batches / name).stat()
        except OSError as error:
            raise DataError(
                f"{printable(batches / name)} cannot be read: {error.strerror}; "
                f"remove {printable(batches)} and get it again with `rotui data fetch cifar10`"
            ) from error
        yield name, (status.st_size, status.st_mtime_ns)


def _missing(title: str, looked: str, how: str) -> str:
    return (
        f"{title} was not found. Looked for: {printable(looked, 2000)}. Get it with {how}, or name the "
        "directory that holds it with --data-dir or ROTUI_DATA."
    )
