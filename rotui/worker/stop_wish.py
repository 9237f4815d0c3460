"""Whether one run is to stop."""

import time
from collections.abc import Callable
from pathlib import Path

from rotui.store.queue_entry import whole_entry

LOOK_SECONDS = 0.5
"""Time between two looks at whether a run was cancelled."""


class StopWish:
    """Whether a run is to stop: its worker was `asked` to, or the run was cancelled or held meanwhile, which
    is looked up twice a second and is then in `text`."""

    def __init__(self, path: Path, asked: Callable[[], bool]) -> None:
        self.text = ""
        self._path = path
        self._asked = asked
        self._looked = 0.0

    def __call__(self) -> bool:
        if self._asked() or self.text:
            return True
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        entry = whole_entry(self._path)
        if entry is not None and (entry.cancelled or entry.held):
            self.text = "cancelled" if entry.cancelled else "put on hold"
        return bool(self.text)
