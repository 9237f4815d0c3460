"""Every stage equals a plain loop over torchvision's network and transforms and PyTorch's Adam.

The loop is written here from the protocol; it shares the seed of the weights and the draws with the engine,
and nothing else. Both compute in double precision, so that the order in which the engine sums up products
shows in the tenth digit and a step done otherwise in the first ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torchvision.transforms.functional as TF
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from rotui.data.images import Dataset
from rotui.data.splits import split_dataset
from rotui.engine.batches import Draws, ImagePool, evaluation_draws, training_draws
from rotui.engine.networks import build_network
from rotui.engine.seeding import derive_seed
from rotui.engine.training import Training, keep_none
from rotui.profile.stages import STAGES
from rotui.study.planning import PlannedRun

CPU = torch.device("cpu")
EPOCHS, BATCH, SEED, PADDING, ROTATIONS, SMOOTHING = 3, 16, 42, 4, 6, 0.1
MEAN, STD = (0.3094,) * 3, (0.3488,) * 3
FULL_WIDTH = {
    "network": {"architecture": "resnet10", "width": 64},
    "rotation": {"count": ROTATIONS},
    "schedule": {
        "pretrain": {"epochs": EPOCHS, "decay_every": 2},
        "downstream": {"epochs": EPOCHS, "decay_every": 1},
    },
    "scale": {"epochs": 0},
}


@dataclass(frozen=True)
class Loop:
    """What the plain loop ends with: per epoch the four numbers of a record, and the network."""

    epochs: list[tuple[float, float, float, float]]
    network: ResNet


def shown(pictures: Any, draws: Draws, position: int, *, augment: bool, rotate: bool) -> Tensor:
    picture = torch.from_numpy(pictures.image(int(draws.order[position])).copy())
    if augment:
        picture = TF.pad(picture, [PADDING] * 4)
        room = 2 * PADDING + 1
        picture = TF.crop(picture, int(draws.top[position] * room), int(draws.left[position] * room), 32, 32)
        if draws.flip[position]:
            picture = TF.hflip(picture)
    normal = TF.normalize(picture.to(torch.float32).div(255), MEAN, STD)
    return TF.rotate(normal, int(draws.rotation[position]) * 360 / ROTATIONS) if rotate else normal


def mean_and_accuracy(told: list[tuple[float, int, int]]) -> tuple[float, float]:
    seen = sum(count for _, _, count in told)
    return sum(loss * count for loss, _, count in told) / seen, 100 * sum(
        right for _, right, _ in told
    ) / seen


def plain_loop(dataset: Dataset, stage_name: str, trunk: dict[str, Tensor] | None) -> Loop:
    pretext, fine_tuned = stage_name == "pretrain", stage_name.startswith("finetune")
    classes = ROTATIONS if pretext else 3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(SEED, "weights"))
        network = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes)
    if trunk is not None:
        kept = {name: value for name, value in trunk.items() if name not in ("fc.weight", "fc.bias")}
        network.load_state_dict(kept, strict=False)
    trained = [*network.parameters()]
    if fine_tuned:
        network.requires_grad_(False)
        trained = [
            *network.layer4.requires_grad_(True).parameters(),
            *network.fc.requires_grad_(True).parameters(),
        ]
    optimizer = torch.optim.Adam(trained, lr=0.01)
    criterion = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)

    def batches(pictures: Any, draws: Draws, augment: bool) -> list[tuple[Tensor, Tensor]]:
        made = []
        for start in range(0, len(draws.order), BATCH):
            positions = range(start, min(start + BATCH, len(draws.order)))
            images = [shown(pictures, draws, p, augment=augment, rotate=pretext) for p in positions]
            labels = [
                int(draws.rotation[p] if pretext else pictures.labels[int(draws.order[p])]) for p in positions
            ]
            made.append((torch.stack(images).double(), torch.tensor(labels)))
        return made

    epochs = []
    for epoch in range(EPOCHS):
        optimizer.param_groups[0]["lr"] = 0.01 * 0.1 ** (epoch // (2 if pretext else 1))
        network.train()
        told = []
        drawn = training_draws(SEED, epoch, 37, 37, ROTATIONS if pretext else 1)
        for images, labels in batches(dataset.train, drawn, True):
            logits = network(images)
            loss = criterion(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            told.append((loss.item(), int((logits.argmax(1) == labels).sum()), len(labels)))
        network.eval()
        judged = []
        drawn = evaluation_draws(SEED, epoch, 20, ROTATIONS if pretext else 1)
        with torch.no_grad():
            for images, labels in batches(dataset.validation, drawn, False):
                logits = network(images)
                right = int((logits.argmax(1) == labels).sum())
                judged.append((criterion(logits, labels).item(), right, len(labels)))
        epochs.append((*mean_and_accuracy(told), *mean_and_accuracy(judged)))
    return Loop(epochs, network)


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Networks are made in float64, and the engine's float32 images handed to them in it."""
    read = ImagePool.read
    torch.set_default_dtype(torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImagePool, "read", lambda *arguments: read(*arguments).double())
        yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("stage", list(STAGES))
