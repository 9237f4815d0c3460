"""`progress.json`: where a run that is being trained stands within its epoch, for those who watch it.

It is written about once a second, is not synced and means nothing after the process that wrote it is gone.
"""

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from rotui.store.layout import PROGRESS

SECONDS = 1.0


@dataclass(frozen=True)
class LiveProgress:
    """`epoch`, `step` and `images` are those of a StepEnded; `images_per_second` covers the steps since the
    record before; `seconds_per_epoch` is an estimate from all that this process trained of the run."""

    epoch: int
    step: int
    steps: int
    images_per_second: float
    seconds_per_epoch: float


class ProgressWriter:
    """Leaves word of a run's steps at most once a second; a full or broken disk does not hold training up."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / PROGRESS
        self._began = self._written = time.monotonic()
        self._images = 0
        self._first: float | None = None

    def __call__(self, epoch: int, step: int, steps: int, images: int) -> None:
        """Takes one step."""
        self._images += images
        position = epoch - 1 + step / steps
        if self._first is None:
            self._first, self._began = position, time.monotonic()
        now = time.monotonic()
        elapsed = now - self._written
        if elapsed < SECONDS:
            return
        rate, self._images, self._written = self._images / elapsed, 0, now
        trained = position - self._first
        per_epoch = (now - self._began) / trained if trained > 0 else 0.0
        progress = LiveProgress(epoch, step, steps, round(rate, 1), round(per_epoch, 2))
        temporary = self._path.with_name(f".{PROGRESS}.{os.getpid()}.tmp")
        with suppress(OSError):  # a courtesy to who watches; what counts is written and synced elsewhere
            temporary.write_text(json.dumps(asdict(progress)))
            temporary.replace(self._path)

    def remove(self) -> None:
        """Removes the file when the run ends."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_progress(directory: Path) -> LiveProgress | None:
    """The newest word of a run, None where there is none that makes sense."""
    with suppress(OSError, ValueError, TypeError):
        told = LiveProgress(**json.loads((directory / PROGRESS).read_bytes()))
        rates = (told.images_per_second, told.seconds_per_epoch)
        is_whole = told.epoch >= 1 and 0 <= told.step <= told.steps and told.steps >= 1
        if is_whole and all(math.isfinite(rate) and rate >= 0 for rate in rates):
            return told
    return None
