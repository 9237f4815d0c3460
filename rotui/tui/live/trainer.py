"""The console's own worker: a thread that imports torch when there is something to train, and then trains."""

import gc
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from rotui.tui.workplace import Workplace

if TYPE_CHECKING:
    from rotui.study.events import Event
    from rotui.worker.worker import Worker

SWITCH_SECONDS = 0.0005
"""For how long drawing may hold the interpreter while training wants it; Python's own is 5 ms."""


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """While modules are imported, and what they made never: each look through all of torch's objects for what
    can be freed would hold up a key, and a step, for 0.1 s."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Trainer:
    """Works the queue of a runs directory inside this process whenever something in it can begin, and frees
    the device when nothing can.

    `notice` is told, in its thread, what concerns the user, and `changed` that `current`, `decoding` or
    `is_working` did; what is trained is read from the runs directory like everything else. It
    `takes_processor` while it trains on the CPU.
    """

    def __init__(
        self, workplace: Workplace, *, notice: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self.error: BaseException | None = None
        self.decoding: tuple[int, int] | None = None
        self.is_working = False
        self.takes_processor = False
        self._workplace = workplace
        self._notice = notice
        self._changed = changed
        self._stop = Flag()
        self._worker: Worker | None = None
        self._asked: tuple[frozenset[str], int] = (frozenset(), 0)
        self._left: tuple[frozenset[str], int] = (frozenset(), 0)
        self._thread: Thread | None = None
        self._has_begun_a_run = False

    @property
    def current(self) -> tuple[str, ...]:
        """The directories of the runs that this process trains now, in the order in which they began."""
        worker = self._worker
        return worker.current if worker is not None and self.is_working else ()

    @property
    def waits_for(self) -> str:
        """Which process has the device, where this one waits for it."""
        return self._worker.waits_for if self._worker is not None and self.is_working else ""

    @property
    def seen(self) -> int:
        """The newest version of the runs that it was asked about."""
        return self._asked[1]

    def start(self, ready: Collection[str], version: int) -> bool:
        """Begins to work, if one of the runs that are `ready`, by directory name, was not left by the last
        round, and that was seen after it: `version` rises with each change of the runs. Does nothing where it
        works already or has been stopped. Whether it began."""
        self._asked = frozenset(ready), version
        left, last = self._left
        if self._asked[0] <= left or version <= last or self.is_working or self._stop.is_set():
            return False
        self.error, self.is_working = None, True
        self._thread = Thread(target=self._work, name="rotui trainer", daemon=True)
        self._thread.start()
        return True

    def try_again(self) -> None:
        """Forgets which runs were left: something was changed."""
        self._left = frozenset(), self._left[1]

    def stop(self) -> None:
        """Asks for a stop at the next step, with a checkpoint; nothing begins after that."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the thread to end; whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.is_working

    def _work(self) -> None:
        try:
            with _nothing_collected():
                from rotui.data.loading import Datasets
                from rotui.engine.device import resolve_device  # about two seconds: torch
                from rotui.worker.worker import Worker
                from rotui.worker.workplace import Workplace as Training

            sys.setswitchinterval(SWITCH_SECONDS)

            place = self._workplace
            device = resolve_device(place.device)
            self.takes_processor = device.type == "cpu"
            training = Training(
                place.runs_dir,
                device,
                place.command,
                place.checkpoint_seconds,
                place.allow_inexact,
                place.jobs,
            )
            datasets = Datasets(place.data_dir, progress=self._decoded, stop=self._stop.is_set)
            self._worker = Worker(
                training, datasets, listener=self._take, notice=self._notice, stop=self._stop
            )
            self._worker.start().join()  # in memory apart from that of what was imported here: see Datasets
            if self._worker.error is not None:
                raise self._worker.error
            self._left = frozenset(self._worker.left), self._asked[1]
        except BaseException as error:  # noqa: BLE001  # told to the user; the queue itself is safe on disk
            self.error = error
            self._left = self._asked
            self._notice(f"training has ended: {error} (any change of the queue has it begin again)")
        finally:
            self.is_working, self.decoding, self._worker = False, None, None
            self.takes_processor = False
            self._changed()

    def _decoded(self, done: int, total: int) -> None:
        self.decoding = (done, total) if done < total else None
        self._changed()

    def _take(self, event: "Event") -> None:
        from rotui.study.events import RunFailed, RunFinished, RunStarted, RunStopped

        if isinstance(event, RunStarted) and not self._has_begun_a_run:
            self._has_begun_a_run = True
            gc.freeze()  # what its data are read with
        if isinstance(event, RunStarted | RunFinished | RunFailed | RunStopped):
            self.decoding = None
            self._changed()
