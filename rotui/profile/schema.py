"""The experiment profile: one frozen tree of settings whose defaults are the published protocol.

Every field's docstring says what it sets; its unit and bounds stand beside it. The TOML check, the JSON
Schema and the console's form are all made from this one declaration.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rotui.profile.datasets import DATASETS, DatasetName, Triple
from rotui.profile.stages import STAGES, StageName

SLUG_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"

Precision = Literal["fp32", "bf16"]
Architecture = Literal["resnet10", "resnet18", "resnet34", "resnet50"]


def _unit(name: str) -> dict[str, Any]:
    return {"unit": name}


class Settings(BaseModel):
    """Base of every part of a profile: frozen, no unknown keys, no silent conversion, no infinities."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class DataSettings(Settings):
    """Which images are trained on and how they are cropped, flipped and normalised."""

    name: DatasetName = "cifar10"
    """The dataset."""
    path: str = Field(default="", max_length=4096, json_schema_extra=_unit("path"))
    """For `folder`: the directory that holds `train/CLASS` and `val/CLASS` or `test/CLASS`."""
    variant: Literal["160px", "320px", "full"] = "320px"
    """For `imagenette`: which of torchvision's three downloads is read."""
    image_size: int = Field(default=32, ge=8, le=512, json_schema_extra=_unit("px"))
    """Height and width of the network's input. digits and cifar10 are 32."""
    crop_padding: int = Field(default=4, ge=0, le=64, json_schema_extra=_unit("px"))
    """Black pixels added on each side before the random training crop; 0 with square images is no crop."""
    horizontal_flip: bool = True
    """Whether half of the training images, drawn afresh each time, are mirrored left to right."""
    mean: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], ...],
        Field(strict=False, max_length=3, json_schema_extra=_unit("share of full intensity")),
    ] = ()
    """Mean of each colour channel (0 to 1) taken off before training; empty for the dataset's own."""
    std: Annotated[
        tuple[Annotated[float, Field(gt=0, le=10)], ...],
        Field(strict=False, max_length=3, json_schema_extra=_unit("share of full intensity")),
    ] = ()
    """Standard deviation of each colour channel that pixels are divided by; empty for the dataset's own."""
    holdout: float = Field(default=0.0, ge=0, le=0.5, json_schema_extra=_unit("share of training images"))
    """Share of each class's training images held out for choosing the epoch; 0 is the published way, which
    chooses on the test split. Held-out images that are not square are cropped at their centre."""

    @model_validator(mode="after")
    def _fits_the_dataset(self) -> Self:
        faults = []
        if self.name in ("digits", "cifar10") and self.image_size != 32:
            faults.append(f"image_size: {self.name} has 32 px images (32)")
        if self.name == "imagenette" and self.variant != "full":
            stored = int(self.variant.removesuffix("px"))
            if self.image_size > stored:
                faults.append(
                    f"image_size: imagenette's {self.variant} images cannot fill {self.image_size} px "
                    f"({stored} or less, or a larger variant)"
                )
        if self.name == "folder" and not self.path:
            faults.append("path: a folder dataset needs the directory of its images (a path)")
        if self.name != "folder" and self.path:
            faults.append(f"path: {self.name} is found in the data directory, not by path (empty)")
        for key in ("mean", "std"):
            if len(getattr(self, key)) not in (0, 3):
                faults.append(f"{key}: takes one number for each colour channel (none or 3 numbers)")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def normalisation(self) -> tuple[Triple, Triple]:
        """Mean and standard deviation per channel, the dataset's own where the profile names none."""
        facts = DATASETS[self.name]
        return self.mean or facts.mean, self.std or facts.std  # type: ignore[return-value]  # none or 3


class LabelSettings(Settings):
    """Which training labels the classifiers see. Pre-training uses no labels and is untouched by these."""

    per_class: int = Field(default=0, ge=0, le=1_000_000, json_schema_extra=_unit("images"))
    """Labelled training images of each class; 0 is all of them."""
    selection: Literal["first", "seeded"] = "first"
    """Whether those are the first of each class in dataset order (published) or drawn by the seed."""
    budget: Literal["epochs", "steps"] = "epochs"
    """`epochs` (published): an epoch is one pass over the labelled images. `steps`: they are repeated until
    an epoch has as many steps as one over the whole training split."""
    noise: float = Field(default=0.0, ge=0, le=100, json_schema_extra=_unit("percent"))
    """Training labels replaced by another class drawn evenly. Imagenette reads its published noisy labels
    at 1, 5, 25 and 50 where they lie beside the images."""


