"""`rotui bench`: how fast this machine trains, and how long the profiles would take on it."""

import platform
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rotui.cli.options import AsJson, DataDir, Device
from rotui.cli.terminal import say, talk
from rotui.errors import ExitCode

if TYPE_CHECKING:
    from rotui.benchmark.cases import Case
    from rotui.benchmark.choosing import Wanted
    from rotui.benchmark.running import Measured
    from rotui.cli.interrupt import StopRequest
    from rotui.profile.schema import Architecture, Precision


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
            "--stage", metavar="S[,S...]", help="pretrain trains everything, finetune layer4 and fc."
        ),
    ] = "pretrain,finetune",
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
    trained the like.
    """
    from rotui.benchmark import choosing
    from rotui.benchmark.recording import check_record
    from rotui.cli.interrupt import stop_on_signals

    wanted = choosing.Wanted(
        networks=cast("tuple[Architecture, ...]", choosing.words("--network", network, choosing.NETWORKS)),
        sizes=choosing.numbers("--size", size, 8, 512),
        precisions=cast(
            "tuple[Precision, ...]",
            choosing.words("--precision", precision, choosing.PRECISIONS) if precision else (),
        ),
        stages=choosing.words("--stage", stage, choosing.STAGE_KINDS),  # type: ignore[arg-type]  # checked
        jobs=choosing.numbers("--jobs", jobs, 1, choosing.MOST_JOBS) if jobs else (),
        batch=batch,
        steps=steps,
        threads=threads,
        baseline=baseline,
        scaling=scaling,
    )
    if record is not None:
        check_record(record)
    with stop_on_signals() as stop, ExitStack() as leftovers:
        failed = _measure_and_report(wanted, repeats, device, record, data_dir, as_json, stop, leftovers)
    if failed:
        raise typer.Exit(ExitCode.RUN_FAILED)


def _measure_and_report(
    wanted: "Wanted",
    repeats: int,
    device: str,
    record: Path | None,
    data_dir: Path | None,
    as_json: bool,
    stop: "StopRequest",
    leftovers: ExitStack,
) -> bool:
    """Whether a case failed."""
    from rotui.benchmark.choosing import scaling_cases, usual_cases
    from rotui.benchmark.forecast import forecasts
    from rotui.benchmark.recording import add_to_record
    from rotui.benchmark.running import look_at
    from rotui.benchmark.summary import figures_of, rows_of
    from rotui.cli import bench_tables
    from rotui.cli.command_line import pasteable, same_command
    from rotui.store.bench_figures import keep_figures, kept_figures
    from rotui.study.machine import Machine

    with talk.status("looking at the device"):
        place = look_at(device, wanted.threads, stop)
    groups = scaling_cases(wanted, place) if wanted.scaling else {"": usual_cases(wanted, place)}
    cases = _with_pictures([case for each in groups.values() for case in each], data_dir, stop, leftovers)
    different = list(dict.fromkeys(cases))
    measured = _measure(different, repeats, stop)
    rows = {row.case: row for row in rows_of(measured)}
    if as_json:
        bench_tables.print_rows_as_json(list(rows.values()), place)
    elif wanted.scaling:
        bench_tables.print_scaling(groups, rows, place)
    else:
        bench_tables.print_rows(list(rows.values()), place)
    for each in measured:
        if each.failure:
            say(f"rotui: {each.case.name}: {each.failure}", style="red")
    if record is not None:
        add_to_record(record, rows.values(), place, pasteable(_command(same_command())))
    if told := keep_figures(figures_of(measured, place, platform.node())):
        say(told, style="yellow")
    told_of = forecasts(kept_figures().figures, Machine(platform.node(), place.threads, place.device))
    bench_tables.print_forecasts(told_of, as_json)
    return any(each.failure for each in measured)


def _command(started_by: list[str]) -> list[str]:
    """The command as anybody can give it, without where Python lies here."""
    return ["rotui", *started_by[started_by.index("bench") :]] if "bench" in started_by else started_by


def _with_pictures(
    cases: "list[Case]", data_dir: Path | None, stop: "StopRequest", leftovers: ExitStack
) -> "list[Case]":
    """The same cases, those of the plain loop with where it finds its pictures; made-up ones are gone when
    `leftovers` is closed."""
    from dataclasses import replace

    from rotui.benchmark.running import ask
    from rotui.data.location import data_directory

    if not any(case.kind == "plain loop" for case in cases):
        return cases
    official = str(data_directory(data_dir).absolute())
    found = any(case.size == 32 for case in cases) and ask({"cifar10": official}, stop)["found"]
    root = Path(leftovers.enter_context(tempfile.TemporaryDirectory(prefix="rotui-bench-")))
    placed = []
    for case in cases:
        if case.kind != "plain loop":
            placed.append(case)
        elif found and case.size == 32:
            placed.append(replace(case, data_dir=official))
        else:
            folder = root / str(case.size)
            if not folder.exists():
                ask({"pictures": str(folder), "size": case.size}, stop)
            placed.append(replace(case, folder=str(folder)))
    return placed


def _measure(cases: "list[Case]", repeats: int, stop: "StopRequest") -> "list[Measured]":
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
