"""The least time that a training step can take here: its arithmetic and its weights' traffic at the rates
that the device reaches when it does nothing else."""

import time
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rotui.benchmark.device_clock import synchronise
from rotui.engine.evaluation import autocast
from rotui.profile.schema import Precision

BYTES_A_PARAMETER = 40
"""Of a trained parameter and step, in fp32: weight, gradient and both moments of Adam read, and all but the
gradient written (28); the gradient written, and the weight read forward and backward (12)."""
REPEATS = 5
MATRIX = {"cpu": 2048, "cuda": 8192}
COPIED_BYTES = {"cpu": 1 << 27, "cuda": 1 << 30}


def floor_seconds(
    network: nn.Module, images: Tensor, targets: Tensor, trained: Iterable[Tensor], precision: Precision
) -> float:
    """Seconds of one step of `network` on the batch, were its products as fast as one large product and its
    `trained` parameters' traffic as fast as one large copy."""
    device = images.device
    operations = step_operations(network, images, targets, precision)
    traffic = BYTES_A_PARAMETER * sum(each.numel() for each in trained)
    return operations / product_rate(device, precision) + traffic / copy_rate(device)


def step_operations(network: nn.Module, images: Tensor, targets: Tensor, precision: Precision) -> int:
    """Floating-point operations of the products of one step, forward and backward: two for each
    multiplication that is added. Leaves gradients behind."""
    network.train()
    with FlopCounterMode(display=False) as counted:
        with autocast(images.device, precision):
            loss = F.cross_entropy(network(images), targets)
        loss.backward()
    return int(counted.get_total_flops())


def product_rate(device: torch.device, precision: Precision) -> float:
    """Operations per second of a large matrix product in fp32 or bfloat16."""
    size = MATRIX[device.type]
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    one, other = (torch.rand(size, size, device=device).to(kind) for _ in range(2))
    product = torch.empty_like(one)
    return 2 * size**3 / _fastest(lambda: torch.mm(one, other, out=product), device)


def copy_rate(device: torch.device) -> float:
    """Bytes per second that a large copy reads and writes."""
    source = torch.ones(COPIED_BYTES[device.type] // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * source.nbytes / _fastest(lambda: target.copy_(source), device)


def _fastest(action: Callable[[], object], device: torch.device) -> float:
    taken = []
    for _ in range(REPEATS):
        synchronise(device)
        started = time.perf_counter()
        action()
        synchronise(device)
        taken.append(time.perf_counter() - started)
    return min(taken)
