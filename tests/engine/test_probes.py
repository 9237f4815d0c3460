"""The probes agree with scikit-learn's, and the random network is a frozen one with settled statistics."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from rotui.data.images import Dataset
from rotui.data.splits import split_dataset
from rotui.engine.networks import build_network, features
from rotui.engine.probes import (
    ProbeData,
    linear_accuracy,
    nearest_neighbour_accuracy,
    probe,
    random_network,
)
from rotui.errors import StoppedError
from rotui.study.planning import PlannedRun

CPU = torch.device("cpu")
Planned = Callable[..., PlannedRun]


def clouds(spread: float, count: int, seed: int, classes: int = 4) -> tuple[Tensor, Tensor]:
    """`count` points in 16 dimensions around one centre for each class, each dimension at its own scale."""
    centres = torch.randn(classes, 16, generator=torch.Generator().manual_seed(0))
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=random)
    points = centres[labels] + spread * torch.randn(count, 16, generator=random)
    return points * torch.logspace(-1, 1, 16) + 0.5, labels


@pytest.mark.parametrize("spread", [0.1, 1.5, 4.0], ids=["apart", "touching", "overlapping"])
def test_nearest_neighbours_vote_as_scikit_learns(spread: float) -> None:
    bank, bank_labels = clouds(spread, 300, 1)
    queries, labels = clouds(spread, 200, 2)
    reference = KNeighborsClassifier(20, metric="cosine", weights=lambda far: np.exp((1 - far) / 0.07))
    expected = 100 * reference.fit(bank.double(), bank_labels).score(queries.double(), labels)
    measured = nearest_neighbour_accuracy(bank, bank_labels, queries, labels, 4)
    assert measured == pytest.approx(expected, abs=0.01)
    assert measured == 100 if spread == 0.1 else measured < 95


def test_nearest_neighbours_are_all_there_are_in_a_bank_of_fewer_than_twenty() -> None:
    bank, bank_labels = clouds(0.1, 300, 1)
    three_of_each = torch.cat([(bank_labels == k).nonzero()[:3, 0] for k in range(4)])
    queries, labels = clouds(0.1, 50, 2)
    few, few_labels = bank[three_of_each], bank_labels[three_of_each]
    assert nearest_neighbour_accuracy(few, few_labels, queries, labels, 4) == 100


def test_many_queries_are_all_counted() -> None:
    bank, bank_labels = clouds(0.1, 300, 1)
    queries, labels = clouds(0.1, 2500, 2)
    assert nearest_neighbour_accuracy(bank, bank_labels, queries, labels, 4) == 100
    assert nearest_neighbour_accuracy(bank, bank_labels, queries, (labels + 1) % 4, 4) == 0


@pytest.mark.parametrize("spread", [0.1, 1.5, 4.0], ids=["apart", "touching", "overlapping"])
def test_linear_probe_classifies_as_scikit_learns_logistic_regression(spread: float) -> None:
    """Weight decay 1e-3 on the mean loss is C = 1 / (1e-3 * M) on their sum; one query in 400 may tip over,
    because both stop at a finite tolerance, ours in float32."""
    bank, bank_labels = clouds(spread, 300, 1)
    queries, labels = clouds(spread, 400, 2)
    scaler = StandardScaler().fit(bank.double())
    reference = LogisticRegression(C=1 / (1e-3 * 300), max_iter=10_000, tol=1e-8)
    reference.fit(scaler.transform(bank.double()), bank_labels)
    expected = 100 * reference.score(scaler.transform(queries.double()), labels)
    measured = linear_accuracy(bank, bank_labels, queries, labels, 4)
    assert measured == pytest.approx(expected, abs=0.26)
    assert measured == 100 if spread == 0.1 else 30 < measured < 95


def test_linear_probe_bears_features_that_never_change() -> None:
    bank, bank_labels = clouds(0.1, 200, 1)
    queries, labels = clouds(0.1, 100, 2)
    bank[:, 3], queries[:, 3] = 0.0, 0.0
    assert linear_accuracy(bank, bank_labels, queries, labels, 4) == 100


def test_linear_probe_leaves_its_input_alone() -> None:
    bank, bank_labels = clouds(0.1, 200, 1)
    before = bank.clone()
    linear_accuracy(bank, bank_labels, *clouds(0.1, 100, 2), 4)
    assert torch.equal(bank, before)


def test_features_are_extracted_in_order_upright_and_uncropped(planned: Planned, dataset: Dataset) -> None:
    run = planned("pretrain")
    splits = split_dataset(dataset, run.profile, "pretrain")
    network = build_network(run.profile.network, 4, 42).eval()
    data = ProbeData(splits, run.profile, CPU)
    pooled, labels = data.extract(network, data.bank, lambda: False)
    images = torch.from_numpy(dataset.train.dense()).to(torch.float32).div(255)
    with torch.no_grad():
        expected = features(network, TF.normalize(images, (0.3094,) * 3, (0.3488,) * 3))
    torch.testing.assert_close(pooled, expected)
    assert labels.tolist() == dataset.train.labels.tolist()
    assert pooled.dtype == torch.float32


def test_random_network_has_fresh_weights_and_statistics_of_the_training_images(
    planned: Planned, dataset: Dataset
) -> None:
    profile = planned("pretrain", optimizer={"batch_size": 16}).profile
    splits = split_dataset(dataset, profile, "pretrain")
    network = random_network(ProbeData(splits, profile, CPU), profile, CPU, lambda: False)
    fresh = build_network(profile.network, 3, profile.seed)
    for name, parameter in fresh.named_parameters():
        assert torch.equal(network.get_parameter(name), parameter), name
    images = torch.from_numpy(dataset.train.dense()).to(torch.float32).div(255)
    images = TF.normalize(images, (0.3094,) * 3, (0.3488,) * 3)
    with torch.no_grad():
        outputs = [fresh.conv1(part).transpose(0, 1).flatten(1) for part in images.split(16)]
    means = torch.stack([output.mean(dim=1) for output in outputs]).mean(dim=0)
    variances = torch.stack([output.var(dim=1) for output in outputs]).mean(dim=0)
    torch.testing.assert_close(network.bn1.running_mean, means, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.bn1.running_var, variances, rtol=1e-4, atol=1e-5)


def test_probes_use_every_training_image_with_its_clean_label(planned: Planned, dataset: Dataset) -> None:
    run = planned("pretrain", labels={"per_class": 1, "noise": 50.0})
    splits = split_dataset(dataset, run.profile, "pretrain")
    data = ProbeData(splits, run.profile, CPU)
    network = random_network(data, run.profile, CPU, lambda: False)
    measured = probe(network, data, lambda: False)
    network.eval()
    bank = data.extract(network, data.bank, lambda: False)
    queries = data.extract(network, data.queries, lambda: False)
    assert len(bank[0]) == 37
    assert bank[1].tolist() == dataset.train.labels.tolist()
    assert measured.nearest_neighbour_accuracy == nearest_neighbour_accuracy(*bank, *queries, 3)
    assert measured.linear_accuracy == linear_accuracy(*bank, *queries, 3)


def test_probing_leaves_the_weights_and_statistics_as_they_are(planned: Planned, dataset: Dataset) -> None:
    run = planned("pretrain")
    network = build_network(run.profile.network, 4, 42).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    splits = split_dataset(dataset, run.profile, "pretrain")
    probe(network, ProbeData(splits, run.profile, CPU), lambda: False)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("batches", [0, 1])
def test_probing_stops_between_batches(batches: int, planned: Planned, dataset: Dataset) -> None:
    run = planned("pretrain")
    splits = split_dataset(dataset, run.profile, "pretrain")
    asked: list[Any] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > batches

    with pytest.raises(StoppedError, match="features"):
        probe(build_network(run.profile.network, 4, 42), ProbeData(splits, run.profile, CPU), stop)
    assert len(asked) == batches + 1
