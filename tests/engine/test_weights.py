"""Weights come back from a file as they were, under torchvision's names; a damaged file is one message."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors import safe_open

from rotui.engine.networks import build_network
from rotui.engine.weights import load_weights, weights_to_bytes
from rotui.errors import ExitCode, StoreError
from rotui.profile.schema import NetworkSettings

SMALL = NetworkSettings(architecture="resnet10", width=8)


def test_weights_come_back_to_the_bit_with_their_dtypes_and_metadata(tmp_path: Path) -> None:
    network = build_network(SMALL, 4, 42)
    network.bn1.num_batches_tracked += 7
    file = tmp_path / "model.safetensors"
    file.write_bytes(weights_to_bytes(network, {"rotui.key": "abc"}))
    loaded = load_weights(file)
    assert set(loaded) == set(network.state_dict())
    for name, value in network.state_dict().items():
        assert loaded[name].dtype == value.dtype
        assert torch.equal(loaded[name], value)
    with safe_open(file, "pt") as opened:
        assert opened.metadata() == {"rotui.key": "abc"}


def test_the_same_weights_are_the_same_bytes() -> None:
    network = build_network(SMALL, 4, 42)
    assert weights_to_bytes(network, {}) == weights_to_bytes(build_network(SMALL, 4, 42), {})
    assert weights_to_bytes(network, {}) != weights_to_bytes(build_network(SMALL, 4, 43), {})


def test_channels_last_weights_are_stored_as_torchvision_lays_them() -> None:
    network = build_network(SMALL, 4, 42)
    expected = weights_to_bytes(network, {})
    assert weights_to_bytes(network.to(memory_format=torch.channels_last), {}) == expected


def test_torchvision_loads_the_file_of_its_own_architecture(tmp_path: Path) -> None:
    network = build_network(NetworkSettings(), 4, 42)
    (tmp_path / "model.safetensors").write_bytes(weights_to_bytes(network, {}))
    reference = torchvision.models.resnet18(weights=None, num_classes=4)
    reference.load_state_dict(load_weights(tmp_path / "model.safetensors"), strict=True)
    assert torch.equal(reference.conv1.weight, network.conv1.weight)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:0],
        lambda content: content[:7],
        lambda content: content[:100],
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: content[:8] + b"[" + content[9:],
        lambda content: b"PK\x03\x04" + content,
    ],
    ids=[
        "empty",
        "no length",
        "cut header",
        "cut tensor",
        "longer",
        "huge length",
        "no JSON",
        "another kind",
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "model\x1b[31m.safetensors"
    file.write_bytes(damage(weights_to_bytes(build_network(SMALL, 4, 42), {})))
    with pytest.raises(
        StoreError, match=r"model\\x1b\[31m\.safetensors: the weights cannot be read"
    ) as caught:
        load_weights(file)
    assert caught.value.exit_code == ExitCode.STORE


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_is_no_file_is_an_error_that_names_it(kind: str, tmp_path: Path) -> None:
    place = tmp_path if kind == "folder" else tmp_path / "nothing.safetensors"
    with pytest.raises(StoreError, match=f"{place.name}: the weights cannot be read"):
        load_weights(place)
