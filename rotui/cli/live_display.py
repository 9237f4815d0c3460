"""`rotui run` on a terminal: the plan, the current run's epochs or a line for each of several, the rate and
what time is left."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rotui.cli.terminal import say, talk
from rotui.formats import count, duration, swept
from rotui.study.events import Event, RunFailed, RunSkipped
from rotui.study.planning import Plan
from rotui.study.progress import RunProgress, RunStatus, StudyProgress
from rotui.text import printable

MARKS: dict[RunStatus, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("▶", "cyan"),
    "probing": ("▶", "cyan"),
    "paused": ("‖", "yellow"),
    "finished": ("✓", "green"),
    "reused": ("=", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "yellow"),
    "stopped": ("■", "yellow"),
}
EPOCHS_SHOWN = 6
BAR_WIDTH = 14
NARROW_BAR_WIDTH = 6


class LiveDisplay:
    """Listens to a worker and redraws at its own pace: an event changes numbers and draws nothing, but for
    the line that says why a run failed or was skipped."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began = time.monotonic()
        self._labels = _labels(plan)
        self._progress = StudyProgress(plan, time.monotonic)
        self._live = Live(self, console=talk, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Takes one event of the worker."""
        self._progress.take(event)
        if isinstance(event, RunFailed | RunSkipped):
            progress = self._progress.runs[event.run.key]
            number, (_, style) = self._plan.number(event.run.key), MARKS[progress.status]
            say(f"run {number}, {event.run.stage.title}, {progress.status}: {event.reason}", style)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        current = self._progress.current
        width, height = options.max_width, options.size.height
        epochs = max(1, min(EPOCHS_SHOWN, height - 12))
        parts: list[Table | Text] = [self._plan_table(width, max(4, height - 8 - epochs))]
        if len(self._progress.in_progress) > 1:
            parts += [Text(""), *self._several_runs(epochs, width)]
        elif current is not None:
            parts += [Text(""), *_current_run(current, epochs, width)]
        if current is None or current.status in ("running", "probing", "paused", "finished"):
            parts.append(self._footer())
        yield Group(*parts)

    def _plan_table(self, width: int, rows: int) -> Table:
        bar = BAR_WIDTH if width >= 76 else NARROW_BAR_WIDTH
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", expand=False)
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column("")
        table.add_column("stage", no_wrap=True)
        apart = any(self._labels.values())
        if apart:
            table.add_column("at", no_wrap=True, overflow="ellipsis", max_width=max(6, width - 45 - bar))
        table.add_column("epochs", justify="right", no_wrap=True)
        table.add_column("done", width=bar, no_wrap=True)
        table.add_column("best", justify="right", no_wrap=True)
        runs = list(self._progress.runs.values())
        first = _window(runs, rows)
        for number, progress in enumerate(runs[first : first + rows], start=first + 1):
            mark, style = MARKS[progress.status]
            table.add_row(
                str(number),
                Text(mark, style=style),
                Text(progress.run.stage.title),
                *([Text(self._labels[progress.run.key])] if apart else []),
                f"{len(progress.epochs)}/{progress.total_epochs}" if progress.status != "reused" else "",
                _bar(progress, bar),
                _best(progress),
            )
        if len(runs) > rows:
            table.caption = f"runs {first + 1} to {first + rows} of {len(runs)}"
        return table

    def _several_runs(self, rows: int, width: int) -> list[Table | Text]:
        """A line for each run in progress, those that began first, as far as there is room."""
        going_on = self._progress.in_progress
        table = Table(box=None, padding=(0, 2 if width >= 66 else 1, 0, 0), header_style="bold")
        for heading in ("#", "now", "epoch", "val loss", "val %", "images/s", "left"):
            side: JustifyMethod = "left" if heading == "now" else "right"
            table.add_column(heading, justify=side, no_wrap=True)
        for each in going_on[:rows]:
            newest = each.epochs[-1] if each.epochs else None
            table.add_row(
                str(self._plan.number(each.run.key)),
                _doing(each),
                f"{len(each.epochs)}/{each.total_epochs}",
                f"{newest.validation_loss:.4f}" if newest else "",
                f"{newest.validation_accuracy:.2f}" if newest else "",
                count(round(each.rate)) if each.rate else "",
                duration(self._progress.run_seconds_left(each)),
            )
        more = len(going_on) - rows
        return [table, Text(f"and {more} more", style="dim")] if more > 0 else [table]

    def _footer(self) -> Text:
        if not any(
            run.status in ("waiting", "running", "probing", "paused") for run in self._progress.runs.values()
        ):
            return Text(f"took {duration(time.monotonic() - self._began)}", style="dim")
        going_on = self._progress.in_progress
        total = sum(run.rate for run in going_on if run.status == "running")
        rate = f"{count(round(total))} images/s · " if total else ""
        several = len(going_on) > 1
        runs = (
            f"{len(going_on)} runs at once"
            if several
            else f"this run {duration(self._progress.run_seconds_left())} left"
        )
        return Text(
            f"{rate}{runs} · study {duration(self._progress.seconds_left())} left · Ctrl-C stops",
            style="dim",
        )


def _window(runs: list[RunProgress], rows: int) -> int:
    """First row shown of a plan that is longer than the screen: the newest run to begin stays in view."""
    active = max((place for place, run in enumerate(runs) if run.status != "waiting"), default=0)
    return max(0, min(active - rows // 2, len(runs) - rows))


def _current_run(progress: RunProgress, epochs: int, width: int) -> list[Text | Table]:
    table = Table(box=None, padding=(0, 2 if width >= 66 else 1, 0, 0), header_style="bold")
    for heading in ("epoch", "train loss", "train %", "val loss", "val %", "lr", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in progress.epochs[-epochs:]:
        table.add_row(
            f"{record.epoch}/{progress.total_epochs}",
            f"{record.train_loss:.4f}",
            f"{record.train_accuracy:.2f}",
            f"{record.validation_loss:.4f}",
            f"{record.validation_accuracy:.2f}",
            f"{record.learning_rate:g}",
            f"{record.seconds:.1f}",
        )
    title = f"{_doing(progress)}  {printable(progress.note)}".strip()
    return [Text(title, style="bold", no_wrap=True, overflow="ellipsis"), table]


def _doing(progress: RunProgress) -> str:
    if progress.status == "probing":
        return "probing features"
    if progress.status in ("failed", "stopped"):
        return ""
    if progress.status != "running":
        return progress.status
    if not progress.step:
        return "starting"
    return "validating" if progress.step == progress.steps else f"step {progress.step}/{progress.steps}"


def _bar(progress: RunProgress, width: int) -> Text:
    """The share that is done, told by its signs and not by colour alone."""
    if progress.status == "reused":
        return Text("reused", style="dim")
    done = round(progress.share_done * width)
    _, style = MARKS[progress.status]
    return Text.assemble(("━" * done, style), ("╌" * (width - done), "dim"))


def _best(progress: RunProgress) -> str:
    return f"{max(r.validation_accuracy for r in progress.epochs):.2f}" if progress.epochs else ""


def _labels(plan: Plan) -> dict[str, str]:
    """What tells each run from the others: the swept values of the first cell it fills, and its seed."""
    labels = {cell.key: swept(cell.point.at) for cell in reversed(plan.cells)}
    return {run.key: labels.get(run.key, f"seed={run.profile.seed}") for run in plan.runs}
