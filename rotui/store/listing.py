"""A run as one line of a list: plain values that a table shows, sorts and filters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotui.profile.stages import STAGES
from rotui.store.status import UNFINISHED, Status

if TYPE_CHECKING:
    from rotui.store.past_runs import PastRun
    from rotui.study.records import EpochRecord


@dataclass(frozen=True)
class ListedRun:
    """One run of a list. Texts are as they were written: make them printable before they are shown.
    Accuracies are on the test split in percent, None before the first epoch. `own` says that this runs
    directory queued it; one that is not is only shown. `floor` is the rotation score that comes for free,
    `seconds` what its epochs took, `images_per_second` the rate of the last."""

    name: str
    number: int
    key: str
    parent: str
    parent_run: str
    study: str
    stage: str
    settings: str
    seed: int
    status: Status
    reason: str
    scaled: bool
    epochs: int
    epochs_planned: int
    best: float | None
    last: float | None
    floor: float | None
    lowest_loss: float | None
    seconds: float
    images_per_second: float | None
    resumes: int
    verdict: str
    created: str
    changed: str
    own: bool
    batch: str
    priority: int
    position: float
    note: str
    tags: tuple[str, ...]

    def to_json(self, runs_dir: Path) -> dict[str, Any]:
        """Plain values for `--json`, with the run's path; a number that is not finite is None."""
        hidden = ("own", "batch")
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in hidden}
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }
        return {**finite, "tags": list(self.tags), "path": str(runs_dir / self.name)}


def listed(run: "PastRun", store: str) -> ListedRun:
    """The line of a run, in the runs directory whose id is `store`."""
    from rotui.profile.summary import settings_text  # 40 ms: the index spares it
    from rotui.study.floor import rotation_floor

    entry, profile = run.entry, run.profile
    rotates = STAGES[run.stage].predicts_rotation
    return ListedRun(
        name=run.name,
        number=run.number,
        key=run.key,
        parent=run.parent,
        parent_run=run.parent_run,
        study=run.study or profile.name,
        stage=run.stage,
        settings=settings_text(profile, run.stage),
        seed=profile.seed,
        status=run.status,
        reason=run.reason,
        scaled=profile.scale.active,
        epochs_planned=profile.epochs(run.stage),
        floor=rotation_floor(profile.rotation).outline_percent if rotates else None,
        resumes=run.resumes,
        verdict=run.verdict,
        created=run.created,
        changed=run.changed,
        own=entry is not None and entry.store == store,
        batch=entry.batch if entry else "",
        priority=entry.priority if entry else 0,
        position=entry.position if entry else float(run.number),
        note=entry.note if entry else "",
        tags=entry.tags if entry else (),
        **_of_epochs(run.epochs),
    )


def with_epochs(run: ListedRun, epochs: "Sequence[EpochRecord]") -> ListedRun:
    """The line of a run that has these epochs now, and has not changed otherwise."""
    return replace(run, **_of_epochs(epochs))


def _of_epochs(epochs: "Sequence[EpochRecord]") -> dict[str, Any]:
    accuracies = [epoch.validation_accuracy for epoch in epochs]
    return {
        "epochs": len(epochs),
        "best": max(accuracies, default=None),
        "last": accuracies[-1] if accuracies else None,
        "lowest_loss": min((epoch.validation_loss for epoch in epochs), default=None),
        "seconds": sum(epoch.seconds for epoch in epochs),
        "images_per_second": epochs[-1].images_per_second if epochs else None,
    }


def with_parents(runs: dict[str, ListedRun]) -> list[ListedRun]:
    """The runs by number; those that wait for a pre-training which did not finish are `skipped`."""
    settled = [_settled(run, runs) for run in runs.values()]
    return sorted(settled, key=lambda run: (run.number, run.name))


def _settled(run: ListedRun, runs: dict[str, ListedRun]) -> ListedRun:
    if not run.parent_run or run.status not in (*UNFINISHED, "held"):
        return run
    parent = runs.get(run.parent_run)
    if parent is None:
        return replace(run, status="skipped", reason=f"{run.parent_run}, which it starts from, is not here")
    if run.status != "held" and run.parent and parent.key != run.parent:
        told = f"run {parent.number} is not the pre-training that it was queued with"
        return replace(run, status="skipped", reason=told)
    if parent.status in ("failed", "cancelled"):
        told = {"failed": "failed", "cancelled": "was cancelled"}[parent.status]
        return replace(run, status="skipped", reason=f"run {parent.number}, which it starts from, {told}")
    if parent.status != "finished" and run.status == "queued":
        return replace(run, reason=f"waits for run {parent.number}")
    return run
