"""What is known of each dataset before any of its files is opened: sizes, classes and normalisation."""

from dataclasses import dataclass
from typing import Literal

DatasetName = Literal["digits", "cifar10", "imagenette", "folder"]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class DatasetFacts:
    """Counts of images and classes (0 where only the files can tell), and per-channel mean and standard
    deviation of pixels scaled to 0..1."""

    title: str
    classes: int
    train_images: int
    validation_images: int
    mean: Triple
    std: Triple


DATASETS: dict[DatasetName, DatasetFacts] = {
    "digits": DatasetFacts(
        "handwritten digits, bundled with scikit-learn", 10, 1437, 360, (0.3094,) * 3, (0.3488,) * 3
    ),
    "cifar10": DatasetFacts(
        "CIFAR-10", 10, 50_000, 10_000, (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    ),
    "imagenette": DatasetFacts(
        "Imagenette", 10, 9_469, 3_925, (0.4619, 0.4545, 0.4262), (0.2450, 0.2389, 0.2457)
    ),
    "folder": DatasetFacts("a folder of images", 0, 0, 0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
