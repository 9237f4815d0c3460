"""The worker thread under a command: waited for, its reports shown, its errors raised here."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from rotui.cli.interrupt import StopRequest
from rotui.cli.terminal import say

if TYPE_CHECKING:
    from pathlib import Path

    from rotui.data.loading import Datasets
    from rotui.study.events import Event
    from rotui.worker.worker import Worker

POLL_SECONDS = 0.2


def make_worker(
    runs_dir: "Path",
    datasets: "Datasets",
    device: str,
    stop: StopRequest,
    *,
    listener: "Callable[[Event], None]",
    checkpoint_seconds: float,
    allow_inexact: bool,
    jobs: int | None,
) -> "Worker":
    """A worker on the device that the option names; InputError or DeviceError where there is none."""
    from rotui.cli.command_line import same_command
    from rotui.engine.device import resolve_device
    from rotui.worker.worker import Worker
    from rotui.worker.workplace import Workplace

    workplace = Workplace(
        runs_dir, resolve_device(device), tuple(same_command()), checkpoint_seconds, allow_inexact, jobs
    )
    return Worker(
        workplace,
        datasets,
        listener=stop.without_terminal(listener),
        notice=stop.without_terminal(notice),
        stop=stop.flag,
    )


def wait_for(
    worker: "Worker", only: Collection[str] | None, stop: StopRequest, *, watch: bool = False
) -> None:
    """Has the worker work in its thread and returns when it is done; raises what ended it early."""
    thread = worker.start(only, stay=lambda: watch)
    while thread.is_alive():
        thread.join(POLL_SECONDS)
        stop.look_at_terminal()
    if worker.error is not None:
        raise worker.error


def notice(text: str) -> None:
    """Says what concerns no single run."""
    say(text, style="yellow")
