"""`--dry-run`: the plan as a numbered table with what each run starts from and how long it will take."""

from collections.abc import Collection, Mapping

from rich.text import Text

from rotui.cli.columns import Column, fitting, plain_table
from rotui.cli.terminal import line, out, print_json, say
from rotui.formats import images_trained, swept
from rotui.store.bench_figures import kept_figures
from rotui.store.past_runs import PastRun
from rotui.study.cost import plan_cost, run_cost
from rotui.study.estimate import Estimate, Estimator, estimate_text
from rotui.study.machine import Machine
from rotui.study.planning import Plan, PlannedRun


def print_plan(
    plan: Plan,
    finished: Mapping[str, PastRun],
    as_json: bool,
    *,
    measured: Collection[PastRun] | None = None,
    device: str = "auto",
) -> None:
    """Writes the plan to stdout; runs that are `finished`, by content key, say where.

    The time that the others will take on `device`, as `--device` names it, is estimated from the runs in
    `measured`, or else from those that are finished, and where none is like them from `rotui bench`.
    """
    left = [run for run in plan.runs if run.key not in finished]
    kept = kept_figures()
    if kept.fault:
        say(kept.fault, style="yellow")
    past = finished.values() if measured is None else measured
    estimator = Estimator(past, Machine.here(device), kept.figures)
    estimates = {run.key: estimate for run in left if (estimate := estimator.of_run(run)) is not None}
    labels = {cell.key: swept(cell.point.at) for cell in reversed(plan.cells)}
    if as_json:
        for number, run in enumerate(plan.runs, start=1):
            print_json(_values(number, run, plan, finished, estimates))
        return
    pasts = [finished.get(run.key) for run in plan.runs]
    columns = [
        Column("#", [str(number) for number in range(1, len(plan.runs) + 1)]),
        Column("stage", [run.stage.title for run in plan.runs], justify="left"),
        Column("at", [labels.get(run.key, "") for run in plan.runs], justify="left"),
        Column("starts from", [_start(run, plan) for run in plan.runs], justify="left"),
        Column("epochs", [str(run.profile.epochs(run.stage_name)) for run in plan.runs], rank=2),
        Column("images", [images_trained(run_cost(run)) for run in plan.runs], rank=3),
    ]
    if any(pasts):
        numbers = [f"no. {past.number}" if past else "" for past in pasts]
        columns.append(Column("finished", numbers, rank=1, justify="left"))
    if not any(columns[2].cells):
        del columns[2]
    shown, dropped = fitting(columns, out.width)
    table = plain_table(shown)
    for column in table.columns:
        column.vertical = "top"
        if str(column.header) == "at":
            column.no_wrap, column.overflow = False, "fold"
    out.print(table)
    images = images_trained(plan_cost(Plan(tuple(left), ())))
    reused = len(plan.runs) - len(left)
    line(f"{len(plan.runs)} runs, {reused} finished before, {images} images to train on")
    if estimates:
        out.print(Text(estimate_text(estimates.values(), len(left))))
    if dropped:
        say(f"not shown for want of room: {', '.join(dropped)} (--json has all)", style="dim")


def _start(run: PlannedRun, plan: Plan) -> str:
    return f"run {plan.number(run.parent)}" if run.parent else "random weights"


def _values(
    number: int,
    run: PlannedRun,
    plan: Plan,
    finished: Mapping[str, PastRun],
    estimates: Mapping[str, Estimate],
) -> dict[str, object]:
    past = finished.get(run.key)
    cost = run_cost(run)
    estimate = estimates.get(run.key, Estimate(0.0, ()) if past else None)
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
        "seconds": round(estimate.seconds, 1) if estimate else None,
        "seconds_from": list(estimate.measured) if estimate else [],
        "seconds_from_bench": estimate.benched if estimate else False,
        "finished": past.name if past else None,
    }