class RotationSettings(Settings):
    """The pretext task: which of `count` rotations was applied to the image."""

    count: int = Field(default=4, ge=2, le=36, json_schema_extra=_unit("classes"))
    """Number of rotations R; class k turns the image by k * 360 / R degrees."""
    per_step: Literal["one", "all"] = "one"
    """One rotation drawn for each image each time it is seen (published), or all R of each in the batch
    (the paper), which makes a batch R times as long."""
    validation: Literal["fresh", "fixed", "all"] = "fresh"
    """Validation rotations drawn afresh every epoch (published), once for each image, or all R of each."""
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    """How turned pixels are sampled."""
    corners: Literal["fill", "disc", "reflect"] = "fill"
    """What stands outside the turned image: `fill` (published), `fill` outside the inscribed disc for every
    class alike, or the image's own mirrored border."""
    fill: float = Field(default=0.0, ge=-5, le=5, json_schema_extra=_unit("standard deviations"))
    """Value of empty corners after normalising; 0 (published) is the mean grey."""
    jitter: float = Field(default=0.0, ge=0, le=45, json_schema_extra=_unit("degrees"))
    """Each image, of every class, is turned by up to this much more or less; it must stay below 180 / R."""
    low_pass: float = Field(default=0.0, ge=0, le=4, json_schema_extra=_unit("px"))
    """Standard deviation of a Gaussian blur that every class passes after turning; 0 is none."""

    @model_validator(mode="after")
    def _blur_can_be_sampled(self) -> Self:
        if 0 < self.low_pass < 0.1:
            raise ValueError(f"low_pass: {self.low_pass:g} px is less than a pixel tells (0, or 0.1 to 4)")
        return self

    @model_validator(mode="after")
    def _classes_stay_apart(self) -> Self:
        if self.jitter >= 180 / self.count:
            raise ValueError(
                f"jitter: {self.jitter:g} degrees make the {self.count} rotations overlap "
                f"(below {180 / self.count:g})"
            )
        return self


class NetworkSettings(Settings):
    """The network: one of torchvision's ResNets, always from random weights."""

    architecture: Architecture = "resnet18"
    """Depth of the ResNet; `resnet10` has one basic block in each of the four layers."""
    stem: Literal["imagenet", "cifar"] = "imagenet"
    """`imagenet` (published): 7x7 convolution of stride 2 and max pooling. `cifar`: 3x3 of stride 1 only."""
    width: int = Field(default=64, ge=8, le=256, json_schema_extra=_unit("channels"))
    """Channels of the first layer; the others have 2, 4 and 8 times as many. torchvision's is 64."""
    frozen_batch_norm: Literal["moving", "fixed"] = "moving"
    """Whether batch-norm statistics of frozen layers go on moving while fine-tuning (published) or not."""


class LossSettings(Settings):
    """The loss: cross entropy, the same in training and in validation."""

    label_smoothing: float = Field(default=0.1, ge=0, lt=1, json_schema_extra=_unit("probability"))
    """Probability mass spread evenly over all classes."""


class OptimizerSettings(Settings):
    """Adam with PyTorch's defaults, over the trained parts only."""

    learning_rate: float = Field(default=0.01, gt=0, le=10, json_schema_extra=_unit("none"))
    """Learning rate of the first epoch."""
    batch_size: int = Field(default=128, ge=2, le=65_536, json_schema_extra=_unit("images"))
    """Images in a step; the last, shorter batch of an epoch is kept."""


class StageSchedule(Settings):
    """How long a training is and when its learning rate falls."""

    epochs: int = Field(default=50, ge=1, le=100_000, json_schema_extra=_unit("epochs"))
    """Epochs trained."""
    decay_every: int = Field(default=10, ge=1, le=100_000, json_schema_extra=_unit("epochs"))
    """Epochs after which the learning rate is multiplied by the decay factor, again and again."""


class ScheduleSettings(Settings):
    """Schedules of pre-training and of the four trainings that judge it."""

    pretrain: StageSchedule = StageSchedule(epochs=45, decay_every=15)
    """Schedule of the rotation pre-training."""
    downstream: StageSchedule = StageSchedule(epochs=50, decay_every=10)
    """Schedule of fine-tuning and of supervised training."""
    decay_factor: float = Field(default=0.1, gt=0, le=1, json_schema_extra=_unit("none"))
    """What the learning rate is multiplied by at each decay."""