def test_losses_and_weights_equal_a_plain_loop(
    stage: str,
    dataset: Dataset,
    double_precision: None,
    planned: Callable[..., PlannedRun],
    trained: Callable[..., Any],
) -> None:
    del double_precision
    starts = stage.endswith("pretrained")
    trunk = plain_loop(dataset, "pretrain", None).network.state_dict() if starts else None
    expected = plain_loop(dataset, stage, trunk)
    records, result = trained(planned(stage, **FULL_WIDTH), trunk=trunk)
    measured = [
        (each.train_loss, each.train_accuracy, each.validation_loss, each.validation_accuracy)
        for each in records
    ]
    assert measured == [pytest.approx(numbers, rel=1e-9) for numbers in expected.epochs]
    ours, theirs = result.network.state_dict(), expected.network.state_dict()
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert torch.allclose(ours[name], value, rtol=1e-9, atol=1e-9), name


def test_learning_rate_falls_tenfold_every_fifteen_epochs(
    planned: Callable[..., PlannedRun], trained: Callable[..., Any]
) -> None:
    schedule = {"pretrain": {"epochs": 31, "decay_every": 15}}
    limited = {"limit": 6, "epochs": 0}
    records, _ = trained(planned("pretrain", schedule=schedule, scale=limited, optimizer={"batch_size": 8}))
    assert [record.epoch for record in records] == [*range(1, 32)]
    assert [record.learning_rate for record in records] == [
        0.01 * 0.1 ** (epoch // 15) for epoch in range(31)
    ]


@pytest.mark.parametrize("decay", [10, 1])
def test_each_epoch_trains_at_its_own_rate(
    decay: int, planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("supervised-random", schedule={"downstream": {"epochs": 3, "decay_every": decay}})
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, None)
    rates: list[float] = []
    for _ in range(3):
        training.train_epoch(
            lambda: False, lambda _: rates.append(training.optimizer.param_groups[0]["lr"]), keep_none
        )
    assert rates == [0.01 * 0.1 ** (epoch // decay) for epoch in range(3) for _ in range(3)]


def test_the_optimiser_is_adam_at_its_defaults_over_the_trained_parts(
    planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("finetune-random", optimizer={"learning_rate": 0.02})
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, None)
    (group,) = training.optimizer.param_groups
    assert type(training.optimizer) is torch.optim.Adam
    plain = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.02, fused=True).param_groups[0]
    assert {key: value for key, value in group.items() if key != "params"} == {
        key: value for key, value in plain.items() if key != "params"
    }
    assert len(group["params"]) == len([*training.network.layer4.parameters()]) + 2


@pytest.mark.parametrize("frozen_batch_norm", ["moving", "fixed"])
@pytest.mark.parametrize("stage", ["finetune-pretrained", "finetune-random"])
def test_frozen_weights_keep_every_bit_and_their_statistics_move_unless_fixed(
    stage: str,
    frozen_batch_norm: str,
    trunk: dict[str, Tensor],
    planned: Callable[..., PlannedRun],
    trained: Callable[..., Any],
) -> None:
    given = trunk if stage == "finetune-pretrained" else None
    run = planned(stage, network={"frozen_batch_norm": frozen_batch_norm})
    before = given or build_network(run.profile.network, 3, run.profile.seed).state_dict()
    before = {name: value.clone() for name, value in before.items()}
    _, result = trained(run, trunk=given)
    after = result.network.state_dict()
    for name, value in before.items():
        part, statistic = name.split(".")[0], name.split(".")[-1]
        if part == "fc":
            continue
        is_frozen = part != "layer4"
        same = is_frozen and (frozen_batch_norm == "fixed" or statistic in ("weight", "bias"))
        assert torch.equal(after[name], value) == same, name


def test_the_trunk_is_loaded_the_classifier_is_new_and_the_file_is_left_alone(
    trunk: dict[str, Tensor],
    planned: Callable[..., PlannedRun],
    dataset: Dataset,
    trained: Callable[..., Any],
) -> None:
    copy = {name: value.clone() for name, value in trunk.items()}
    run = planned("supervised-pretrained")
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, trunk)
    state = training.network.state_dict()
    fresh = build_network(run.profile.network, 3, run.profile.seed)
    for name in state:
        expected = fresh.state_dict()[name] if name.startswith("fc.") else trunk[name]
        assert torch.equal(state[name], expected), name
    trained(run, trunk=trunk)
    assert all(torch.equal(trunk[name], copy[name]) for name in copy)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_both_losses_spread_the_smoothing_over_all_classes(
    smoothing: float, planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    run = planned("supervised-random", loss={"label_smoothing": smoothing}, optimizer={"batch_size": 64})
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, None)
    logits: dict[bool, Tensor] = {}
    training.network.register_forward_hook(
        lambda net, _, output: logits.update({net.training: output.detach()})
    )
    record = training.train_epoch(lambda: False, lambda _: None, keep_none)
    order = training_draws(42, 0, 37, 37, 1).order
    labels = {
        True: torch.from_numpy(dataset.train.labels)[order],
        False: torch.from_numpy(dataset.validation.labels),
    }
    for mode, loss in ((True, record.train_loss), (False, record.validation_loss)):
        logs = torch.log_softmax(logits[mode], dim=1)
        hit = logs.gather(1, labels[mode][:, None]).squeeze(1)
        expected = -((1 - smoothing) * hit + smoothing * logs.mean(dim=1)).mean()
        assert loss == pytest.approx(expected.item(), rel=1e-5)
