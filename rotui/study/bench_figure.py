"""What `rotui bench` found out of one kind of training: the seconds that an image takes on one machine."""

from dataclasses import dataclass

from rotui.profile.schema import Precision
from rotui.study.planning import PlannedRun


@dataclass(frozen=True)
class BenchFigure:
    """Seconds an image takes to train on and to evaluate, of a ResNet as torchvision has it.

    `device` and `device_name` are as in provenance, `threads` those of the CPU, `trains_all` is false where
    only `layer4` and `fc` are trained, and `measured` is a time in UTC (ISO 8601).
    """

    host: str
    device: str
    device_name: str
    threads: int
    architecture: str
    image_size: int
    batch_size: int
    precision: Precision
    trains_all: bool
    training_seconds: float
    evaluation_seconds: float
    measured: str

    @property
    def key(self) -> tuple[object, ...]:
        """What two figures have in common of which the newer replaces the older."""
        return (
            *(self.host, self.device, self.device_name, self.threads, self.architecture),
            *(self.image_size, self.batch_size, self.precision, self.trains_all),
        )

    def is_like(self, run: PlannedRun) -> bool:
        """Whether a run does the arithmetic that was measured, wherever it does it. What a step predicts
        does not count: turning images takes a small share of its time."""
        profile = run.profile
        return (
            profile.network.stem == "imagenet"
            and profile.network.width == 64
            and not profile.compute.deterministic
            and profile.network.architecture == self.architecture
            and profile.data.image_size == self.image_size
            and profile.optimizer.batch_size == self.batch_size
            and profile.compute.precision == self.precision
            and run.stage.trains_all == self.trains_all
        )
