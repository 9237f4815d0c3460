"""Adam as the study uses it, with all that changes at fixed places: what a captured step needs."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def make_optimizer(
    trained: Sequence[nn.Parameter], learning_rate: float, device: torch.device
) -> torch.optim.Adam:
    """Adam in one fused kernel, its moments there from the start. On CUDA its learning rate is a tensor too,
    which a captured step reads."""
    captured = device.type == "cuda"
    rate = torch.tensor(learning_rate, device=device) if captured else learning_rate
    optimizer = torch.optim.Adam(trained, lr=rate, fused=True, capturable=captured)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*capturable.*")  # it is not captured yet
        optimizer.step()  # of no length: the gradients are zero
    optimizer.zero_grad(set_to_none=True)
    reset_optimizer(optimizer)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Adam, learning_rate: float) -> None:
    """Changes the learning rate, in place where it is on the device."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(learning_rate)
        else:
            group["lr"] = learning_rate


def reset_optimizer(optimizer: torch.optim.Adam) -> None:
    """As if it had not taken a step."""
    for tensor in optimizer_tensors(optimizer):
        tensor.zero_()


def optimizer_state(optimizer: torch.optim.Adam) -> list[dict[str, Tensor]]:
    """Steps and both moments of each parameter, in the order of the parameters; not copied."""
    return [dict(optimizer.state[each]) for group in optimizer.param_groups for each in group["params"]]


def optimizer_tensors(optimizer: torch.optim.Adam) -> list[Tensor]:
    """All that a step changes but the parameters."""
    return [tensor for state in optimizer_state(optimizer) for tensor in state.values()]


def restore_optimizer(optimizer: torch.optim.Adam, states: Sequence[dict[str, Tensor]]) -> None:
    """Copies what `optimizer_state` gave into the same memory. Raises ValueError or KeyError where it is of
    other parameters."""
    for own, given in zip(optimizer_state(optimizer), states, strict=True):
        for name, tensor in own.items():
            if given[name].shape != tensor.shape:
                raise ValueError(
                    f"{name} has the shape {tuple(given[name].shape)}, not {tuple(tensor.shape)}"
                )
            tensor.copy_(given[name])
