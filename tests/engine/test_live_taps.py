"""Matrix products of live taps: they give what convolutions give, and are kept as torchvision keeps those."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rotui.data.images import Dataset
from rotui.data.splits import split_dataset
from rotui.engine.live_taps import LiveTapsConv2d, dense_axis, keep_live_taps
from rotui.engine.networks import build_network, load_trunk
from rotui.engine.seeding import generator
from rotui.engine.training import Training, keep_none
from rotui.engine.weights import weights_to_bytes
from rotui.profile.schema import NetworkSettings
from rotui.study.planning import PlannedRun

CPU = torch.device("cpu")
NARROW = NetworkSettings(width=8)


def pair(settings: NetworkSettings, size: int, **changes: Any) -> tuple[nn.Module, nn.Module]:
    """torchvision's network and the same with live taps, in double precision."""
    whole = build_network(settings.model_copy(update=changes), 4, 3)
    live = copy.deepcopy(whole)
    keep_live_taps(live, size)
    return whole.double(), live.double()


def live_parts(network: nn.Module) -> dict[str, LiveTapsConv2d]:
    return {name: part for name, part in network.named_modules() if isinstance(part, LiveTapsConv2d)}


@pytest.mark.parametrize(("architecture", "dead"), [("resnet18", 62), ("resnet34", 52), ("resnet50", 23)])
def test_at_32_px_the_published_share_of_weights_is_dead(architecture: str, dead: int) -> None:
    whole, live = pair(NetworkSettings(), 32, architecture=architecture)
    kept, every = (sum(each.numel() for each in network.parameters()) for network in (live, whole))
    assert round(100 * (1 - kept / every)) == dead


@pytest.mark.parametrize("size", [8, 16, 32, 48, 64, 96])
@pytest.mark.parametrize("architecture", ["resnet10", "resnet18", "resnet50"])
def test_logits_and_gradients_are_those_of_convolutions_and_dead_taps_get_none(
    architecture: str, size: int
) -> None:
    whole, live = pair(NARROW, size, architecture=architecture)
    images = torch.randn(32, 3, size, size, dtype=torch.double, generator=generator(1, "images"))
    targets = torch.arange(32) % 4
    logits = [network.train()(images) for network in (whole, live)]
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-9, atol=1e-9)
    for each in logits:
        F.cross_entropy(each, targets).backward()
    parts = live_parts(live)
    ours = dict(live.named_parameters())
    for name, parameter in whole.named_parameters():
        expected, part = parameter.grad, parts.get(name.removesuffix(".weight"))
        assert expected is not None
        if part is not None:
            taps = (slice(None), slice(None), part.rows.live, part.columns.live)
            dead = expected.clone()
            dead[taps] = 0
            assert not dead.any(), name
            expected = expected[taps]
        torch.testing.assert_close(ours[name].grad, expected, rtol=1e-7, atol=1e-9)


def test_nothing_is_changed_where_outputs_see_different_pixels() -> None:
    assert not live_parts(pair(NARROW, 96)[1])
    assert not live_parts(pair(NARROW, 32, stem="cifar")[1])
    assert len(live_parts(pair(NARROW, 32)[1])) == 8


