"""A training's state between two steps as bytes, and back: what makes a resumed run equal to an unbroken one.

Order and augmentation are pure functions of seed, epoch and step, so that nothing about them is saved. Only
tensors and plain values are written, and nothing else is ever loaded.
"""

import io
import pickle
from dataclasses import asdict, dataclass
from typing import Any

import torch

from rotui.engine.evaluation import Meter
from rotui.engine.networks import build_network, set_trained_parts
from rotui.engine.optimizer import optimizer_state, restore_optimizer
from rotui.errors import RunFailedError
from rotui.study.planning import PlannedRun
from rotui.study.records import EpochRecord

MARGIN_BYTES = 1 << 20
"""Room for what a checkpoint holds beside the network and the optimiser."""


def checkpoint_bytes(run: PlannedRun, outputs: int) -> int:
    """About the size of one checkpoint of a run whose network has `outputs` logits: its state and two
    moments of each trained parameter."""
    with torch.device("meta"):
        network = build_network(run.profile.network, outputs, run.profile.seed)
    trained = sum(each.nbytes for each in set_trained_parts(network, run.stage))
    state = sum(each.nbytes for each in network.state_dict().values())
    return int(state + 2 * trained + MARGIN_BYTES)


@dataclass(frozen=True)
class Captured:
    """The state after `epoch` whole epochs and `step` steps of the next, in torch's own file format."""

    epoch: int
    step: int
    content: bytes


class Resumable:
    """All that changes while a network is trained.

    It stands after `epoch` whole epochs, whose `records` it has, and `step` steps of the next one, which
    `meter` has summed up: `seen` images in `seconds`. `confusion` is that of the last validation.
    """

    def __init__(self, network: torch.nn.Module, optimizer: torch.optim.Adam, meter: Meter) -> None:
        self.network = network
        self.optimizer = optimizer
        self.meter = meter
        self.epoch = self.step = self.seen = 0
        self.seconds = 0.0
        self.records: list[EpochRecord] = []
        self.confusion: list[list[int]] = []

    def capture(self) -> Captured:
        """The state as it is now."""
        file = io.BytesIO()
        torch.save(
            {
                "network": self.network.state_dict(),
                "optimizer": optimizer_state(self.optimizer),
                "epoch": self.epoch,
                "step": self.step,
                "seen": self.seen,
                "seconds": self.seconds,
                "meter": {"loss": self.meter.loss, "confusion": self.meter.confusion},
                "records": [asdict(record) for record in self.records],
                "confusion": self.confusion,
            },
            file,
        )
        return Captured(self.epoch, self.step, file.getvalue())

    def restore(self, content: bytes) -> None:
        """Takes over, in place, a state that was captured from a training of the same run.

        Raises RunFailedError where the bytes hold anything but tensors and plain values, or are of another
        network.
        """
        try:
            values: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            self.network.load_state_dict(values["network"])
            restore_optimizer(self.optimizer, values["optimizer"])
            self.epoch, self.step = int(values["epoch"]), int(values["step"])
            self.seen, self.seconds = int(values["seen"]), float(values["seconds"])
            meter = values["meter"]
            self.meter.loss.copy_(meter["loss"])
            self.meter.confusion.copy_(meter["confusion"])
            self.records = [EpochRecord(**record) for record in values["records"]]
            self.confusion = values["confusion"]
        except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError, EOFError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise RunFailedError(f"the checkpoint cannot be loaded: {reason}") from error
