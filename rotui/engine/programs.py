"""Programs that are kept between runs: capturing the steps of one can take longer than an epoch of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rotui.data.splits import Splits
from rotui.engine.memory import free_memory
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
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, run: PlannedRun, splits: Splits) -> Iterator[Program]:
        """A program for a run, which is to begin with `Training`. One with which a run failed is not kept."""
        outputs = len(class_names(run, splits))
        key = program_key(run, splits, outputs)
        program = self._idle_one(key) or self._made(run, splits, outputs)
        try:
            yield program
            if self._device.type == "cuda":
                torch.cuda.current_stream(self._device).synchronize()
        except BaseException:
            program.forget()
            raise
        if self._device.type == "cuda":
            with self._lock:
                self._idle.append((key, program))
                dropped, self._idle = self._idle[:-MOST_IDLE], self._idle[-MOST_IDLE:]
            _forget(dropped)
        else:
            program.forget()

    def clear(self) -> None:
        """Forgets all that no run is using, so that its memory can be given back."""
        with self._lock:
            dropped, self._idle = self._idle, []
            self._pools.clear()
        _forget(dropped)

    def _idle_one(self, key: str) -> Program | None:
        with self._lock:
            found = next((each for each in reversed(self._idle) if each[0] == key), None)
            if found is None:
                return None
            self._idle.remove(found)
            return found[1]

    def _made(self, run: PlannedRun, splits: Splits, outputs: int) -> Program:
        """A new program; where the device's memory is too small for it, one after those of other runs have
        been let go of."""
        try:
            with self._lock:
                return Program(run, splits, outputs, self._device, self._pools)
        except torch.OutOfMemoryError:
            if not self._idle:
                raise
        self.clear()
        free_memory(self._device)
        with self._lock:
            return Program(run, splits, outputs, self._device, self._pools)


def _forget(dropped: list[tuple[str, Program]]) -> None:
    for _, program in dropped:
        program.forget()
