"""The five trainings of a study: what each starts from, what it trains and which task it learns."""

from dataclasses import dataclass
from typing import Literal

StageName = Literal[
    "pretrain",
    "finetune-pretrained",
    "finetune-random",
    "supervised-pretrained",
    "supervised-random",
]


@dataclass(frozen=True)
class Stage:
    """One kind of training. `trains_all` false means that only `layer4` and `fc` are trained."""

    name: StageName
    title: str
    starts_pretrained: bool
    trains_all: bool
    predicts_rotation: bool = False


STAGES: dict[StageName, Stage] = {
    stage.name: stage
    for stage in (
        Stage("pretrain", "rotation pre-training", False, True, predicts_rotation=True),
        Stage("finetune-pretrained", "fine-tuned, pre-trained", True, False),
        Stage("finetune-random", "fine-tuned, random init", False, False),
        Stage("supervised-pretrained", "supervised, pre-trained", True, True),
        Stage("supervised-random", "supervised, random init", False, True),
    )
}
