"""Weights as safetensors, under torchvision's parameter names."""

from pathlib import Path

import safetensors
import torch
from safetensors.torch import load, save
from torch import Tensor

from rotui.errors import StoreError
from rotui.text import printable


def weights_to_bytes(network: torch.nn.Module, metadata: dict[str, str]) -> bytes:
    """The network's whole state dict in its own dtypes, as the content of a .safetensors file."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    return save(state, metadata=metadata)


def load_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, on the CPU. Raises StoreError where it cannot be read."""
    try:
        return load(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise StoreError(f"{printable(path)}: the weights cannot be read: {printable(error)}") from error