class ComputeSettings(Settings):
    """How the arithmetic is done; parts of a run, because they change its bits."""

    precision: Precision = "fp32"
    """`fp32` is IEEE single precision without TF32. `bf16` runs convolutions and products in bfloat16 by
    autocast, with fp32 weights."""
    threads: int = Field(default=0, ge=0, le=1024, json_schema_extra=_unit("threads"))
    """CPU threads; 0 is one for each available core, and a finished run is reused however many it had."""
    deterministic: bool = False
    """Whether only kernels that repeat bit for bit are used on CUDA. CPU runs repeat at equal threads."""
    live_taps: bool = True
    """Whether convolutions of images so small that each output sees all of them are matrix products of the
    taps that ever meet a pixel. The numbers are the same but for rounding."""
    cuda_graphs: bool = True
    """Whether steps on CUDA are captured once and replayed. The arithmetic is the same, and a finished run is
    reused whichever it had."""


class ScaleSettings(Settings):
    """A cut-down try of the experiment. Any value but 0 marks the results as scaled, never as measured."""

    limit: int = Field(default=0, ge=0, le=100_000_000, json_schema_extra=_unit("images"))
    """Images kept of each split, evenly over the classes; 0 is all."""
    epochs: int = Field(default=0, ge=0, le=100_000, json_schema_extra=_unit("epochs"))
    """Epochs of every stage; 0 is the schedule's own."""

    @property
    def active(self) -> bool:
        """Whether anything is cut down."""
        return bool(self.limit or self.epochs)


class Profile(Settings):
    """One experiment, every setting resolved."""

    name: str = Field(default="unnamed", pattern=SLUG_PATTERN)
    """Short name: lower-case letters, digits, dot, dash, underscore. The file's name where it is left out."""
    title: str = Field(default="", max_length=200)
    """One line shown beside the name."""
    description: str = Field(default="", max_length=4000)
    """What the experiment asks and why."""
    published: str = Field(default="", pattern=rf"{SLUG_PATTERN}|^$")
    """Name of the published numbers that the comparison table sets beside the measured ones."""
    stages: Annotated[
        tuple[StageName, ...],
        Field(strict=False, min_length=1, max_length=5, json_schema_extra={"uniqueItems": True}),
    ] = tuple(STAGES)
    """The trainings to run; a pre-training that one of them starts from is added."""
    seed: int = Field(default=42, ge=0, le=2**31 - 1, json_schema_extra=_unit("none"))
    """Seed of the weights, the order of the images, augmentation and every drawn subset."""
    data: DataSettings = DataSettings()
    labels: LabelSettings = LabelSettings()
    rotation: RotationSettings = RotationSettings()
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    compute: ComputeSettings = ComputeSettings()
    scale: ScaleSettings = ScaleSettings()

    @field_validator("stages")
    @classmethod
    def _stages_are_named_once(cls, stages: tuple[StageName, ...]) -> tuple[StageName, ...]:
        if len(set(stages)) != len(stages):
            raise ValueError("stages: a stage is named twice (each at most once)")
        return stages

    def epochs(self, stage: StageName) -> int:
        """Number of epochs that `stage` trains, the scale's where it sets one."""
        return self.scale.epochs or self.stage_schedule(stage).epochs

    def stage_schedule(self, stage: StageName) -> StageSchedule:
        """The schedule that applies to `stage`."""
        return self.schedule.pretrain if STAGES[stage].predicts_rotation else self.schedule.downstream

    def learning_rate(self, stage: StageName, epoch: int) -> float:
        """Learning rate of `epoch` (counted from 0): step decay, set at the start of the epoch."""
        decays = epoch // self.stage_schedule(stage).decay_every
        return self.optimizer.learning_rate * self.schedule.decay_factor**decays


class ProfileFile(Profile):
    """A profile as a TOML file may write it: it can extend another and sweep over values."""

    extends: str = Field(default="", max_length=4096)
    """Name or path of the profile whose settings are the defaults of this one."""
    sweep: Annotated[
        dict[str, Annotated[tuple[Any, ...], Field(strict=False, min_length=1, max_length=1000)]],
        Field(max_length=8),
    ] = {}
    """Dotted keys, each with the list of values to run; several keys give every combination."""
