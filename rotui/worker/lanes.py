"""Runs that are trained side by side in one process: a thread for each, and on CUDA a stream for each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Lock, Thread

import torch

from rotui.engine.device import thread_count
from rotui.errors import DeviceError
from rotui.profile.schema import ComputeSettings
from rotui.study.planning import PlannedRun
from rotui.worker.lane_count import DeviceMemory, Kind, LaneCount, kind_of

Switches = tuple[int, bool]
"""Threads and deterministic mode, which all runs of a process share."""


def switches_of(settings: ComputeSettings) -> Switches:
    """What must be equal of runs that are trained at the same time."""
    return thread_count(settings), settings.deterministic


def device_memory(device: torch.device) -> DeviceMemory:
    """The memory of a CUDA device as it is now."""
    free, total = torch.cuda.mem_get_info(device)
    return DeviceMemory(free, total, torch.cuda.memory_reserved(device))


class Lanes:
    """Begins runs, each in a lane of its own, and knows which are at work; called by one thread.

    `free` gives back the device's memory that is kept for the next run. The first error that a run ends with
    is in `error` and sets `halt`, upon which the others stop.
    """

    def __init__(self, device: torch.device, count: LaneCount, halt: Flag, free: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._device = device
        self._count = count
        self._halt = halt
        self._free = free
        self._threads: dict[str, Thread] = {}
        self._switches: Switches | None = None
        self._kind: Kind | None = None
        self._streams: list[torch.cuda.Stream] = []
        self._one_ended = Flag()
        self._lock = Lock()

    @property
    def are_empty(self) -> bool:
        """Whether no run is at work."""
        return not self._threads

    def fits(self, run: PlannedRun) -> bool:
        """Whether a run may begin now: alone, or beside others with which it can share the process."""
        if self.are_empty:
            return True
        return switches_of(run.profile.compute) == self._switches and self._count.fits(run)

    def begin(self, name: str, run: PlannedRun, train: Callable[[], bool]) -> None:
        """Has `train` called in a lane of its own; it returns whether the device's memory was too small."""
        if self.are_empty and self._device.type == "cuda" and kind_of(run) != self._kind:
            self._free()  # what is kept for runs of another kind is no use to this one
        self._switches, self._kind = switches_of(run.profile.compute), kind_of(run)
        thread = Thread(target=self._work, args=(name, train), name=f"rotui lane {name}", daemon=True)
        with self._lock:
            self._threads[name] = thread
        self._count.begins(name, run)
        thread.start()

    def wait(self, seconds: float) -> bool:
        """Returns when a run has ended, or after so many seconds; whether one has ended since it was last
        asked."""
        ended = self._one_ended.wait(seconds)
        self._one_ended.clear()
        return ended

    def join(self) -> None:
        """Returns when no run is at work any more."""
        for thread in tuple(self._threads.values()):
            thread.join()

    def _work(self, name: str, train: Callable[[], bool]) -> None:
        out_of_memory = False
        try:
            with self._own_stream():
                out_of_memory = train()
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits for the runs
            with self._lock:
                self.error = self.error or error
            self._halt.set()
        finally:
            self._count.ends(name, out_of_memory=out_of_memory)
            with self._lock:
                del self._threads[name]
            self._one_ended.set()

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        """A stream that no other lane uses. Streams are used again: PyTorch keeps memory for each."""
        if self._device.type != "cuda":
            yield
            return
        with self._lock:
            stream = self._streams.pop() if self._streams else torch.cuda.Stream(self._device)
        try:
            with torch.cuda.stream(stream):
                yield
                stream.synchronize()
        except torch.AcceleratorError as error:
            raise DeviceError(f"{self._device} cannot be used any more: {error}") from error
        finally:
            with self._lock:
                self._streams.append(stream)
