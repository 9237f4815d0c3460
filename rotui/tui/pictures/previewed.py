"""What the place Preview is asked for and what it shows: plain values, on their way to a thread and back."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rotui.tui.widgets.picture_grid import Captions

if TYPE_CHECKING:
    from rotui.tui.pictures.half_blocks import Pixels

Task = Literal["pretrain", "classifier"]


@dataclass(frozen=True)
class Subject:
    """Whose pictures: those of a profile, by its reference, or of the run in a directory of this name."""

    profile: str = ""
    run: str = ""


@dataclass(frozen=True)
class Asked:
    """Which pictures. `task` None is the first there is; a number beyond the last means the last."""

    subject: Subject
    mistakes: bool = False
    point: int = 0
    task: Task | None = None
    validation: bool = False
    epoch: int = 1
    step: int = 1

    def is_of(self, wanted: "Asked") -> bool:
        """Whether this is wanted still where the other is: another step of the same pictures is."""
        return (self.subject, self.mistakes) == (wanted.subject, wanted.mistakes)


@dataclass(frozen=True)
class Failed:
    """Why there are no pictures."""

    wanted: Asked
    reason: str


@dataclass(frozen=True, eq=False)
class Shown:
    """Pictures and what is said of them. `asked` is what was `wanted`, with numbers that there are."""

    wanted: Asked
    asked: Asked
    study: str
    title: str
    facts: tuple[str, ...]
    pictures: "Pixels"
    captions: Captions
    points: int = 1
    tasks: tuple[Task, ...] = ()
    epochs: int = 1
    steps: int = 1

    def looks_like(self, before: "Shown | None") -> bool:
        """Whether the pictures and what stands under them are the same as before."""
        return (
            before is not None
            and before.asked == self.asked
            and list(before.captions) == list(self.captions)
            and before.pictures.shape == self.pictures.shape
            and bool((before.pictures == self.pictures).all())
        )

    def has(self, where: str) -> bool:
        """Whether there are other pictures in this direction: `step`, `epoch`, `point`, `task`, `split`."""
        others = {"task": len(self.tasks) > 1, "point": self.points > 1}
        return not self.asked.mistakes and others.get(where, True)

    def neighbour(self, asked: Asked, where: str, by: int) -> Asked:
        """What to ask for instead of `asked` to go there. Steps and epochs end, points go round."""
        if where == "step":
            return replace(asked, step=min(max(1, asked.step + by), self.steps))
        if where == "epoch":
            return replace(asked, epoch=min(max(1, asked.epoch + by), self.epochs))
        if where == "point":
            return replace(asked, point=(asked.point + by) % self.points)
        if where == "task":
            at = self.tasks.index(asked.task or self.tasks[0])
            return replace(asked, task=self.tasks[(at + by) % len(self.tasks)])
        return replace(asked, validation=not asked.validation, step=1)
