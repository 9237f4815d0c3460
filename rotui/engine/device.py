"""The device a run trains on, and the process-wide switches that its arithmetic depends on."""

import os
import re

import torch

from rotui.cores import available_cores
from rotui.engine.memory import keep_freed_memory
from rotui.errors import DeviceError, InputError
from rotui.profile.schema import ComputeSettings
from rotui.text import printable

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""Read when CUDA starts; without it no product of matrices is deterministic there."""
os.environ.setdefault("TORCH_CUBLAS_WORKSPACE_CACHE", "0")
"""Captured steps that are replayed at the same time must not share a workspace."""


def resolve_device(name: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is the first CUDA device, else the CPU.

    Raises InputError for another name and DeviceError with the reason where CUDA was asked for and cannot be
    used: it is never replaced by the CPU in silence.
    """
    if name == "cpu":
        return torch.device("cpu")
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", name)
    if match is None:
        raise InputError(f"--device: there is no device {printable(name)!r} (auto, cpu, cuda or cuda:N)")
    reason = _why_no_cuda()
    if reason:
        raise DeviceError(f"--device {name}: {reason} (auto or cpu train on the CPU)")
    number = int(match[1] or 0)
    count = torch.cuda.device_count()
    if number >= count:
        raise DeviceError(
            f"--device {name}: this machine has {count} CUDA device(s) (cuda:0 to cuda:{count - 1})"
        )
    return torch.device("cuda", number)


def _why_no_cuda() -> str:
    if torch.version.cuda is None and torch.version.hip is None:
        return f"this PyTorch ({torch.__version__}) is built without CUDA"
    try:
        torch.cuda.init()
    except RuntimeError as error:
        return printable(str(error).strip().splitlines()[0])
    return "" if torch.cuda.device_count() else "no CUDA device is visible"


def describe_device(device: torch.device) -> str:
    """Name of the device for provenance: the GPU's model, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def device_identity(device: torch.device) -> str:
    """What names the device on this machine whatever its number is here: a GPU's UUID, or `cpu`."""
    if device.type != "cuda":
        return device.type
    return str(torch.cuda.get_device_properties(device).uuid)


def device_provenance(device: torch.device) -> dict[str, str | int | None]:
    """Name, driver library versions and capability of the device, as plain values."""
    values: dict[str, str | int | None] = {"device": str(device), "device_name": describe_device(device)}
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        values |= {
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "capability": f"{major}.{minor}",
        }
    return values


def thread_count(settings: ComputeSettings) -> int:
    """CPU threads that a run with these settings uses here."""
    return settings.threads or available_cores()


def environment(device: torch.device, settings: ComputeSettings) -> dict[str, str | int]:
    """What a run's bits depend on beside its own settings, as plain values."""
    values: dict[str, str | int] = {"torch": torch.__version__, "device": describe_device(device)}
    if device.type == "cpu":
        capability = torch.backends.cpu.get_cpu_capability()
        values |= {"threads": thread_count(settings), "cpu capability": capability}
    return values


def repeats_exactly(device: torch.device, settings: ComputeSettings) -> bool:
    """Whether the same settings in the same environment give the same bits."""
    return device.type == "cpu" or settings.deterministic


def apply_compute_settings(settings: ComputeSettings) -> int:
    """Sets threads and deterministic mode for the process and returns the number of CPU threads in use."""
    threads = thread_count(settings)
    keep_freed_memory()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(settings.deterministic)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return threads
