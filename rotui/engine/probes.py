"""What frozen features are worth: k-nearest-neighbour and linear-probe accuracy on the test split."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.resnet import ResNet

from rotui.data.splits import Splits
from rotui.engine.batches import ImagePool, SplitOnDevice, evaluation_draws
from rotui.engine.evaluation import autocast
from rotui.engine.networks import build_network, features
from rotui.engine.reading import Reading
from rotui.errors import StoppedError
from rotui.profile.schema import Profile
from rotui.study.records import FeatureProbe

NEIGHBOURS = 20
TEMPERATURE = 0.07
WEIGHT_DECAY = 1e-3


class ProbeData:
    """The images that features are read off, on a device: every training image that is not held out (the
    `bank`) and the test split, cropped at their centre and unrotated."""

    def __init__(self, splits: Splits, profile: Profile, device: torch.device) -> None:
        size, normalisation = profile.data.image_size, profile.data.normalisation
        self.classes = len(splits.classes)
        self.bank, self.queries = (
            SplitOnDevice(split, ImagePool(split.images, size, normalisation, device))
            for split in (splits.bank, splits.validation)
        )
        self._profile = profile

    def pooled(
        self, network: ResNet, split: SplitOnDevice, stop: Callable[[], bool]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Features float32 (N, D) and labels int64 (N,) of each batch, the network in the mode it is in.

        Raises StoppedError between two batches when asked to stop.
        """
        profile = self._profile
        draws = evaluation_draws(profile.seed, 0, len(split), 1)
        for images, labels in split.batches(draws, profile.optimizer.batch_size, Reading()):
            if stop():
                raise StoppedError("stopped while features were read")
            with torch.no_grad(), autocast(split.pool.device, profile.compute.precision):
                yield features(network, images).float(), labels

    def extract(
        self, network: ResNet, split: SplitOnDevice, stop: Callable[[], bool]
    ) -> tuple[Tensor, Tensor]:
        """Features float32 (M, D) and labels int64 (M,) of all of a split."""
        pooled, labels = zip(*self.pooled(network, split, stop), strict=True)
        return torch.cat(pooled), torch.cat(labels)


def nearest_neighbour_accuracy(
    bank: Tensor, bank_labels: Tensor, queries: Tensor, labels: Tensor, classes: int
) -> float:
    """Percent of `queries` (Q, D) whose 20 nearest of `bank` (M, D) by cosine vote for their label.

    Votes are weighted by exp(similarity / 0.07), as in Wu et al., "Unsupervised Feature Learning via
    Non-Parametric Instance Discrimination", CVPR 2018.
    """
    bank = F.normalize(bank, dim=1)
    correct = 0
    for part, truth in zip(queries.split(1024), labels.split(1024), strict=True):
        similarity = F.normalize(part, dim=1) @ bank.T
        nearest, index = similarity.topk(min(NEIGHBOURS, len(bank)), dim=1)
        votes = torch.zeros(len(part), classes, device=bank.device)
        votes.scatter_add_(1, bank_labels[index], (nearest / TEMPERATURE).exp())
        correct += int((votes.argmax(dim=1) == truth).sum())
    return 100 * correct / len(labels)


def linear_accuracy(
    bank: Tensor,
    bank_labels: Tensor,
    queries: Tensor,
    labels: Tensor,
    classes: int,
    stop: Callable[[], bool] = lambda: False,
) -> float:
    """Percent of `queries` that multinomial logistic regression on the standardised `bank` gets right.

    It is fitted to convergence by L-BFGS on all of the bank at once, with L2 weight decay 1e-3. Raises
    StoppedError between two evaluations of the loss when asked to stop.
    """
    mean, std = bank.mean(dim=0), bank.std(dim=0, correction=0).clamp(min=1e-6)
    bank, queries = (bank - mean) / std, (queries - mean) / std
    weights = torch.zeros(bank.shape[1], classes, device=bank.device, requires_grad=True)
    bias = torch.zeros(classes, device=bank.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        if stop():
            raise StoppedError("stopped while the linear probe was fitted")
        optimizer.zero_grad()
        value = F.cross_entropy(bank @ weights + bias, bank_labels)
        value = value + WEIGHT_DECAY / 2 * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        predicted = (queries @ weights + bias).argmax(dim=1)
    return 100 * int((predicted == labels).sum()) / len(labels)


def probe(network: ResNet, data: ProbeData, stop: Callable[[], bool]) -> FeatureProbe:
    """Both accuracies of the network's frozen features."""
    network.eval()
    bank, bank_labels = data.extract(network, data.bank, stop)
    queries, labels = data.extract(network, data.queries, stop)
    arguments = (bank, bank_labels, queries, labels, data.classes)
    return FeatureProbe(nearest_neighbour_accuracy(*arguments), linear_accuracy(*arguments, stop))


def random_network(
    data: ProbeData, profile: Profile, device: torch.device, stop: Callable[[], bool]
) -> ResNet:
    """The network before any training, its batch-norm statistics averaged over one pass of the training
    images, as they would be in the frozen trunk of a fine-tuned, randomly initialised network."""
    network = build_network(profile.network, data.classes, profile.seed).to(device)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
    network.train()
    for _ in data.pooled(network, data.bank, stop):
        pass
    return network
