"""The device a run trains on, and the process-wide switches that its arithmetic depends on."""

import os
import re

import torch

from rotui.errors import DeviceError, InputError
from rotui.profile.schema import ComputeSettings
from rotui.text import printable


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
    if torch.version.cuda is None:
        return f"this PyTorch ({torch.__version__}) is built without CUDA"
    try:
        torch.cuda.init()
    except RuntimeError as error:
        return printable(str(error).strip().splitlines()[0])
    return "" if torch.cuda.device_count() else "no CUDA device is visible"


def describe_device(device: torch.device) -> str:
    """Name of the device for provenance: the GPU's model, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def apply_compute_settings(settings: ComputeSettings) -> int:
    """Sets threads and deterministic mode for the process and returns the number of CPU threads in use."""
    threads = settings.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    if settings.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(settings.deterministic)
    torch.backends.cudnn.benchmark = False
    return threads
