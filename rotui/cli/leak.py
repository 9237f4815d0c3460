"""`rotui leak`: how much of a profile's pretext task can be solved on pure noise."""

from typing import TYPE_CHECKING, Annotated

import typer

from rotui.cli.options import AsJson, Set
from rotui.cli.terminal import out, print_json, talk

if TYPE_CHECKING:
    from rotui.engine.leak import Leak
    from rotui.profile.schema import Profile
    from rotui.study.floor import Floor

STEPS = 300


def leak(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="Profile, by name or path.")
    ] = "pretraining",
    settings: Set = None,
    steps: Annotated[int, typer.Option("--steps", min=10, max=100_000, help="Training steps.")] = STEPS,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure how well a small network tells the rotation of noise, which no content gives away.

    What it gets right above chance leaks through empty corners and resampling. Try the remedies with --set
    rotation.corners=disc, rotation.jitter, rotation.interpolation=bilinear and rotation.low_pass.
    """
    from rotui.profile.loading import load_experiment
    from rotui.study.floor import rotation_floor

    experiment = load_experiment(profile, settings or ())
    different = {(p.profile.rotation, p.profile.data, p.profile.seed): p.profile for p in experiment.points}
    rows = [
        (each, rotation_floor(each.rotation), measured)
        for each, measured in _measure(list(different.values()), steps, device)
    ]
    if as_json:
        for each, floor, measured in rows:
            print_json(_values(each, floor, measured))
    else:
        _print(rows)


def _measure(profiles: "list[Profile]", steps: int, device: str) -> "list[tuple[Profile, Leak]]":
    from rich.progress import Progress

    from rotui.cli.interrupt import stop_on_signals

    with stop_on_signals() as stop:
        with talk.status("loading PyTorch"):
            from rotui.engine.device import apply_compute_settings, resolve_device
            from rotui.engine.leak import measure_leak
        place = resolve_device(device)
        measured = []
        with Progress(console=talk, transient=True, disable=not talk.is_terminal) as progress:
            for profile in profiles:
                apply_compute_settings(profile.compute)
                task = progress.add_task(f"{profile.rotation.count} rotations of noise", total=steps)
                training = measure_leak(profile, place, steps=steps, stop=stop)
                while True:
                    try:
                        progress.update(task, completed=next(training))
                    except StopIteration as end:
                        measured.append((profile, end.value))
                        break
        return measured


def remedies(profile: "Profile") -> str:
    """The rotation settings that differ from the published ones."""
    from rotui.profile.schema import RotationSettings

    published = RotationSettings(count=profile.rotation.count).model_dump()
    changed = {key: value for key, value in profile.rotation.model_dump().items() if value != published[key]}
    return " ".join(f"{key}={value}" for key, value in changed.items()) or "as published"


def _print(rows: "list[tuple[Profile, Floor, Leak]]") -> None:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        title="accuracy on noise, percent",
        title_justify="left",
        caption="leak: what a small network gets right on noise; outline: what empty corners alone tell",
        caption_justify="left",
    )
    for heading in ("rotations", "chance", "outline", "leak", "pipeline"):
        table.add_column(heading, justify="left" if heading == "pipeline" else "right")
    for profile, floor, measured in rows:
        table.add_row(
            str(measured.rotations),
            f"{measured.chance:.1f}",
            f"{floor.outline_percent:.1f}",
            f"{measured.accuracy:.1f} ± {measured.standard_error:.1f}",
            f"{measured.size} px, {remedies(profile)}",
        )
    out.print(table)


def _values(profile: "Profile", floor: "Floor", measured: "Leak") -> dict[str, object]:
    return {
        "rotations": measured.rotations,
        "size": measured.size,
        "steps": measured.steps,
        "images": measured.images,
        "chance": measured.chance,
        "outline_floor": floor.outline_percent,
        "leak": measured.accuracy,
        "standard_error": measured.standard_error,
        "rotation": profile.rotation.model_dump(mode="json"),
    }
