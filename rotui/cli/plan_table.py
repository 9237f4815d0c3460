"""`--dry-run`: the plan as a numbered table with what each run starts from."""

from collections.abc import Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from rotui.cli.formats import count, swept
from rotui.cli.terminal import line, out, print_json
from rotui.store.past_runs import PastRun
from rotui.study.cost import Cost, plan_cost, run_cost
from rotui.study.planning import Plan, PlannedRun
from rotui.text import printable


def print_plan(plan: Plan, finished: Mapping[str, PastRun], as_json: bool) -> None:
    """Writes the plan to stdout; runs that are `finished`, by content key, say where."""
    labels = {cell.key: swept(cell.point.at) for cell in reversed(plan.cells)}
    if as_json:
        for number, run in enumerate(plan.runs, start=1):
            print_json(_values(number, run, plan, finished))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for heading in ("#", "stage", "at", "starts from", "epochs", "images", ""):
        table.add_column(heading, justify="right" if heading in ("#", "epochs", "images") else "left")
    for number, run in enumerate(plan.runs, start=1):
        past = finished.get(run.key)
        table.add_row(
            str(number),
            Text(run.stage.title),
            Text(labels.get(run.key, "")),
            f"run {plan.number(run.parent)}" if run.parent else "random weights",
            str(run.profile.epochs(run.stage_name)),
            _images(run_cost(run)),
            Text(f"finished: {printable(past.name)}" if past else ""),
        )
    out.print(table)
    reused = sum(run.key in finished for run in plan.runs)
    line(f"{len(plan.runs)} runs, {reused} finished before, {_images(plan_cost(plan))} images trained in all")


def _images(cost: Cost) -> str:
    return count(cost.trained) if cost.known else "?"


def _values(number: int, run: PlannedRun, plan: Plan, finished: Mapping[str, PastRun]) -> dict[str, object]:
    past = finished.get(run.key)
    cost = run_cost(run)
    return {
        "run": number,
        "key": run.key,
        "stage": run.stage_name,
        "seed": run.profile.seed,
        "at": [dict(cell.point.at) for cell in plan.cells if cell.key == run.key],
        "starts_from": plan.number(run.parent) if run.parent else None,
        "epochs": run.profile.epochs(run.stage_name),
        "images_trained": cost.trained if cost.known else None,
        "images_evaluated": cost.evaluated if cost.known else None,
        "finished": past.name if past else None,
    }
