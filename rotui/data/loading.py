"""The one way to a decoded dataset."""

from collections.abc import Callable
from pathlib import Path

from rotui.data.images import Dataset
from rotui.profile.schema import DataSettings


def load_dataset(
    settings: DataSettings, data_dir: Path, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """The dataset that `settings` names, decoded to uint8 and memory-mapped from the cache.

    The first call for a dataset and size decodes it on all cores and calls `progress` with images done and
    in all, in this thread. DataError if the data is missing, damaged, unfit or there is no room for it.
    """
    if settings.name == "digits":
        from rotui.data.digits import load_digits

        return load_digits()
    from rotui.data.cache import cached_dataset
    from rotui.data.sources import find_source

    return cached_dataset(find_source(settings, data_dir), data_dir, progress or _silent)


def _silent(done: int, total: int) -> None:
    del done, total
