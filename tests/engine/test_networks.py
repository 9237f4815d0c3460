"""The networks are torchvision's, to the bit where they are unchanged, and by name where they are not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torchvision
from torch import nn

from rotui.engine.networks import (
    build_network,
    features,
    frozen_parts,
    load_trunk,
    set_trained_parts,
    set_training_mode,
    trunk_of,
)
from rotui.engine.seeding import derive_seed
from rotui.profile.schema import NetworkSettings
from rotui.profile.stages import STAGES

SMALL = NetworkSettings(architecture="resnet10", width=8)


def torchvisions(make: Callable[..., nn.Module], outputs: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        return make(weights=None, num_classes=outputs)


def assert_equal_bits(one: nn.Module, other: nn.Module) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype
        assert torch.equal(ours[name], value), name


@pytest.mark.parametrize(("architecture", "outputs"), [("resnet18", 4), ("resnet34", 10), ("resnet50", 6)])
def test_unchanged_networks_are_torchvisions_to_the_bit(architecture: str, outputs: int) -> None:
    reference = torchvisions(getattr(torchvision.models, architecture), outputs, 42)
    network = build_network(NetworkSettings(architecture=architecture), outputs, 42)
    assert_equal_bits(network, reference)
    assert [type(part) for part in network.children()] == [type(part) for part in reference.children()]
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network.eval()(images), reference.eval()(images))


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
@pytest.mark.parametrize("width", [8, 64])
def test_names_stay_torchvisions_whatever_the_stem_and_width(stem: str, width: int) -> None:
    settings = NetworkSettings(architecture="resnet18", stem=stem, width=width)
    reference = torchvision.models.resnet18(weights=None, num_classes=10)
    assert list(build_network(settings, 10, 1).state_dict()) == list(reference.state_dict())


def shapes_through(network: nn.Module, images: torch.Tensor) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, part in network.named_children():
        part.register_forward_hook(
            lambda _part, _inputs, output, name=name: shapes.update({name: tuple(output.shape)})
        )
    network(images)
    return shapes


@pytest.mark.parametrize("architecture", ["resnet10", "resnet50"])
@pytest.mark.parametrize("width", [8, 16])
def test_stems_set_the_size_of_every_layers_output(architecture: str, width: int) -> None:
    images = torch.randn(2, 3, 32, 32)
    deep = 4 if architecture == "resnet50" else 1
    for stem, first, sizes in (("imagenet", 16, (8, 4, 2, 1)), ("cifar", 32, (32, 16, 8, 4))):
        settings = NetworkSettings(architecture=architecture, stem=stem, width=width)
        shapes = shapes_through(build_network(settings, 10, 0), images)
        assert shapes["conv1"] == (2, width, first, first)
        assert shapes["maxpool"] == (2, width, sizes[0], sizes[0])
        for number, size in enumerate(sizes):
            channels = width * deep * 2**number
            assert shapes[f"layer{number + 1}"] == (2, channels, size, size)
        assert shapes["fc"] == (2, 10)


def test_changed_stem_is_initialised_as_torchvision_initialises_convolutions() -> None:
    settings = NetworkSettings(architecture="resnet10", stem="cifar", width=128)
    network = build_network(settings, 10, 0)
    expected = (2 / (128 * 9)) ** 0.5
    assert network.conv1.weight.std().item() == pytest.approx(expected, rel=0.05)
    assert torch.all(network.bn1.weight == 1)
    assert network.fc.in_features == 1024


def test_resnet10_has_one_block_in_each_layer() -> None:
    network = build_network(NetworkSettings(architecture="resnet10"), 4, 0)
    reference = torchvision.models.resnet.ResNet(
        torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=4
    )
    assert [(name, value.shape) for name, value in network.state_dict().items()] == [
        (name, value.shape) for name, value in reference.state_dict().items()
    ]


def test_weights_depend_on_the_seed_alone_and_leave_torchs_generator_as_it_was() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build_network(SMALL, 4, 42)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert_equal_bits(build_network(SMALL, 4, 42), first)
    assert not torch.equal(build_network(SMALL, 4, 43).conv1.weight, first.conv1.weight)


def test_networks_built_in_several_threads_at_once_have_the_same_weights() -> None:
    alone = build_network(SMALL, 4, 42)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as threads:
        built = list(threads.map(lambda seed: build_network(SMALL, 4, seed), [42, 43] * 6))
    assert torch.equal(torch.get_rng_state(), before)
    for network in built[::2]:
        assert_equal_bits(network, alone)


@pytest.mark.parametrize("stage", list(STAGES))
def test_the_optimiser_is_given_the_trained_parts_only(stage: str) -> None:
    network = build_network(SMALL, 10, 0)
    trained = set_trained_parts(network, STAGES[stage])
    names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert {id(parameter) for parameter in trained} == {id(network.get_parameter(name)) for name in names}
    if "finetune" in stage:
        assert {name.split(".")[0] for name in names} == {"layer4", "fc"}
        assert len(names) == len([*network.layer4.parameters(), *network.fc.parameters()])
    else:
        assert names == [name for name, _ in network.named_parameters()]


@pytest.mark.parametrize("stage", list(STAGES))
@pytest.mark.parametrize("frozen", ["moving", "fixed"])
def test_only_the_frozen_parts_of_a_fixed_network_leave_training_mode(stage: str, frozen: str) -> None:
    network = build_network(SMALL.model_copy(update={"frozen_batch_norm": frozen}), 10, 0).eval()
    settings = SMALL.model_copy(update={"frozen_batch_norm": frozen})
    set_training_mode(network, STAGES[stage], settings)
    resting = {name for name, part in network.named_children() if not part.training}
    if frozen == "fixed" and "finetune" in stage:
        assert resting == {"conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "avgpool"}
        assert not any(part.training for part in network.layer3.modules())
        assert resting == {
            name for name, part in network.named_children() if part in [*frozen_parts(network)]
        }
    else:
        assert resting == set()


def test_a_trunk_brings_all_but_the_classifier() -> None:
    pretrained = build_network(SMALL, 4, 1)
    pretrained.bn1.running_mean.fill_(3.0)
    network = build_network(SMALL, 10, 2)
    head = network.fc.weight.clone()
    load_trunk(network, pretrained.state_dict())
    assert torch.equal(network.fc.weight, head)
    for name, value in trunk_of(pretrained.state_dict()).items():
        assert torch.equal(network.state_dict()[name], value), name
    assert not any(name.startswith("fc") for name in trunk_of(pretrained.state_dict()))


@pytest.mark.parametrize("fault", ["missing", "left over", "shape"])
def test_a_trunk_that_does_not_fit_is_refused(fault: str) -> None:
    network = build_network(SMALL, 10, 2)
    trunk = build_network(SMALL, 4, 1).state_dict()
    if fault == "missing":
        del trunk["layer1.0.conv1.weight"]
    elif fault == "left over":
        trunk["layer9.weight"] = torch.zeros(1)
    else:
        trunk["conv1.weight"] = torch.zeros(16, 3, 7, 7)
    with pytest.raises(RuntimeError, match=r"layer1\.0\.conv1|layer9|conv1"):
        load_trunk(network, trunk)


def test_features_are_what_the_classifier_sees() -> None:
    network = build_network(SMALL, 10, 2).eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        pooled = features(network, images)
        assert pooled.shape == (3, 64)
        assert torch.equal(network.fc(pooled), network(images))
