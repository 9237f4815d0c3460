"""What a run is trained with: network, optimiser, meters and images at fixed places, and its steps.

Made once for all runs whose arithmetic is the same; between them the network is initialised in place.
"""

import hashlib
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.resnet import ResNet

from rotui.data.splits import Split, Splits
from rotui.engine.batches import Draws, ImagePool, SplitOnDevice
from rotui.engine.evaluation import Meter, autocast
from rotui.engine.live_taps import keep_live_taps
from rotui.engine.networks import build_network, load_trunk, set_trained_parts
from rotui.engine.optimizer import make_optimizer, optimizer_tensors, reset_optimizer
from rotui.engine.reading import Reading, judging_reading, training_reading
from rotui.engine.steps import Steps
from rotui.profile.datasets import Triple
from rotui.study.planning import PlannedRun

Pools = dict[tuple[int, int, tuple[Triple, Triple]], ImagePool]
"""Images on the device, by which set they are, what size is cropped from them and how they are normalised."""


SAFE = (2, 15)
"""The PyTorch from which captured steps that are replayed at the same time share no workspace of cuBLAS."""


def torch_version() -> tuple[int, int]:
    """The major and minor number of the PyTorch that is installed."""
    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)


class Judged:
    """A split that a network is judged by: its images and the steps over them, summed up in a meter."""

    def __init__(self, program: "Program", split: SplitOnDevice, reading: Reading) -> None:
        self.split = split
        self.meter = Meter.empty(program.outputs, program.device)
        self.steps = Steps(
            program.device,
            lambda drawn: program.judge(drawn, self),
            lambda: [self.meter.loss, self.meter.confusion],
            captures=program.captures,
            pool=program.graph_memory,
        )
        self.reading = reading


class Program:
    """The network of a run with `outputs` logits on `device`, initialised from its seed, and its steps.

    `captures` says whether steps are captured in CUDA graphs: on CUDA from PyTorch 2.15 on, unless
    the profile forbids it.
    """

    def __init__(
        self, run: PlannedRun, splits: Splits, outputs: int, device: torch.device, pools: Pools | None = None
    ) -> None:
        profile, stage = run.profile, run.stage
        self.profile, self.outputs, self.device = profile, outputs, device
        self.captures = device.type == "cuda" and profile.compute.cuda_graphs and torch_version() >= SAFE
        self.graph_memory = torch.cuda.graph_pool_handle() if self.captures else None
        self._images = (splits.train.images, splits.validation.images)
        self._pools: Pools = {} if pools is None else pools
        self._is_used = False
        network = build_network(profile.network, outputs, profile.seed)
        if profile.compute.live_taps:
            keep_live_taps(network, profile.data.image_size)
        layout = memory_layout(device, profile.compute.precision)
        self.network: ResNet = network.to(device, memory_format=layout)
        trained = set_trained_parts(self.network, stage)
        self.optimizer = make_optimizer(trained, profile.optimizer.learning_rate, device)
        self.meter = Meter.empty(outputs, device)
        self.training = training_reading(run, device)
        self.train = self._on_device(splits.train)
        self.steps = Steps(device, self._train, self._changed, captures=self.captures, pool=self.graph_memory)
        judging = judging_reading(run, device)
        self.validation = Judged(self, self._on_device(splits.validation), judging)
        self.holdout = (
            Judged(self, self._on_device(splits.holdout), judging) if splits.holdout is not None else None
        )

    def begin(self, seed: int, trunk: Mapping[str, Tensor] | None) -> None:
        """Begins a run, in place: with weights drawn from `seed`, and the pre-trained `trunk` where one is
        given."""
        if self._is_used:
            fresh = build_network(self.profile.network, self.outputs, seed)
            self.network.load_state_dict(fresh.state_dict())
            reset_optimizer(self.optimizer)
        self._is_used = True
        if trunk is not None:
            load_trunk(self.network, trunk)

    def forget(self) -> None:
        """Cuts what holds it together, so that its memory is free at once; it cannot be used any more."""
        for steps in (self.steps, self.validation.steps, *([self.holdout.steps] if self.holdout else [])):
            steps.forget()

    def judge(self, drawn: Draws, judged: Judged) -> None:
        """Adds what the network, in evaluation mode, makes of some images to the meter of what is judged."""
        with torch.no_grad():
            images, targets = judged.split.read(drawn, judged.reading)
            with autocast(self.device, self.profile.compute.precision):
                logits = self.network(images)
                loss = self._loss(logits, targets)
            judged.meter.add(loss, logits, targets)

    def _train(self, drawn: Draws) -> None:
        images, targets = self.train.read(drawn, self.training)
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.profile.compute.precision):
            logits = self.network(images)
            loss = self._loss(logits, targets)
        loss.backward()
        self.optimizer.step()
        self.meter.add(loss, logits, targets)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets, label_smoothing=self.profile.loss.label_smoothing)

    def _changed(self) -> list[Tensor]:
        return [
            *(parameter.data for parameter in self.network.parameters()),
            *self.network.buffers(),
            *optimizer_tensors(self.optimizer),
            self.meter.loss,
            self.meter.confusion,
        ]

    def _on_device(self, split: Split) -> SplitOnDevice:
        data = self.profile.data
        at = (id(split.images), data.image_size, data.normalisation)
        if at not in self._pools:
            self._pools[at] = ImagePool(split.images, data.image_size, data.normalisation, self.device)
        return SplitOnDevice(split, self._pools[at])


def memory_layout(device: torch.device, precision: str) -> torch.memory_format:
    """Channels last where it is faster: on the CPU, and for bf16 on CUDA."""
    last = device.type == "cpu" or precision == "bf16"
    return torch.channels_last if last else torch.contiguous_format


def program_key(run: PlannedRun, splits: Splits, outputs: int) -> str:
    """What runs have in common that one program can train: all but the weights they begin with, the learning
    rate, the epochs and what is drawn."""
    profile, stage = run.profile, run.stage
    told = hashlib.sha256()
    for split in (splits.train, splits.holdout, splits.validation):
        if split is not None:
            told.update(f"{id(split.images)} {len(split)}".encode())
            told.update(split.indices.tobytes() + split.labels.tobytes())
    parts = [
        outputs,
        stage.predicts_rotation,
        stage.trains_all,
        splits.epoch_images,
        profile.network,
        profile.data.image_size,
        profile.data.normalisation,
        profile.data.crop_padding,
        profile.data.horizontal_flip,
        profile.rotation if stage.predicts_rotation else None,
        profile.loss,
        profile.optimizer.batch_size,
        profile.compute,
        told.hexdigest(),
    ]
    return repr(parts)
