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

        def update(done: int, total: int) -> None:
            if not progress.task_ids:
                progress.add_task("", total=total)
            progress.update(progress.task_ids[-1], completed=done)
            if done == total:
                progress.remove_task(progress.task_ids[-1])

        yield update
