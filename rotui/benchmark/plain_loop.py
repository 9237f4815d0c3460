"""The loop that this program is measured against: torchvision's parts put together as tutorials do."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms
from torchvision.transforms import functional as TF

from rotui.benchmark.cases import WARM_UP, Case, Timing
from rotui.benchmark.device_clock import synchronise
from rotui.benchmark.made_up import image_set
from rotui.benchmark.memory import bytes_now, bytes_of_children, device_peak_bytes, peak_bytes
from rotui.cores import available_cores
from rotui.profile.datasets import DATASETS

MOST_WORKERS = 8
CIFAR10_SIZE = 32
ROTATIONS = 4
PREFETCHED = 2
"""Batches that each worker of a DataLoader has ready: as many more are read than are timed, so that the
workers never rest before the end."""


class Rotated(Dataset[tuple[Tensor, int]]):
    """Each picture of a set turned by a rotation drawn afresh, which is its target."""

    def __init__(self, pictures: Any) -> None:
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture, _ = self._pictures[index]
        turn = int(torch.randint(ROTATIONS, ()))
        return TF.rotate(picture, turn * 360 / ROTATIONS), turn


class MadeUpCifar10(torchvision.datasets.CIFAR10):  # type: ignore[misc]  # torchvision carries no types
    """CIFAR-10 as torchvision holds it and gives it out, of made-up pictures."""

    def __init__(self, case: Case, transform: Any) -> None:
        torchvision.datasets.VisionDataset.__init__(self, transform=transform)
        made = image_set(case.pool_images, case.size, seed=0)
        self.data = made.dense().transpose(0, 2, 3, 1).copy()
        self.targets = made.labels.tolist()


def pictures(case: Case) -> Any:
    """CIFAR-10 as torchvision reads it where the case names its folder, made-up pictures held in the same way
    where they are as large, else a folder of larger ones."""
    facts = DATASETS["cifar10"]
    transform = transforms.Compose(
        [
            transforms.RandomCrop(case.size, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(facts.mean, facts.std),
        ]
    )
    if case.data_dir:
        return torchvision.datasets.CIFAR10(case.data_dir, train=True, transform=transform)
    if case.size == CIFAR10_SIZE:
        return MadeUpCifar10(case, transform)
    return torchvision.datasets.ImageFolder(case.folder, transform=transform)


def time_plain_loop(case: Case) -> Timing:
    """Times as many steps of the loop, eager and in fp32, with its data loaded by processes of its own."""
    device = torch.device(case.device)
    if case.threads:
        torch.set_num_threads(case.threads)
    workers = min(MOST_WORKERS, available_cores())
    dataset = Rotated(pictures(case))
    read = (WARM_UP + case.steps + PREFETCHED * workers) * case.batch
    loader = DataLoader(
        dataset,
        case.batch,
        sampler=RandomSampler(dataset, num_samples=read),
        num_workers=workers,
        prefetch_factor=PREFETCHED,
        pin_memory=device.type == "cuda",
    )
    begun = bytes_now()
    network = torchvision.models.get_model(case.network, num_classes=ROTATIONS).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    steps = _steps(iter(loader), network, optimizer, device)
    for _ in islice(steps, WARM_UP):
        pass
    synchronise(device)
    started = time.perf_counter()
    images = sum(islice(steps, case.steps))
    synchronise(device)
    seconds = time.perf_counter() - started
    peak = peak_bytes() + bytes_of_children()
    data = "CIFAR10" if case.size == CIFAR10_SIZE else "ImageFolder"
    return Timing(
        images=images,
        steps=case.steps,
        seconds=seconds,
        begun_bytes=begun,
        peak_bytes=peak,
        device_bytes=device_peak_bytes(device),
        facts={"data": data, "workers": workers, "threads": torch.get_num_threads()},
    )


def _steps(
    batches: Iterator[tuple[Tensor, Tensor]],
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> Iterator[int]:
    """Trains a step for each batch and yields how many images it held."""
    network.train()
    total_loss, correct, seen = 0.0, 0, 0
    for images, targets in batches:
        images, targets = images.to(device), targets.to(device)
        optimizer.zero_grad()
        logits = network(images)
        loss = F.cross_entropy(logits, targets, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(images)
        correct += int((logits.argmax(1) == targets).sum().item())
        seen += len(images)
        yield len(images)


def has_cifar10(data_dir: Path) -> bool:
    """Whether torchvision finds the official batches of CIFAR-10 there, whole."""
    try:
        torchvision.datasets.CIFAR10(data_dir, train=True)
    except (RuntimeError, OSError):
        return False
    return True
