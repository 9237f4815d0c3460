"""How much memory a measurement took."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]  # no types unless stubs are there
import torch


def peak_bytes() -> int:
    """The most that this process has had resident since it began, shared libraries included."""
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss would count what the parent had when it started this process
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def bytes_now() -> int:
    """What this process has resident now."""
    return int(psutil.Process().memory_info().rss)


def bytes_of_children() -> int:
    """What the children of this process have now that no other process shares."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += process.memory_full_info().uss
    return total


def device_peak_bytes(device: torch.device) -> int:
    """The most that tensors have taken on a GPU, 0 on the CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
