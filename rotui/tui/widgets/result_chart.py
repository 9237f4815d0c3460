"""The chart of an experiment: one of bars, curves and accuracy against labels at a time."""

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from rotui.results.comparison_columns import SHORT_TITLES
from rotui.results.rows import Row
from rotui.study.records import EpochRecord
from rotui.tui.charts.result_charts import (
    TITLES,
    ChartKind,
    accuracy_bars,
    label_curves,
    point_of,
    stage_curves,
    sweep_curves,
    swept_short,
)
from rotui.tui.comparison_view import ComparisonView
from rotui.tui.tables.result_table import swept_header, swept_keys
from rotui.tui.widgets.bars import Bars
from rotui.tui.widgets.chart import Chart


class ResultChart(Vertical):
    """Shows the chart that is asked for and keeps the others' zoom."""

    DEFAULT_CSS = """
    ResultChart {
        height: 1fr;
        & > .unseen { display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        """All of them, of which one is seen."""
        yield Bars(id="result-bars")
        yield Chart(id="result-curves", classes="unseen")
        yield Chart(id="result-sweep", classes="unseen")
        yield Chart(id="result-labels", classes="unseen", x_label="labels per class", log_x=True)

    def show(
        self,
        view: ComparisonView,
        kind: ChartKind,
        row: Row | None,
        live: Mapping[str, Sequence[EpochRecord]],
    ) -> None:
        """Shows one kind of chart; curves are those that belong to `row`."""
        for child in self.children:
            child.set_class(child.id != f"result-{kind}", "unseen")
        if kind == "bars":
            self.query_one(Bars).show(accuracy_bars(view), TITLES[kind])
            return
        chart = self.query_one(f"#result-{kind}", Chart)
        if kind == "curves":
            at = point_of(view, row)
            title = ", ".join(filter(None, [TITLES[kind], swept_short(at)]))
            chart.set_content(stage_curves(view, live, at), (), title, "%")
        elif kind == "sweep":
            stage = row.stage if row is not None else view.comparison.rows[0].stage
            by = ", ".join(map(swept_header, swept_keys(view.comparison)))
            title = f"{SHORT_TITLES[stage]}, by {by}"
            chart.set_content(sweep_curves(view, live, stage), (), title, "%")
        else:
            chart.set_content(label_curves(view), (), TITLES[kind], "%")
