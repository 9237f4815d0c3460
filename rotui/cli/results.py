"""`rotui results`: what was measured beside what was published."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotui.cli.options import AsJson, RunsDir, Set
from rotui.cli.terminal import line, out, print_json, say
from rotui.errors import InputError

if TYPE_CHECKING:
    from rotui.study.records import RunResult


class Format(StrEnum):
    """How the comparison is written."""

    TABLE = "table"
    CSV = "csv"
    MARKDOWN = "markdown"


def finished_results(runs_dir: Path) -> dict[str, "RunResult"]:
    """Results of the newest finished run of each content key; what cannot be read is told on stderr."""
    from rotui.store.past_runs import read_runs

    runs, unreadable = read_runs(runs_dir)
    for message in unreadable:
        say(f"rotui: left out: {message}", style="yellow")
    return {run.key: run.result for run in runs if run.result is not None}


def results(
    profiles: Annotated[list[str], typer.Argument(metavar="PROFILE", help="Profiles, by name or path.")],
    settings: Set = None,
    output: Annotated[
        Format | None, typer.Option("--format", help="How the comparison is written. [default: table]")
    ] = None,
    as_json: AsJson = False,
    detail: Annotated[
        bool, typer.Option("--detail", help="Also the accuracy of each class and of frozen features.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="The study scaled to N images of each split.")
    ] = 0,
    epochs: Annotated[int, typer.Option("--epochs", min=0, help="The study scaled to N epochs.")] = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Lay finished runs beside the published numbers."""
    from rotui.cli.comparison_table import print_comparison, print_details
    from rotui.profile.loading import load_experiment
    from rotui.results.detail import class_accuracies, probe_rows
    from rotui.results.experiment import compare_experiment
    from rotui.results.export import to_csv, to_json, to_markdown
    from rotui.store.location import runs_directory
    from rotui.study.planning import plan

    if as_json and output is not None:
        raise InputError("--json: cannot go together with --format (one of the two)")
    if detail and output is Format.CSV:
        raise InputError("--detail: a CSV holds one table (--format table or markdown, or --json)")
    experiments = [load_experiment(name, settings or (), limit=limit, epochs=epochs) for name in profiles]
    finished = finished_results(runs_directory(runs_dir))
    plans = [plan(experiment.points) for experiment in experiments]
    comparisons = [
        compare_experiment(experiment, planned, finished)
        for experiment, planned in zip(experiments, plans, strict=True)
    ]
    if output is Format.CSV:
        out.file.write(to_csv(comparisons))
        return
    for number, (comparison, planned) in enumerate(zip(comparisons, plans, strict=True)):
        classes = class_accuracies(planned, finished) if detail else ()
        probes = probe_rows(planned, finished) if detail else ()
        if as_json:
            details = (classes, probes) if detail else (None, None)
            print_json(to_json(comparison, *details))
            continue
        if number:
            line("")
        if output is Format.MARKDOWN:
            out.file.write(to_markdown(comparison, classes, probes))
        else:
            print_comparison(comparison)
            print_details(classes, probes)
