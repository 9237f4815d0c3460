"""The frozen records a training yields: plain numbers, no tensors, the same for every reader and screen."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch measured. Accuracies in percent, losses are means in nats, `seconds` covers training
    and validation, `images_per_second` training alone. Hold-out columns are None where none is held out."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    holdout_loss: float | None
    holdout_accuracy: float | None
    learning_rate: float
    seconds: float
    images_per_second: float


METRIC_COLUMNS = tuple(EpochRecord.__dataclass_fields__)


@dataclass(frozen=True)
class Classification:
    """Last-epoch result on the test split: `confusion[true][predicted]` counts images; `per_class` is the
    accuracy of each class in percent, None for a class without images. Rotations are named by degrees."""

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[float | None, ...]


@dataclass(frozen=True)
class FeatureProbe:
    """How well classes can be read off frozen features, in percent of the test split."""

    nearest_neighbour_accuracy: float
    linear_accuracy: float


@dataclass(frozen=True)
class RunResult:
    """The numbers a finished run ends with. Epochs count from 1. `best_accuracy` and `lowest_loss` are the
    published way, each the best epoch on the test split; `last_accuracy` and, where images are held out,
    `holdout_choice_accuracy` (test accuracy of the epoch with the best hold-out accuracy) are the honest.
    `dataset_images` are the training and test images of the whole dataset as it was found, None where it is
    not known, and `scaled` says that the profile cut the run down."""

    epochs: int
    best_accuracy: float
    best_accuracy_epoch: int
    lowest_loss: float
    lowest_loss_epoch: int
    last_accuracy: float
    last_loss: float
    holdout_choice_accuracy: float | None
    holdout_choice_epoch: int | None
    classification: Classification
    probes: dict[str, FeatureProbe] = field(default_factory=dict)
    dataset_images: tuple[int, int] | None = None
    scaled: bool = False

    @classmethod
    def of(
        cls,
        epochs: tuple[EpochRecord, ...],
        classification: Classification,
        probes: dict[str, FeatureProbe] | None = None,
        *,
        dataset_images: tuple[int, int] | None = None,
        scaled: bool = False,
    ) -> "RunResult":
        """The result of at least one epoch; of equal epochs the first is chosen."""
        best = max(epochs, key=lambda epoch: epoch.validation_accuracy)
        lowest = min(epochs, key=lambda epoch: epoch.validation_loss)
        chosen = None
        if epochs[0].holdout_accuracy is not None:
            chosen = max(epochs, key=lambda epoch: epoch.holdout_accuracy or 0.0)
        return cls(
            epochs=len(epochs),
            best_accuracy=best.validation_accuracy,
            best_accuracy_epoch=best.epoch,
            lowest_loss=lowest.validation_loss,
            lowest_loss_epoch=lowest.epoch,
            last_accuracy=epochs[-1].validation_accuracy,
            last_loss=epochs[-1].validation_loss,
            holdout_choice_accuracy=chosen.validation_accuracy if chosen else None,
            holdout_choice_epoch=chosen.epoch if chosen else None,
            classification=classification,
            probes=probes or {},
            dataset_images=dataset_images,
            scaled=scaled,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for result.json."""
        return asdict(self)
