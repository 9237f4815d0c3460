"""Options that several commands share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

from rotui.cli.option_places import value_or_from_before

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        readable=False,
        envvar="ROTUI_DATA",
        callback=value_or_from_before,
        show_envvar=True,
        help="Directory that holds the datasets.",
    ),
]
RunsDir = Annotated[
    Path | None,
    typer.Option(
        "--runs-dir",
        readable=False,
        envvar="ROTUI_RUNS",
        callback=value_or_from_before,
        show_envvar=True,
        help="Directory of the runs. [default: ./runs]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, one object a line.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE[,VALUE...]",
        help="Set a profile key; several values or range(0,5) sweep over them. May be repeated.",
    ),
]
Limit = Annotated[
    int,
    typer.Option(
        "--limit", min=0, help="Keep N images of each split, 0: as the profile says; marks results as scaled."
    ),
]
Epochs = Annotated[
    int,
    typer.Option(
        "--epochs", min=0, help="Train N epochs a stage, 0: as the profile says; marks results as scaled."
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
AllowInexact = Annotated[
    bool, typer.Option("--allow-inexact", help="Go on with runs begun in another environment; marks them.")
]
CheckpointSeconds = Annotated[
    float, typer.Option("--checkpoint-seconds", min=0, help="Least time between two checkpoints.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        max=64,
        help="Runs trained at once. [default: on a GPU one more as long as that raises the total speed and "
        "memory allows, up to 16; on the CPU 1, where more only pay with compute.threads=1 and one a core]",
    ),
]
