"""What a network gets right: loss, accuracy and confusion, summed up on the device until the end."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rotui.study.records import Classification


@dataclass
class Meter:
    """Sums over the images seen so far: `loss` in nats and `confusion[true, predicted]`, on the device."""

    loss: Tensor
    confusion: Tensor

    @classmethod
    def empty(cls, classes: int, device: torch.device) -> "Meter":
        """A meter that has seen nothing."""
        return cls(
            torch.zeros((), dtype=torch.float64, device=device),
            torch.zeros(classes * classes, dtype=torch.int64, device=device),
        )

    def clear(self) -> None:
        """Forgets what it has seen."""
        self.loss.zero_()
        self.confusion.zero_()

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Counts a batch: its mean `loss`, `logits` (N, C) and `targets` (N,)."""
        classes = logits.shape[1]
        self.loss += loss.detach().double() * len(targets)
        pairs = targets * classes + logits.detach().argmax(dim=1)
        self.confusion.scatter_add_(0, pairs, torch.ones_like(pairs))

    def read(self) -> tuple[float, float, list[list[int]]]:
        """Mean loss, accuracy in percent, and the confusion matrix as rows of counts."""
        classes = round(len(self.confusion) ** 0.5)
        matrix = self.confusion.cpu().view(classes, classes)
        seen = int(matrix.sum())
        correct = int(matrix.diagonal().sum())
        return float(self.loss) / seen, 100 * correct / seen, matrix.tolist()


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """bfloat16 autocast where `precision` is `bf16`, otherwise a context that changes nothing.

    Casts of weights are not kept: each is used once in a step, and a captured step must make its own.
    """
    enabled = precision == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=False)


def classification(names: tuple[str, ...], confusion: list[list[int]]) -> Classification:
    """Per-class accuracies of a confusion matrix."""
    per_class = tuple(
        100 * row[index] / sum(row) if sum(row) else None for index, row in enumerate(confusion)
    )
    return Classification(names, tuple(tuple(row) for row in confusion), per_class)
