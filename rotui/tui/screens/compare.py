"""Several runs side by side: their curves over each other, what differs between them, what they reached."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from rotui.errors import StoreError
from rotui.results.run_comparison import RunComparison, compare_runs
from rotui.store.listing import ListedRun
from rotui.store.past_runs import PastRun, read_run
from rotui.text import printable
from rotui.tui.charts.charting import Look
from rotui.tui.exporting import export_table
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.place import Place
from rotui.tui.run_sides import heads, run_looks, side_lines
from rotui.tui.widgets.chart import Chart, Series
from rotui.tui.widgets.side_by_side import SideBySide

MEASURES = {
    "validation": ("validation_accuracy", "validation_loss"),
    "training": ("train_accuracy", "train_loss"),
    "hold-out": ("holdout_accuracy", "holdout_loss"),
}
"""What the curves can show: the fields of an epoch with its accuracy and its loss."""


class CompareScreen(Place):
    """Follows runs that go on. A run keeps its colour and its sign."""

    within = "compare"
    DEFAULT_CSS = """
    CompareScreen {
        & #compare-curves { height: 1fr; min-height: 7; }
        & #compare-curves > Chart { width: 1fr; }
        & #compare-accuracy { margin-right: 2; }
        & #sides { max-height: 55%; scrollbar-size-vertical: 1; }
        & #compare-fault { padding: 0 1; height: auto; max-height: 3; }
        & #compare-fault.hidden { display: none; }
    }
    CompareScreen.-tiny #compare-loss { display: none; }
    CompareScreen.-tiny #compare-accuracy { margin-right: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="compare.back", tooltip="Back to all runs"),
        Binding("v", "measure", "Curves", id="compare.curves", tooltip="Validation, training or hold-out"),
        Binding("x", "export", "Export", id="compare.export", tooltip="The comparison as a file"),
    ]

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = frozenset(names)
        self._measure = "validation"
        self._shown: object = None
        self._comparison: RunComparison | None = None

    def compose_place(self) -> ComposeResult:
        """Curves above, the lines side by side below."""
        with Horizontal(id="compare-curves"):
            yield Chart(id="compare-accuracy")
            yield Chart(id="compare-loss")
        yield Static(id="compare-fault", classes="fault hidden", markup=False)
        yield SideBySide(id="sides")

    def on_mount(self) -> None:
        """The keys go to the lines."""
        self.set_focus(self.query_one("#sides"))

    def show(self, snapshot: Snapshot) -> None:
        """The curves as they are, and the lines anew where a run is another than it was."""
        self.console_app.feed.want(self._names)
        runs = tuple(run for run in snapshot.runs if run.name in self._names)
        looks = run_looks(runs)
        self._show_curves(snapshot, runs, looks)
        shown = (runs, [len(snapshot.epochs.get(run.name, ())) for run in runs])
        if shown != self._shown:
            self._shown = shown
            self._compare(runs, looks)

    def _show_curves(self, snapshot: Snapshot, runs: Sequence[ListedRun], looks: dict[str, Look]) -> None:
        for place, (chart, unit) in enumerate((("accuracy", "%"), ("loss", "nats"))):
            field = MEASURES[self._measure][place]
            series = []
            for run, head in zip(runs, heads(runs), strict=True):
                epochs = snapshot.epochs.get(run.name, ())
                points = [(epoch.epoch, getattr(epoch, field)) for epoch in epochs]
                points = [(x, y) for x, y in points if y is not None]
                colour, sign = looks[run.name]
                series.append(Series(head, [x for x, _ in points], [y for _, y in points], colour, sign))
            title = f"{self._measure} {chart}"
            self.query_one(f"#compare-{chart}", Chart).set_content(series, (), title, unit)

    def _compare(self, runs: tuple[ListedRun, ...], looks: dict[str, Look]) -> None:
        """Reads the runs and compares them off the event loop; of two readings the later counts."""
        folder, asked = self.console_app.workplace.runs_dir, self._shown

        def work() -> None:
            read: list[PastRun] = []
            fault = ""
            for run in runs:
                try:
                    read.append(read_run(folder / run.name))
                except StoreError as error:
                    fault = str(error)
            told = {run.name for run in read}
            kept = [run for run in runs if run.name in told]
            try:
                comparison = compare_runs(read)
            except Exception as error:  # noqa: BLE001  # told, whatever it is
                self.call_later(self._show_fault, asked, fault or str(error))
            else:
                self.call_later(self._show_sides, asked, kept, looks, comparison, fault)

        self.run_worker(work, thread=True, exit_on_error=False, group="compare")

    def _show_fault(self, asked: object, fault: str) -> None:
        if asked is self._shown and self.is_mounted:
            told = self.query_one("#compare-fault", Static)
            told.update(printable(fault))
            told.set_class(not fault, "hidden")

    def _show_sides(
        self,
        asked: object,
        runs: Sequence[ListedRun],
        looks: dict[str, Look],
        comparison: RunComparison,
        fault: str,
    ) -> None:
        if asked is not self._shown or not self.is_mounted:
            return
        self._comparison = comparison
        self._show_fault(asked, fault)
        named = [
            Text(f"{looks[run.name].sign} {head}", f"bold {looks[run.name].colour}")
            for run, head in zip(runs, heads(runs), strict=True)
        ]
        self.query_one("#sides", SideBySide).set_content(named, side_lines(comparison))

    def action_back(self) -> None:
        """Back to all runs, or from a pane that fills the screen to all panes."""
        if self.maximized is not None:
            self.minimize()
        else:
            self.dismiss()

    def action_measure(self) -> None:
        """The next of what the curves can show, hold-out only where images were held out."""
        snapshot = self.console_app.snapshot
        epochs = [epoch for name in self._names for epoch in snapshot.epochs.get(name, ())]
        choices = [m for m in MEASURES if any(getattr(epoch, MEASURES[m][0]) is not None for epoch in epochs)]
        if choices:
            at = choices.index(self._measure) if self._measure in choices else -1
            self._measure = choices[(at + 1) % len(choices)]
            self.show(snapshot)

    def action_export(self) -> None:
        """Writes the comparison, a row for each run."""
        comparison = self._comparison
        if comparison is not None:
            what = f"the comparison of {len(comparison.numbers)} runs"
            export_table(self, "rotui-comparison", what, _rows(comparison))


def _rows(comparison: RunComparison) -> Callable[[], list[dict[str, Any]]]:
    def rows() -> list[dict[str, Any]]:
        document = comparison.to_json()
        differing = {**document["settings"], **document["environment"]}
        return [
            {**numbers, **{key: values[place] for key, values in differing.items()}}
            for place, numbers in enumerate(document["runs"])
        ]

    return rows
