"""`rotui profiles`: lists the profiles there are, validates them, shows one resolved, prints their schema."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len

from rotui.cli.option_places import refuse_misplaced_options
from rotui.cli.options import AsJson, Set
from rotui.cli.terminal import line, print_json, say_error
from rotui.errors import ExitCode
from rotui.formats import images_trained
from rotui.profile.faults import ProfileError
from rotui.text import printable

if TYPE_CHECKING:
    from rotui.profile.finding import FoundProfile
    from rotui.profile.loading import Experiment
    from rotui.study.cost import Cost

app = typer.Typer(help="List, check and show profiles.", invoke_without_command=True)


@app.callback()
def profiles(context: typer.Context, as_json: AsJson = False) -> None:
    """List every profile with its runs and its cost in images, and what is wrong with those that are bad."""
    refuse_misplaced_options(context)
    if context.invoked_subcommand is not None:
        return
    from rotui.profile.loading import load_found_profiles

    loaded = load_found_profiles()
    if as_json:
        for found, outcome in loaded:
            print_json(_as_json(found, outcome))
        return
    rows = [("NAME", "ORIGIN", "RUNS", "IMAGES", "TITLE"), *(_row(*pair) for pair in loaded)]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    errors: list[tuple[str, ...]] = [(), *(_errors(outcome) for _, outcome in loaded)]
    for row, faults in zip(rows, errors, strict=True):
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False)]
        line("  ".join([*cells, row[-1]]).rstrip())
        for fault in faults:
            line(f"    {fault}")


@app.command()
def check(files: Annotated[list[str], typer.Argument(metavar="FILE", help="Paths or names.")]) -> None:
    """Validate profiles, with all they extend and every expansion of their sweeps."""
    from rotui.profile.loading import load_experiment

    bad = False
    for file in files:
        try:
            experiment = load_experiment(file)
        except ProfileError as error:
            say_error(error)
            bad = True
            continue
        runs, cost = _plan(experiment)
        line(f"{experiment.source}: ok, {_counted(runs, 'run')}, images trained: {images_trained(cost)}")
    if bad:
        raise typer.Exit(ExitCode.BAD_INPUT)


@app.command()
def show(
    profile: Annotated[str, typer.Argument(metavar="NAME", help="Name or path of a profile.")],
    settings: Set = None,
) -> None:
    """Print a profile as TOML with every setting resolved; what is printed is a profile again."""
    from rotui.profile.loading import dump_profile, load_experiment

    experiment = load_experiment(profile, settings or ())
    typer.echo(dump_profile(experiment.profile, experiment.axes), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of a profile file."""
    from rotui.profile.allowed import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _plan(experiment: "Experiment") -> "tuple[int, Cost]":
    from rotui.study.cost import plan_cost
    from rotui.study.planning import plan

    planned = plan(experiment.points)
    return len(planned.runs), plan_cost(planned)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _row(found: "FoundProfile", outcome: "Experiment | ProfileError") -> tuple[str, str, str, str, str]:
    name = printable(found.name, 40)
    origin = f"{found.origin}, hidden" if found.hidden else found.origin
    if isinstance(outcome, ProfileError):
        return name, origin, "-", "-", f"bad: {_counted(len(outcome.faults), 'fault')}"
    runs, cost = _plan(outcome)
    return name, origin, str(runs), images_trained(cost), printable(outcome.profile.title)


def _errors(outcome: "Experiment | ProfileError") -> tuple[str, ...]:
    return tuple(str(fault) for fault in outcome.faults) if isinstance(outcome, ProfileError) else ()


def _as_json(found: "FoundProfile", outcome: "Experiment | ProfileError") -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": found.name,
        "origin": found.origin,
        "path": str(found.path),
        "hidden": found.hidden,
        "errors": list(_errors(outcome)),
    }
    if not isinstance(outcome, ProfileError):
        runs, cost = _plan(outcome)
        values |= {
            "title": outcome.profile.title,
            "runs": runs,
            "trained_images": cost.trained if cost.known else None,
            "evaluated_images": cost.evaluated if cost.known else None,
            "sweep": dict(outcome.axes),
        }
    return values
