"""`rotui data`: what datasets are there, fetching them, clearing what was decoded."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

import typer

from rotui.cli.option_places import refuse_misplaced_options
from rotui.cli.options import AsJson, DataDir
from rotui.cli.terminal import line, out, print_json, say
from rotui.errors import InputError
from rotui.text import megabytes, printable

if TYPE_CHECKING:
    from rotui.data.overview import DatasetState

app = typer.Typer(
    help="Show which datasets are there and where; fetch them; clear decoded images.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_REMARKS = {
    "not decoded": "images are decoded when they are first used",
    "outdated": "files changed since they were decoded; they are decoded again when next used",
    "damaged": "the decoded images are incomplete; they are decoded again when next used",
    "missing": "`rotui data fetch cifar10`, `rotui data fetch imagenette --variant 320px`",
}


@app.callback(invoke_without_command=True)
def data(context: typer.Context, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Shows each dataset: where it was found, its images, its caches and whether it can be trained on."""
    refuse_misplaced_options(context)
    if context.invoked_subcommand is not None:
        return
    from rotui.data.location import data_directory
    from rotui.data.overview import overview

    directory = data_directory(data_dir)
    states = overview(directory)
    if as_json:
        for state in states:
            print_json(asdict(state))
        return
    line(f"data directory: {printable(directory.absolute())}")
    _print_table(states)
    for state in states:
        if state.state == "unfit":
            say(printable(state.problem.replace("\n", " "), 2000))
    for word, remark in _REMARKS.items():
        if any(state.state == word for state in states):
            say(f"{word}: {remark}")


@app.command("fetch")
def fetch_dataset(
    name: Literal["cifar10", "imagenette"] = typer.Argument(help="The dataset to download."),
    variant: Literal["160px", "320px", "full"] | None = typer.Option(
        None, help="Which Imagenette. [default: 320px]"
    ),
    data_dir: DataDir = None,
) -> None:
    """Downloads a dataset through torchvision into the data directory."""
    if variant is not None and name != "imagenette":
        raise InputError(f"--variant: {name} has none (imagenette has 160px, 320px and full)")
    from rotui.data.fetching import fetch
    from rotui.data.location import data_directory

    directory = data_directory(data_dir)
    say(f"fetching {name} into {printable(directory.absolute())}")

    target, fetched = fetch(name, variant or "320px", directory)
    line(f"{'fetched' if fetched else 'already there'}: {printable(target.absolute())}")


@app.command("clear")
def clear(data_dir: DataDir = None) -> None:
    """Removes the caches of decoded images; they are built again when needed."""
    from rotui.data.cache import clear_caches
    from rotui.data.location import data_directory

    freed, busy = clear_caches(data_directory(data_dir))
    line(f"removed {megabytes(freed)} of decoded images")
    for name in busy:
        say(f"left {printable(name)}: another process is building it")


def _print_table(states: "list[DatasetState]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("dataset", "state", "images", "decoded", "found at"):
        table.add_column(title, justify="right" if title in ("images", "decoded") else "left")
    styles = {"ready": "green", "missing": "dim", "unfit": "bold red"}
    for state in states:
        table.add_row(
            Text(state.dataset),
            Text(state.state, style=styles.get(state.state, "")),
            Text(f"{state.images:,}" if state.images else "-"),
            Text(megabytes(state.cache_bytes) if state.cache_bytes else "-"),
            Text(printable(state.found) or "-", overflow="fold"),
        )
    out.print(table)
