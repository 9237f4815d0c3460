"""Programs that are kept between runs: capturing the steps of one can take longer than an epoch of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rotui.data.images import ImageSet
from rotui.data.splits import Splits
from rotui.engine.program import Pools, Program, program_key
from rotui.engine.training import class_names
from rotui.study.planning import PlannedRun

MOST_IDLE = 8
"""Programs kept that no run is using, the newest."""


class Programs:
    """The programs of one device. Several threads may ask at once, and never get the same."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._idle: list[tuple[str, Program]] = []
        self._pools: Pools = {}
        self._images: dict[int, ImageSet] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, run: PlannedRun, splits: Splits) -> Iterator[Program]:
        """A program for a run, which is to begin with `Training`. One with which a run failed is not kept."""
        outputs = len(class_names(run, splits))
        key = program_key(run, splits, outputs)
        with self._lock:
            found = next((each for each in reversed(self._idle) if each[0] == key), None)
            if found is not None:
                self._idle.remove(found)
        if found is None:
            with self._lock:
                for split in (splits.train, splits.validation):
                    self._images[id(split.images)] = split.images
                program = Program(run, splits, outputs, self._device, self._pools)
        else:
            program = found[1]
        yield program
        if self._device.type == "cuda":
            with self._lock:
                self._idle = [*self._idle[1 - MOST_IDLE :], (key, program)]

    def clear(self) -> None:
        """Forgets all that no run is using, so that its memory can be given back."""
        with self._lock:
            self._idle.clear()
            self._pools.clear()
            self._images.clear()