AXES = [
    (size, kernel, stride, padding)
    for size in range(1, 6)
    for kernel in (1, 2, 3, 7)
    for stride in (1, 2)
    for padding in (0, 1, 3)
    if size + 2 * padding >= kernel
]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), AXES)
def test_an_axis_is_dense_when_each_output_sees_the_same_pixels(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    positions = range(0, size + 2 * padding - kernel + 1, stride)
    seen = [{start + tap - padding for tap in range(kernel)} & {*range(size)} for start in positions]
    axis = dense_axis(size, kernel, stride, padding)
    assert (axis is not None) == (bool(seen[0]) and all(each == seen[0] for each in seen))
    if axis is not None:
        assert {*range(axis.seen.start, axis.seen.stop)} == seen[0]
        live = {pixel + padding - start for start in positions for pixel in seen[0]}
        assert {*range(axis.live.start, axis.live.stop)} == live
        assert [axis.live.start + start for start in axis.starts] == [
            min(seen[0]) + padding - position for position in positions
        ]


def test_the_state_dict_is_torchvisions_whole_one_and_loads_back_and_into_it() -> None:
    whole, live = pair(NARROW, 32)
    kept = live.state_dict()
    assert {name: value.shape for name, value in kept.items()} == {
        name: value.shape for name, value in whole.state_dict().items()
    }
    with torch.no_grad():
        for parameter in live.parameters():
            parameter += 1
    moved = live.state_dict()
    dead = sum(int((moved[name] == kept[name]).sum()) for name in moved if name.endswith("conv2.weight"))
    assert dead > 0
    whole.load_state_dict(moved)
    images = torch.randn(2, 3, 32, 32, dtype=torch.double)
    torch.testing.assert_close(whole.eval()(images), live.eval()(images))
    again = pair(NARROW, 32)[1]
    again.load_state_dict(moved)
    assert weights_to_bytes(again, {}) == weights_to_bytes(live, {})  # type: ignore[arg-type]


def test_a_trunk_of_another_shape_is_refused_by_name() -> None:
    live = build_network(NARROW, 4, 3)
    keep_live_taps(live, 32)
    other = build_network(NetworkSettings(width=16), 4, 3)
    with pytest.raises(RuntimeError, match=r"layer4\.0\.conv1\.weight"):
        load_trunk(live, other.state_dict())


def test_the_taps_that_are_dead_are_those_that_were_loaded() -> None:
    live = build_network(NARROW, 4, 3)
    keep_live_taps(live, 32)
    other = build_network(NARROW, 4, 8).state_dict()
    live.load_state_dict(other)
    kept = live.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in other.items())


def test_weights_that_are_missing_or_too_many_are_told_by_name() -> None:
    live = build_network(NARROW, 4, 3)
    keep_live_taps(live, 32)
    given = live.state_dict()
    taken = given.pop("layer4.0.conv1.weight")
    with pytest.raises(RuntimeError, match=r"Missing key.*layer4\.0\.conv1\.weight"):
        live.load_state_dict(given)
    whole = {**given, "layer4.0.conv1.weight": taken}
    with pytest.raises(RuntimeError, match=r"Unexpected key.*layer4\.0\.conv1\.bias"):
        live.load_state_dict({**whole, "layer4.0.conv1.bias": torch.zeros(64)})
    live.load_state_dict(whole)


@pytest.mark.parametrize("training", [True, False])
def test_a_network_whose_sizes_were_looked_up_is_as_it_was(training: bool) -> None:
    live = build_network(NARROW, 4, 3).train(training)
    before = {name: value.clone() for name, value in live.state_dict().items()}
    keep_live_taps(live, 32)
    kept = [part for name, part in live.named_modules() if name not in live_parts(live)]
    assert {part.training for part in kept} == {training}
    assert all(torch.equal(value, before[name]) for name, value in live.state_dict().items())
    assert not any(part._forward_pre_hooks for part in live.modules())


def twenty_steps(run: PlannedRun, dataset: Dataset) -> tuple[list[float], dict[str, Tensor]]:
    """The loss of each of twenty training steps, and the weights after them."""
    training = Training(run, split_dataset(dataset, run.profile, run.stage_name), CPU, None)
    losses: list[float] = []

    def observe(_: object) -> None:
        losses.append(float(training.meter.loss))

    while len(losses) < 20:
        training.train_epoch(lambda: False, observe, keep_none)
    return losses[:20], training.network.state_dict()


@pytest.mark.parametrize("stage", ["pretrain", "finetune-random", "supervised-random"])
def test_twenty_training_steps_equal_those_with_whole_kernels_to_fp32_rounding(
    stage: str, planned: Callable[..., PlannedRun], dataset: Dataset
) -> None:
    """At a rate at which rounding does not grow from step to step."""
    settings = {"network": {"architecture": "resnet18", "width": 16}, "optimizer": {"learning_rate": 1e-6}}
    live, whole = (
        twenty_steps(planned(stage, compute={"live_taps": taps}, scale={"epochs": 8}, **settings), dataset)
        for taps in (True, False)
    )
    assert live[0] == pytest.approx(whole[0], rel=1e-5)
    for name, value in whole[1].items():
        torch.testing.assert_close(live[1][name], value, rtol=1e-4, atol=2e-5, msg=f"{name} differs")
