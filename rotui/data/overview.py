"""What datasets are there, where, and whether their caches are up to date."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rotui.data.cache import CacheEntry, cache_entries
from rotui.data.sources import CIFAR10_BATCHES, IMAGENETTE_FOLDERS, Source, find_source
from rotui.errors import DataError
from rotui.profile.datasets import DATASETS
from rotui.profile.schema import DataSettings

State = Literal["ready", "not decoded", "outdated", "damaged", "missing", "unfit"]


@dataclass(frozen=True)
class DatasetState:
    """One dataset, or one variant or folder of it. `images` is 0 and `found` empty where it is missing;
    `cache_bytes` sums its caches at all sizes. `problem` says what is wrong where something is."""

    dataset: str
    found: str
    images: int
    cache_bytes: int
    caches: tuple[str, ...]
    state: State
    problem: str = ""


def overview(data_dir: Path) -> list[DatasetState]:
    """State of every dataset that `data_dir` could hold and of every folder that was decoded before.

    `ready` can be trained on at once, `outdated` and `damaged` are decoded again when next used.
    """
    digits = DATASETS["digits"]
    states = [
        DatasetState(
            "digits",
            "bundled with scikit-learn",
            digits.train_images + digits.validation_images,
            0,
            (),
            "ready",
        )
    ]
    entries = cache_entries(data_dir)
    places = [data_dir / CIFAR10_BATCHES, data_dir / "cifar10"]
    states.append(_state("cifar10", "cifar10-", DataSettings(name="cifar10"), data_dir, entries, places))
    for variant, folder in IMAGENETTE_FOLDERS.items():
        settings = DataSettings.model_validate({"name": "imagenette", "variant": variant})
        title, prefix = f"imagenette {variant}", f"imagenette-{variant}-"
        states.append(_state(title, prefix, settings, data_dir, entries, [data_dir / folder]))
    folders = sorted({entry.source for entry in entries if entry.dataset == "folder"})
    for path in folders:
        own = [entry for entry in entries if entry.dataset == "folder" and entry.source == path]
        settings = DataSettings(name="folder", path=path)
        states.append(_state("folder", "folder-", settings, data_dir, own, [Path(path)]))
    return states


def _state(
    title: str,
    prefix: str,
    settings: DataSettings,
    data_dir: Path,
    entries: list[CacheEntry],
    places: list[Path],
) -> DatasetState:
    own = [entry for entry in entries if entry.directory.name.startswith(prefix)]
    size = sum(entry.size for entry in own)
    caches = tuple(str(entry.directory) for entry in own)
    try:
        source = find_source(settings, data_dir)
    except DataError as error:
        there = [str(place) for place in places if place.exists()]
        if there:
            return DatasetState(title, there[0], 0, size, caches, "unfit", str(error))
        return DatasetState(title, "", 0, size, caches, "missing", str(error))
    return DatasetState(title, str(_place(source)), _images(source), size, caches, _freshness(source, own))


def _place(source: Source) -> Path:
    return source.root / CIFAR10_BATCHES if source.train is None else source.root


def _images(source: Source) -> int:
    if source.train is None or source.validation is None:
        return DATASETS[source.name].train_images + DATASETS[source.name].validation_images
    return len(source.train) + len(source.validation)


def _freshness(source: Source, own: list[CacheEntry]) -> State:
    if not own:
        return "not decoded"
    if all(not entry.whole for entry in own):
        return "damaged"
    current = any(entry.whole and entry.fingerprint == source.fingerprint for entry in own)
    return "ready" if current else "outdated"
