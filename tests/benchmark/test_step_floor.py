"""The floor: operations counted as the layers have them, rates that a device can have."""

import pytest
import torch
from torch import nn

from rotui.benchmark.floor import (
    BYTES_A_PARAMETER,
    MATRIX,
    copy_rate,
    floor_seconds,
    product_rate,
    step_operations,
)

IMAGES = torch.rand(8, 3, 4, 4)
TARGETS = torch.arange(8) % 5
CPU = torch.device("cpu")


def network(frozen: bool = False) -> nn.Sequential:
    made = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(96, 5))
    made[0].requires_grad_(not frozen)
    return made


def test_a_step_is_counted_forward_and_backward() -> None:
    convolution = 2 * 8 * 16 * 6 * 27
    linear = 2 * 8 * 96 * 5
    assert step_operations(network(), IMAGES, TARGETS, "fp32") == 2 * convolution + 3 * linear


def test_what_is_frozen_costs_no_backward() -> None:
    convolution = 2 * 8 * 16 * 6 * 27
    linear = 2 * 8 * 96 * 5
    assert step_operations(network(frozen=True), IMAGES, TARGETS, "fp32") == convolution + 2 * linear


def test_the_floor_is_arithmetic_and_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotui.benchmark.floor.product_rate", lambda *_: 1000.0)
    monkeypatch.setattr("rotui.benchmark.floor.copy_rate", lambda *_: 100.0)
    made = network()
    trained = list(made.parameters())
    expected = step_operations(made, IMAGES, TARGETS, "fp32") / 1000 + BYTES_A_PARAMETER * (162 + 485) / 100
    assert floor_seconds(made, IMAGES, TARGETS, trained, "fp32") == pytest.approx(expected)


def test_rates_are_measured_in_both_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MATRIX, "cpu", 64)
    assert product_rate(CPU, "fp32") > 1e6
    assert product_rate(CPU, "bf16") > 1e5
    assert copy_rate(CPU) > 1e7
