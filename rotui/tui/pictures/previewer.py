"""From what the place Preview is asked for to pictures with captions, all of it off the event loop."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from rotui.errors import RotuiError, StoppedError
from rotui.formats import swept
from rotui.profile.loading import load_experiment
from rotui.store.past_runs import read_run
from rotui.text import printable
from rotui.tui.pictures.previewed import Asked, Failed, Shown, Subject, Task

if TYPE_CHECKING:
    from rotui.data.loading import Datasets
    from rotui.engine.preview import Mistake
    from rotui.study.planning import PlannedRun
    from rotui.tui.pictures.half_blocks import Pixels
    from rotui.tui.workplace import Workplace

MISTAKES = 60
"""How many of a run's mistakes are shown."""

TASKS: dict[Task, str] = {"pretrain": "pre-training", "classifier": "classifier"}


@dataclass
class Previewer:
    """Loads what is asked for, keeping the data between two times. `tell` is told what takes long, from a
    thread; `gives_up` is asked whether nobody waits for a subject's pictures any more."""

    workplace: "Workplace"
    tell: Callable[[str], None]
    gives_up: Callable[[Asked], bool]
    _datasets: "Datasets | None" = field(default=None, init=False)
    _asked: Asked = field(default=Asked(Subject()), init=False)

    def load(self, asked: Asked) -> Shown | Failed:
        """The pictures, or why there are none, whatever went wrong. Raises StoppedError where it gave up."""
        self._asked = asked
        try:
            return self._load(asked)
        except StoppedError:
            raise
        except RotuiError as error:
            return Failed(asked, "\n".join(printable(line) for line in str(error).splitlines()))
        except Exception as error:  # noqa: BLE001  # told in the place, which would wait for ever otherwise
            return Failed(asked, f"{type(error).__name__}: {printable(error)}")

    def forget(self) -> None:
        """Has the data looked for anew."""
        self._datasets = None

    def _load(self, asked: Asked) -> Shown:
        datasets = self._datasets
        if datasets is None:
            self.tell("loading PyTorch and the pictures")
            from rotui.data.loading import Datasets

            datasets = Datasets(self.workplace.data_dir, progress=self._decoded, stop=self._stopped)
            self._datasets = datasets
        if asked.mistakes:
            return self._mistakes(asked, datasets)
        if asked.subject.run:
            return self._of_run(asked, datasets)
        return self._of_profile(asked, datasets)

    def _of_profile(self, asked: Asked, datasets: "Datasets") -> Shown:
        from rotui.previewing import previewed_runs  # torch: about three seconds

        experiment = load_experiment(asked.subject.profile)
        points = experiment.points
        number = min(max(0, asked.point), len(points) - 1)
        runs = previewed_runs(points[number])
        task = asked.task if asked.task in runs else next(iter(runs))
        title = study = printable(experiment.profile.name, 64)
        if len(points) > 1:
            title += f" {number + 1}/{len(points)} {swept(points[number].at)}"
        asked = replace(asked, point=number, task=task)
        shown = self._batch(asked, runs[task], f"{title} · {TASKS[task]}", datasets)
        return replace(shown, study=study, points=len(points), tasks=tuple(runs))

    def _of_run(self, asked: Asked, datasets: "Datasets") -> Shown:
        from rotui.previewing import planned_run, task_of

        past = read_run(self._path(asked))
        run = planned_run(past)
        task = task_of(run)
        title = f"run {past.number} · {run.stage.title}"
        return replace(self._batch(replace(asked, task=task), run, title, datasets), tasks=(task,))

    def _batch(self, asked: Asked, run: "PlannedRun", title: str, datasets: "Datasets") -> Shown:
        from rotui.engine.preview import steps_of
        from rotui.previewing import batch, treatment

        splits = datasets.splits(run)
        shown = batch(run, splits, asked.epoch, asked.step, validation=asked.validation)
        epochs, steps = run.profile.epochs(run.stage_name), steps_of(run, splits, validation=asked.validation)
        facts = (
            "validation" if asked.validation else "training",
            f"step {shown.step}/{steps}",
            f"epoch {shown.epoch}/{epochs}",
        )
        return Shown(
            wanted=self._asked,
            asked=replace(asked, epoch=shown.epoch, step=shown.step),
            study=printable(run.profile.name, 64),
            title=f"{title} · {treatment(run, validation=asked.validation)}",
            facts=facts,
            pictures=shown.images,
            captions=[(Text(printable(caption, 100)),) for caption in shown.captions],
            epochs=epochs,
            steps=steps,
        )

    def _mistakes(self, asked: Asked, datasets: "Datasets") -> Shown:
        from rotui.engine.device import resolve_device
        from rotui.previewing import mistakes_of, planned_run

        past = read_run(self._path(asked))
        run = planned_run(past)
        splits, device = datasets.splits(run), resolve_device(self.workplace.device)
        found = mistakes_of(past, splits, device, MISTAKES, self._stopped, self._judged)
        facts = (
            f"{found.mistakes} of {found.images} wrong",
            "is / taken for, surest first",
            *(() if found.same_data else ("THE DATA HAS CHANGED SINCE",)),
        )
        size = run.profile.data.image_size
        return Shown(
            wanted=asked,
            asked=asked,
            study=printable(past.study, 64),
            title=f"mistakes of run {past.number} · {run.stage.title} · {printable(past.profile.name, 64)}",
            facts=facts,
            pictures=_stacked([mistake.image for mistake in found.shown], size),
            captions=[_verdict(mistake) for mistake in found.shown],
        )

    def _path(self, asked: Asked) -> Path:
        return self.workplace.runs_dir / asked.subject.run

    def _stopped(self) -> bool:
        return self.gives_up(self._asked)

    def _decoded(self, done: int, total: int) -> None:
        self.tell(f"decoding the pictures, once: {done} of {total}")

    def _judged(self, done: int, total: int) -> None:
        self.tell(f"looking for mistakes: {done} of {total} pictures")


def _verdict(mistake: "Mistake") -> tuple[Text, ...]:
    sure = min(int(100 * mistake.confidence), 99)
    return (
        Text(f"is {printable(mistake.truth, 100)}"),
        Text.assemble((f"{sure} % {printable(mistake.predicted, 100)}", "bold")),
    )


def _stacked(pictures: "list[Pixels]", size: int) -> "Pixels":
    import numpy as np

    return np.stack(pictures) if pictures else np.zeros((0, size, size, 3), dtype=np.uint8)
