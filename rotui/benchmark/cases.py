"""What can be measured, as plain values that are handed to a process of their own, and what comes back."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rotui.profile.schema import Architecture, Precision

CaseKind = Literal["training", "plain loop", "runs"]
StageKind = Literal["pretrain", "finetune"]

WARM_UP = 3
"""Steps before those that are timed."""
CIFAR_PIXELS = 50_000 * 32 * 32
"""Pixels of the made-up images that are trained on, whatever their size: as many as CIFAR-10 has."""


@dataclass(frozen=True)
class Case:
    """One thing to measure: `steps` steps of `batch` images after a warm-up, `threads` of 0 being as many as
    PyTorch takes by itself.

    For `runs`, `at_once` trainings go on in threads, each `in_a_row` times, and the time to build them counts
    with `with_building`. `data_dir` and `folder` are where the plain loop reads CIFAR-10 or else has made-up
    pictures written.
    """

    kind: CaseKind
    network: Architecture = "resnet18"
    size: int = 32
    batch: int = 128
    precision: Precision = "fp32"
    stage: StageKind = "pretrain"
    steps: int = 10
    threads: int = 0
    device: str = "cpu"
    at_once: int = 1
    in_a_row: int = 1
    with_building: bool = False
    data_dir: str = ""
    folder: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values that `Case(**values)` makes the same case from."""
        return asdict(self)

    @property
    def epoch_images(self) -> int:
        """Images of the steps that are timed."""
        return self.steps * self.batch

    @property
    def pool_images(self) -> int:
        """Images that there are to train on."""
        return max(2 * self.batch, CIFAR_PIXELS // self.size**2)

    @property
    def name(self) -> str:
        """`resnet18 32 px fp32 pretrain`: what it is in a table."""
        if self.kind == "plain loop":
            return f"plain loop {self.network} {self.size} px"
        told = f"{self.network} {self.size} px {self.precision} {self.stage}"
        if self.kind == "runs":
            told = f"{self.at_once} at once: {told}"
        return told + (f", {self.in_a_row} in a row" if self.in_a_row > 1 else "")


@dataclass(frozen=True)
class Timing:
    """What one process measured: `seconds` for `images` in `steps`.

    `data_seconds` is what reading the same batches takes by itself, `floor_seconds` the least that a step's
    arithmetic and memory traffic take, `evaluation_seconds` of an image, `begun_bytes` what the process had
    before the first step, `peak_bytes` the most, with what its workers had, and `device_bytes` of the GPU; 0
    where it does not apply. `facts` are told beside it.
    """

    images: int
    steps: int
    seconds: float
    begun_bytes: int = 0
    peak_bytes: int = 0
    device_bytes: int = 0
    data_seconds: float = 0.0
    floor_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def images_per_second(self) -> float:
        """The rate of the training."""
        return self.images / self.seconds

    @property
    def step_seconds(self) -> float:
        """Mean time of a step."""
        return self.seconds / self.steps


@dataclass(frozen=True)
class Place:
    """The device that is measured, as the process that looked found it. `hardware` is the processor's or the
    GPU's model."""

    device: str
    device_name: str
    hardware: str
    cores: int
    threads: int
    bf16: bool
    torch: str

    @property
    def is_cuda(self) -> bool:
        """Whether it is a GPU."""
        return self.device.startswith("cuda")
