"""Waiting for a device, without which its times are those of handing it work."""

import torch


def synchronise(device: torch.device) -> None:
    """Waits until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
