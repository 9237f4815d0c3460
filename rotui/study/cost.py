"""What a run costs in images, from the profile alone: the unit in which studies are compared and timed."""

from dataclasses import dataclass

from rotui.profile.datasets import DATASETS
from rotui.study.planning import Plan, PlannedRun


@dataclass(frozen=True)
class Cost:
    """Images passed forward and backward (`trained`) and forward only (`evaluated`); `known` is false
    where a folder's size is not known before its files are read, and such runs count nothing."""

    trained: int
    evaluated: int
    known: bool = True


def run_cost(run: PlannedRun) -> Cost:
    """Images of one run over all its epochs. Probes after the last epoch are not counted."""
    profile = run.profile
    facts = DATASETS[profile.data.name]
    if not facts.train_images:
        return Cost(0, 0, known=False)
    limit = profile.scale.limit
    train = min(facts.train_images, limit or facts.train_images)
    validation = min(facts.validation_images, limit or facts.validation_images)
    held_out = round(train * profile.data.holdout)
    seen = train - held_out
    if run.stage.predicts_rotation:
        per_image = profile.rotation.count if profile.rotation.per_step == "all" else 1
        per_validated = profile.rotation.count if profile.rotation.validation == "all" else 1
    else:
        per_image = per_validated = 1
        if profile.labels.per_class and profile.labels.budget == "epochs":
            seen = min(seen, profile.labels.per_class * facts.classes)
    epochs = profile.epochs(run.stage_name)
    return Cost(seen * per_image * epochs, (validation + held_out) * per_validated * epochs)


def plan_cost(plan: Plan) -> Cost:
    """Sum over the plan's runs."""
    costs = [run_cost(run) for run in plan.runs]
    return Cost(
        sum(cost.trained for cost in costs),
        sum(cost.evaluated for cost in costs),
        all(cost.known for cost in costs),
    )
