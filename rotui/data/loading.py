"""The one way to a decoded dataset, and from it to the splits that a run sees."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from threading import Lock, current_thread, main_thread

from rotui.data.images import Dataset
from rotui.data.splits import Splits, split_dataset
from rotui.errors import StoppedError
from rotui.profile.schema import DataSettings
from rotui.study.planning import PlannedRun

BUNDLED = "digits"
"""The dataset that comes with rotui."""


def load_dataset(
    settings: DataSettings, data_dir: Path, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """The dataset that `settings` names, decoded to uint8 and memory-mapped from the cache.

    The first call for a dataset and size decodes it on all cores and calls `progress` with images done and
    in all, in this thread. DataError if the data is missing, damaged, unfit or there is no room for it.
    """
    if settings.name == BUNDLED:
        from rotui.data.digits import load_digits

        return load_digits()
    from rotui.data.cache import cached_dataset
    from rotui.data.sources import find_source

    return cached_dataset(find_source(settings, data_dir), data_dir, progress or _silent)


def require_source(settings: DataSettings, data_dir: Path) -> None:
    """DataError where the images that `settings` names are not there; none is read."""
    if settings.name != BUNDLED:
        from rotui.data.sources import find_source

        find_source(settings, data_dir)


class Datasets:
    """The datasets of one data directory, each loaded once for all the runs that use it; any thread may ask.

    None is loaded in a thread that may train: those but the main one have it done in one that stays. glibc
    gives each thread memory of its own, and what the libraries that read images keep, among what a step takes
    and frees, makes it slower (measured on two cores: 1.2 % of ResNet18's at 32 px).
    """

    def __init__(
        self, data_dir: Path, *, progress: Callable[[int, int], None], stop: Callable[[], bool]
    ) -> None:
        self._data_dir = data_dir
        self._progress = progress
        self._stop = stop
        self._loaded: dict[tuple[str, str, str, int], Dataset] = {}
        self._loading = Lock()
        self._loader = ThreadPoolExecutor(1, "rotui data")

    def splits(self, run: PlannedRun) -> Splits:
        """What `run` trains on and is judged by. DataError, and StoppedError when asked to stop while images
        are decoded."""
        settings = run.profile.data
        decoded = (settings.name, settings.path, settings.variant, settings.image_size)
        with self._loading:
            if decoded not in self._loaded:
                self._loaded[decoded] = self._load(settings)
        return split_dataset(self._loaded[decoded], run.profile, run.stage_name)

    def _load(self, settings: DataSettings) -> Dataset:
        if current_thread() is main_thread():
            return load_dataset(settings, self._data_dir, self._decoding)
        context = copy_context()  # of who asks: `stop` may look for it there
        loading = self._loader.submit(context.run, load_dataset, settings, self._data_dir, self._decoding)
        return loading.result()

    def _decoding(self, done: int, total: int) -> None:
        if self._stop():
            raise StoppedError("stopped while images were decoded")
        self._progress(done, total)


def _silent(done: int, total: int) -> None:
    del done, total
