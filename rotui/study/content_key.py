"""The content key: a hash of all that determines a run's numbers, so that equal runs are trained once."""

import hashlib
import json
from typing import Any

from rotui.profile.schema import Profile
from rotui.profile.stages import STAGES, StageName

ENGINE_VERSION = 2
"""Raised whenever the same settings would give other numbers than before."""


def determining_settings(profile: Profile, stage: StageName, parent_key: str) -> dict[str, Any]:
    """The settings that `stage` depends on, as plain values; `parent_key` is empty for random weights.

    What a stage never looks at is left out: rotations and fine-tuning's batch norm, for a network that is
    trained on labels from random weights; labels, for pre-training; a decay after the last epoch.
    """
    kind = STAGES[stage]
    settings = profile.model_dump(
        mode="json", include={"seed", "data", "network", "loss", "optimizer", "compute", "scale"}
    )
    settings["data"]["mean"], settings["data"]["std"] = profile.data.normalisation
    del settings["compute"]["cuda_graphs"]
    if profile.data.name != "imagenette":
        del settings["data"]["variant"]
    if kind.trains_all:
        del settings["network"]["frozen_batch_norm"]
    epochs, schedule = profile.epochs(stage), profile.stage_schedule(stage)
    settings["schedule"] = {"epochs": epochs}
    if schedule.decay_every < epochs:
        settings["schedule"] |= {
            "decay_every": schedule.decay_every,
            "decay_factor": profile.schedule.decay_factor,
        }
    if kind.predicts_rotation:
        settings["rotation"] = profile.rotation.model_dump(mode="json")
        if profile.rotation.corners == "reflect":
            del settings["rotation"]["fill"]
    else:
        settings["labels"] = profile.labels.model_dump(mode="json")
        if not profile.labels.per_class:
            del settings["labels"]["selection"], settings["labels"]["budget"]
    return {"engine": ENGINE_VERSION, "stage": stage, "parent": parent_key, **settings}


def content_key(profile: Profile, stage: StageName, parent_key: str = "") -> str:
    """SHA-256 of `determining_settings` in canonical JSON, as 64 hexadecimal digits."""
    settings = determining_settings(profile, stage, parent_key)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
