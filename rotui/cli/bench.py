"""`rotui bench`: how fast this machine trains, and how long the profiles would take on it."""

import platform
import tempfile
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rotui.cli.options import AsJson, DataDir, Device
from rotui.cli.terminal import say, talk
from rotui.errors import ExitCode, StoreError

if TYPE_CHECKING:
    from rotui.benchmark.cases import Case, Place, StageKind
    from rotui.benchmark.choosing import Wanted
    from rotui.benchmark.running import Measured
    from rotui.cli.interrupt import StopRequest
    from rotui.profile.schema import Architecture, Precision
    from rotui.study.bench_figure import BenchFigure


def bench(
    network: Annotated[
        str, typer.Option("--network", metavar="NAME[,NAME...]", help="resnet10, 18, 34 or 50.")
    ] = "resnet18",
    size: Annotated[
        str, typer.Option("--size", metavar="PX[,PX...]", help="Height and width of the images.")
    ] = "32",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="P[,P...]",
            help="fp32, bf16. [default: fp32; with --baseline bf16 too where the device has it]",
            show_default=False,
        ),
    ] = "",
    stage: Annotated[
        str,
        typer.Option(
            "--stage",
            metavar="S[,S...]",
            help="pretrain trains everything, finetune layer4 and fc. "
            "[default: both; pretrain for --jobs and --scaling]",
            show_default=False,
        ),
    ] = "",
    batch: Annotated[int, typer.Option("--batch", min=2, max=65_536, help="Images in a step.")] = 128,
    steps: Annotated[
        int,
        typer.Option(
            "--steps",
            min=0,
            max=100_000,
            help="Steps that are timed; 0 is 10 on the CPU, fewer above 32 px, and 391 on CUDA.",
        ),
    ] = 0,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, max=1000, help="Rounds in which all cases are measured.")
    ] = 5,
    threads: Annotated[
        int, typer.Option("--threads", min=0, max=1024, help="CPU threads; 0 is one for each core.")
    ] = 0,
    device: Device = "auto",
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Time the plain torchvision loop as well; print the ratio.")
    ] = False,
    jobs: Annotated[
        str, typer.Option("--jobs", metavar="N[,N...]", help="Time N runs at once as well.")
    ] = "",
    scaling: Annotated[
        bool,
        typer.Option(
            "--scaling", help="Only measure how time grows with runs, image size, dataset size and seeds."
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE.csv", dir_okay=False, help="Add a row for each case."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure how fast this machine trains, on made-up images, and how long each profile would take.

    Every case has a process of its own, and the cases take turns, round after round; figures are medians of
    the rounds. "data" is the time that reading and preparing the same batches takes alone, as a share of the
    step. "floor" is the share of the step's time that its arithmetic would take at the rate of one large
    matrix product, and its weights' and Adam's traffic at that of one large copy, both measured right after
    it in the same process. Memory is the most that a process had resident, and for the plain loop what
    its workers have for themselves on top.

    --baseline times torchvision's own parts put together as tutorials do: CIFAR10 where the data directory
    has the official batches, else an ImageFolder of PNG files, a DataLoader with a worker for each core (8 at
    most), eager, fp32. Estimates in --dry-run and in the console come from these figures where no run has
    trained the like, or only far less of it; those of --scaling are not kept.
    """
    from rotui.benchmark import choosing
    from rotui.benchmark.forecast import forecasts
    from rotui.benchmark.recording import add_to_record, check_record
    from rotui.benchmark.running import look_at
    from rotui.benchmark.summary import figures_of, rows_of
    from rotui.cli import bench_tables
    from rotui.cli.command_line import pasteable, same_command
    from rotui.cli.interrupt import stop_on_signals
    from rotui.data.location import data_directory
    from rotui.store.bench_figures import kept_figures
    from rotui.study.machine import Machine

    wanted = choosing.Wanted(
        networks=cast("tuple[Architecture, ...]", choosing.words("--network", network, choosing.NETWORKS)),
        sizes=choosing.numbers("--size", size, 8, 512),
        precisions=cast(
            "tuple[Precision, ...]",
            choosing.words("--precision", precision, choosing.PRECISIONS) if precision else (),
        ),
        stages=cast(
            "tuple[StageKind, ...]", choosing.words("--stage", stage, choosing.STAGE_KINDS) if stage else ()
        ),
        jobs=choosing.numbers("--jobs", jobs, 1, choosing.MOST_JOBS) if jobs else (),
        batch=batch,
        steps=steps,
        threads=threads,
        baseline=baseline,
        scaling=scaling,
    )
    if record is not None:
        check_record(record)
    with stop_on_signals(headless=True) as stop:
        with talk.status("looking at the device"):
            place = look_at(device, wanted.threads, stop)
        groups, measured = _measured(wanted, place, repeats, data_directory(data_dir), stop)
    rows = {row.case: row for row in rows_of(measured)}
    if as_json:
        bench_tables.print_rows_as_json(groups, rows, place)
    elif scaling:
        bench_tables.print_scaling(groups, rows, place)
    else:
        bench_tables.print_rows(list(rows.values()), place)
    failures = [f"{each.case.name}: {each.failure}" for each in measured if each.failure]
    for failure in failures:
        say(f"rotui: {failure}", style="red")
    figures = [] if scaling else figures_of(measured, place, platform.node())
    _keep(figures)
    machine = Machine(platform.node(), place.threads, place.device)
    bench_tables.print_forecasts(forecasts((*kept_figures().figures, *figures), machine), as_json)
    if record is not None:
        add_to_record(record, rows.values(), place, pasteable(_command(same_command())))
    if failures:
        raise typer.Exit(ExitCode.RUN_FAILED)


def _keep(figures: "list[BenchFigure]") -> None:
    """Keeps the figures for estimates; where that cannot be, it is said, and what was measured still told."""
    from rotui.store.bench_figures import keep_figures

    if not figures:
        return
    try:
        told = keep_figures(figures)
    except StoreError as error:
        told = f"{error}: estimates do not know these figures"
    if told:
        say(told, style="yellow")


def _command(started_by: list[str]) -> list[str]:
    """The command as anybody can give it, without where Python lies here."""
    return ["rotui", *started_by[3 if started_by[1:3] == ["-m", "rotui"] else 1 :]]


def _measured(
    wanted: "Wanted", place: "Place", repeats: int, data_dir: Path, stop: "StopRequest"
) -> "tuple[dict[str, list[Case]], list[Measured]]":
    """The cases, by what grows where that is asked for, and what the rounds measured of them."""
    from rotui.benchmark.choosing import scaling_cases, usual_cases
    from rotui.benchmark.preparing import with_pictures

    if wanted.scaling:
        groups = scaling_cases(wanted, place)
        return groups, _rounds(list(dict.fromkeys(chain.from_iterable(groups.values()))), repeats, stop)
    with tempfile.TemporaryDirectory(prefix="rotui-bench-") as folder:
        cases = with_pictures(usual_cases(wanted, place), Path(folder), data_dir, stop)
        return {"": cases}, _rounds(cases, repeats, stop)


def _rounds(cases: "list[Case]", repeats: int, stop: "StopRequest") -> "list[Measured]":
    from rich.progress import Progress

    from rotui.benchmark.running import Step, measure_in_rounds

    with Progress(console=talk, transient=True, disable=not talk.is_terminal) as progress:
        task = progress.add_task("", total=repeats * len(cases))
        for each in measure_in_rounds(cases, repeats, stop):
            if not isinstance(each, Step):
                return each
            progress.update(task, completed=each.number - 1, total=each.total, description=each.name)
            if not talk.is_terminal:
                say(f"{each.number}/{each.total} {each.name}")
    return []
