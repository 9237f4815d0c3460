"""The console's own worker: a thread that imports torch when there is something to train, and then trains."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from rotui.study.events import Event, RunFailed, RunFinished, RunStarted, RunStopped

Notice = Callable[[str], None]


class Trainer:
    """Works the queue of a runs directory inside this process until it is stopped. `notice` is told, in its
    thread, what concerns the user; what is trained is read from the runs directory like everything else."""

    def __init__(
        self,
        runs_dir: Path,
        data_dir: Path,
        *,
        device: str,
        checkpoint_seconds: float,
        allow_inexact: bool,
        command: Sequence[str],
        notice: Notice,
    ) -> None:
        self.current = ""
        self.error: BaseException | None = None
        self.decoding: tuple[int, int] | None = None
        self._runs_dir = runs_dir
        self._data_dir = data_dir
        self._device = device
        self._checkpoint_seconds = checkpoint_seconds
        self._allow_inexact = allow_inexact
        self._command = tuple(command)
        self._notice = notice
        self._stop = Flag()
        self._leave_when_empty = Flag()
        self._thread: Thread | None = None

    @property
    def is_working(self) -> bool:
        """Whether the thread is there: training, or waiting for something to train."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begins to work; does nothing where it works already or has been stopped."""
        if not self.is_working and not self._stop.is_set():
            self.error = None
            self._thread = Thread(target=self._work, name="rotui trainer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Asks for a stop at the next step, with a checkpoint."""
        self._stop.set()

    def leave_when_empty(self) -> None:
        """Has the thread end when nothing is left to train."""
        self._leave_when_empty.set()

    def join(self, timeout: float | None = None) -> bool:
        """Waits for the thread to end; whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.is_working

    def _work(self) -> None:
        try:
            from rotui.data.loading import Datasets
            from rotui.engine.device import resolve_device  # about two seconds: torch
            from rotui.worker import Worker, Workplace

            workplace = Workplace(
                self._runs_dir,
                resolve_device(self._device),
                self._command,
                self._checkpoint_seconds,
                self._allow_inexact,
            )
            datasets = Datasets(self._data_dir, progress=self._decoded, stop=self._stop.is_set)
            worker = Worker(workplace, datasets, listener=self._take, notice=self._notice, stop=self._stop)
            worker.work(stay=lambda: not self._leave_when_empty.is_set())
        except BaseException as error:  # noqa: BLE001  # told to the user; the queue itself is safe on disk
            self.error = error
            self._notice(f"training has ended: {error}")
        finally:
            self.current = ""

    def _decoded(self, done: int, total: int) -> None:
        self.decoding = (done, total) if done < total else None

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted(directory=directory):
                self.current = directory
            case RunFinished() | RunFailed() | RunStopped():
                self.current = ""
