"""`rotui preview`: a batch as a profile's network will see it, saved as one picture."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rotui.cli.options import DataDir, Set
from rotui.cli.terminal import line, say
from rotui.errors import InputError


class Stage(StrEnum):
    """Whose pictures: all classifiers of a profile see the same."""

    PRETRAIN = "pretrain"
    CLASSIFIER = "classifier"


def preview(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="Profile, by name or path.")],
    save: Annotated[Path, typer.Option("--save", metavar="FILE", help="Image file to write: .png or .jpg.")],
    settings: Set = None,
    stage: Annotated[
        Stage | None, typer.Option("--stage", help="[default: the first that the profile has]")
    ] = None,
    validation: Annotated[
        bool, typer.Option("--validation", help="Pictures it is judged on, not trained on.")
    ] = False,
    epoch: Annotated[int, typer.Option("--epoch", min=1, help="Which epoch.")] = 1,
    step: Annotated[int, typer.Option("--step", min=1, help="Which step of the epoch.")] = 1,
    count: Annotated[int, typer.Option("--count", min=1, help="How many pictures at most.")] = 64,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a file of that name.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Save a batch as the network will see it: the very pictures of a step, cropped, flipped and turned.

    Under each stands what is to be learnt of it. Of a profile with a sweep the first point is shown: choose
    another with --set.
    """
    from rotui.cli.decoding_progress import decoding_progress
    from rotui.cli.interrupt import stop_on_signals
    from rotui.data.location import data_directory
    from rotui.profile.loading import load_experiment

    experiment = load_experiment(profile, settings or ())
    with stop_on_signals() as stop, decoding_progress() as decoding:
        from rotui.contact_sheet import save_sheet
        from rotui.data.loading import Datasets
        from rotui.previewing import batch, previewed_runs, treatment

        runs = previewed_runs(experiment.points[0])
        if stage is not None and stage.value not in runs:
            raise InputError(f"--stage: the profile has no {stage.value} ({' or '.join(runs)})")
        task, run = next(pair for pair in runs.items() if stage is None or pair[0] == stage.value)
        splits = Datasets(data_directory(data_dir), progress=decoding, stop=stop).splits(run)
        seen = batch(run, splits, epoch, step, validation=validation)
    save_sheet(seen.images[:count], seen.captions[:count], 8, save, replace=replace)
    split = "validation" if validation else "training"
    say(f"{task}, {split}, epoch {seen.epoch}, step {seen.step} of {seen.steps}")
    say(f"each picture: {treatment(run, validation=validation)}")
    line(str(save))
