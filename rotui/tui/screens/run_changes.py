"""What keys change of runs: off the event loop, told when it is safely on disk."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.binding import Binding, BindingType

from rotui.errors import RotuiError
from rotui.profile.loading import Experiment, load_experiment
from rotui.store.layout import PROFILE
from rotui.store.listing import ListedRun
from rotui.store.queue import Queue
from rotui.store.queue_entry import LONGEST_NOTE
from rotui.store.trash import delete_runs, restore_runs
from rotui.text import printable
from rotui.tui.place import Place
from rotui.tui.queueing import queue_experiment
from rotui.tui.screens.run_dialogs import LineDialog

LONGEST_LINE = 2000
_MOST_NUMBERS = 8


class RunChanges(Place):
    """A place with runs to choose from: what its keys change of them, and the way back from deletions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "r",
            "rerun",
            "Rerun",
            id="runs.rerun",
            tooltip="Queue it anew as another run, with the pre-training it starts from",
        ),
        Binding(
            "R",
            "resume",
            "Resume",
            id="runs.resume",
            show=False,
            tooltip="Go on with what failed, was stopped, held or cancelled",
        ),
        Binding("d", "delete", "Delete", id="runs.delete", tooltip="Move it to the trash"),
        Binding("u", "undo", "Undo", id="runs.undo", show=False, tooltip="Bring back what was deleted last"),
        Binding("n", "note", "Note", id="runs.note", show=False, tooltip="Write a note to it"),
        Binding("t", "tags", "Tags", id="runs.tags", show=False, tooltip="Set its tags"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._deleted: list[list[str]] = []

    def chosen(self) -> list[ListedRun]:
        """The runs that are changed."""
        raise NotImplementedError

    def action_rerun(self) -> None:
        """Queues runs anew by their own settings, with the pre-trainings that they start from, of which those
        of one profile share theirs."""
        app = self.console_app
        stop = app.departure.begun.is_set
        paths = [app.workplace.runs_dir.absolute() / run.name / PROFILE for run in self.chosen()]

        def work() -> None:
            try:
                for experiment in _joined([load_experiment(str(path)) for path in paths]):
                    told = queue_experiment(
                        experiment, app.workplace, app.notice_from_thread, stop=stop, fresh=True
                    )
                    app.notify(printable(told), markup=False)
            except Exception as error:  # noqa: BLE001  # told, whatever it is
                app.notify(printable(error, 400), severity="error", timeout=15, markup=False)
            app.queue_changed()

        app.run_worker(work, thread=True, exit_on_error=False, group="queue")

    def action_resume(self) -> None:
        """Has what did not finish taken up again, each at its newest checkpoint."""
        chosen = self.chosen()
        able = [run for run in chosen if run.status not in ("finished", "running", "paused")]
        if able:
            names = [run.name for run in able]
            self.console_app.change(lambda queue: queue.retry(names), f"{numbers(able)}: in the queue again")
        elif chosen:
            is_are = "is" if len(chosen) == 1 else "are"
            told = f"{numbers(chosen)} {is_are} {chosen[0].status}: r queues it anew as another run"
            self.notify(told, severity="warning")

    def action_delete(self) -> None:
        """Moves runs into the trash."""
        app, chosen = self.console_app, self.chosen()
        names = [run.name for run in chosen]

        def delete(queue: Queue) -> None:
            del queue
            delete_runs(app.workplace.runs_dir, names, app.notice_from_thread)
            self._deleted.append(names)

        if names:
            app.change(delete, f"{numbers(chosen)}: in the trash; u brings back")

    def action_undo(self) -> None:
        """Brings the runs back that were deleted last and are not back yet."""
        app = self.console_app
        if not self._deleted:
            told = "nothing was deleted since the console was opened (rotui runs restore --list: the trash)"
            self.notify(told, severity="warning", markup=False)
            return
        names = self._deleted.pop()

        def restore(queue: Queue) -> None:
            del queue
            try:
                restore_runs(app.workplace.runs_dir, names, app.notice_from_thread)
            except RotuiError:
                self._deleted.append(names)
                raise

        app.change(restore, f"{len(names)} {'run' if len(names) == 1 else 'runs'} brought back")

    def action_note(self) -> None:
        """Asks for a note and writes it to the runs."""
        chosen = self.chosen()
        names = [run.name for run in chosen]

        def write(text: str | None) -> None:
            if text is not None:
                told = "noted" if text else "without a note"
                self.console_app.change(lambda queue: queue.note(names, text), f"{numbers(chosen)}: {told}")

        if chosen:
            same = all(run.note == chosen[0].note for run in chosen)
            note = printable(chosen[0].note, LONGEST_NOTE) if same else ""
            hint = "enter writes it · escape leaves it as it is"
            self.app.push_screen(
                LineDialog(f"Note of {numbers(chosen)}", note, hint, longest=LONGEST_NOTE), write
            )

    def action_tags(self) -> None:
        """Asks for the tags that the runs have in common; those of one of them alone stay."""
        chosen = self.chosen()
        names, common = [run.name for run in chosen], _common_tags(chosen)

        def write(text: str | None) -> None:
            if text is None:
                return
            wanted = [tag for each in text.split(",") if (tag := each.strip())]
            added = [tag for tag in wanted if tag not in common]
            removed = [tag for shown, tag in common.items() if shown not in wanted]
            told = f"{numbers(chosen)}: {', '.join(wanted) or 'no tags in common'}"
            self.console_app.change(lambda queue: queue.tag(names, added, removed), told)

        if chosen:
            hint = "apart by commas · enter sets them · escape leaves them as they are"
            self.app.push_screen(
                LineDialog(f"Tags of {numbers(chosen)}", ", ".join(common), hint, longest=LONGEST_LINE), write
            )


def numbers(runs: Sequence[ListedRun]) -> str:
    """The runs by their numbers, the first of many."""
    told = ", ".join(str(run.number) for run in runs[:_MOST_NUMBERS])
    rest = len(runs) - _MOST_NUMBERS
    return f"{told} and {rest} more" if rest > 0 else told


def _common_tags(runs: Sequence[ListedRun]) -> dict[str, str]:
    """The tags that all the runs have, by how they are shown."""
    first, *others = [run.tags for run in runs] or [()]
    return {printable(tag): tag for tag in first if all(tag in tags for tags in others)}


def _joined(experiments: Sequence[Experiment]) -> list[Experiment]:
    """One experiment for each profile name, with the points of all."""
    by_name: dict[str, Experiment] = {}
    for each in experiments:
        known = by_name.get(each.profile.name)
        points = (*known.points, *each.points) if known else each.points
        by_name[each.profile.name] = replace(known or each, points=points)
    return list(by_name.values())
