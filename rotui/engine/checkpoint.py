"""A training's state between two steps as bytes, and back: what makes a resumed run equal to an unbroken one.

Order and augmentation are pure functions of seed, epoch and step, so that nothing about them is saved. Only
tensors and plain values are written, and nothing else is ever loaded.
"""

import io
import pickle
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from rotui.engine.evaluation import Meter
from rotui.errors import StoreError
from rotui.study.records import EpochRecord

if TYPE_CHECKING:
    from rotui.engine.training import Training


@dataclass(frozen=True)
class Captured:
    """The state after `epoch` whole epochs and `step` steps of the next, in torch's own file format."""

    epoch: int
    step: int
    content: bytes


def capture(training: "Training") -> Captured:
    """Network, optimiser, position, meters and records of `training`."""
    file = io.BytesIO()
    torch.save(
        {
            "network": training.network.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "epoch": training.epoch,
            "step": training.step,
            "meter": {"loss": training.meter.loss, "confusion": training.meter.confusion},
            "records": [asdict(record) for record in training.records],
            "confusion": training.confusion,
        },
        file,
    )
    return Captured(training.epoch, training.step, file.getvalue())


def restore(training: "Training", state: bytes) -> None:
    """Puts `training`, made for the same run, into a captured state, on its own device.

    Raises StoreError where the bytes hold anything but tensors and plain values, or are of another network.
    """
    try:
        values: dict[str, Any] = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
        training.network.load_state_dict(values["network"])
        training.optimizer.load_state_dict(values["optimizer"])
        training.epoch, training.step = int(values["epoch"]), int(values["step"])
        meter = values["meter"]
        training.meter = Meter(meter["loss"].to(training.device), meter["confusion"].to(training.device))
        training.records = [EpochRecord(**record) for record in values["records"]]
        training.confusion = values["confusion"]
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(f"the checkpoint cannot be loaded: {reason}") from error
