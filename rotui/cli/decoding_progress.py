"""A progress bar on stderr while images are decoded; silent where no terminal watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rotui.cli.terminal import talk


@contextmanager
def decoding_progress() -> Iterator[Callable[[int, int], None]]:
    """Gives the callback that takes images done and images in all; the bar appears with its first call."""
    columns = (TextColumn("decoding images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as progress:
        tasks: dict[int, int] = {}

        def update(done: int, total: int) -> None:
            if total not in tasks:
                tasks[total] = int(progress.add_task("", total=total))
            progress.update(progress.task_ids[tasks[total]], completed=done)

        yield update
