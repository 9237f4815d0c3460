"""The process that one measurement has for itself: a case in, as JSON, and what it measured out.

Nothing that was measured before has left memory or warm caches there, and its peak memory is its own.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rotui.benchmark.cases import Case
from rotui.cores import available_cores
from rotui.errors import ExitCode, RotuiError


def measure(case: Case) -> dict[str, Any]:
    """What the case measures, as plain values."""
    if case.kind == "plain loop":
        from rotui.benchmark.plain_loop import time_plain_loop

        return asdict(time_plain_loop(case))
    from rotui.benchmark.own_training import time_runs, time_training

    return asdict(time_training(case) if case.kind == "training" else time_runs(case))


def look(device_name: str, threads: int) -> dict[str, Any]:
    """The device of that name on this machine, as `Place` has it."""
    import torch

    from rotui.engine.device import describe_device, resolve_device
    from rotui.store.provenance import provenance

    device = resolve_device(device_name)
    name = describe_device(device)
    is_cuda = device.type == "cuda"
    return {
        "device": str(device),
        "device_name": name,
        "hardware": name if is_cuda else str(provenance((), 0)["cpu"] or "unknown"),
        "cores": available_cores(),
        "threads": threads or available_cores(),
        "bf16": torch.cuda.is_bf16_supported() if is_cuda else _has_bf16(),
        "torch": torch.__version__,
    }


def prepare(root: str, sizes: list[int], data_dir: str) -> dict[str, Any]:
    """Writes folders of made-up pictures under `root`, named by their size, but for those of 32 px where
    `data_dir` has CIFAR-10, which `found` tells."""
    from rotui.benchmark.made_up import write_folder
    from rotui.benchmark.plain_loop import has_cifar10

    found = 32 in sizes and has_cifar10(Path(data_dir))
    for size in sizes:
        if not (found and size == 32):
            write_folder(Path(root) / str(size), size)
    return {"found": found}


def _has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 by itself, as far as the kernel tells."""
    try:
        words = set(Path("/proc/cpuinfo").read_text(errors="replace").split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        if "look" in request:
            return look(request["look"], request["threads"])
        if "pictures" in request:
            return prepare(request["pictures"], request["sizes"], request["cifar10"])
        return measure(Case(**request))
    except RotuiError as error:
        return {"error": str(error), "exit_code": int(error.exit_code)}
    except Exception as error:  # noqa: BLE001  # out of memory, most of all; told by who asked
        return {"error": f"{type(error).__name__}: {error}", "exit_code": int(ExitCode.RUN_FAILED)}


def main() -> None:
    """Answers the request in the second argument; nothing but the answer reaches stdout."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answers.write(json.dumps(_answer(json.loads(sys.argv[2]))) + "\n")
    answers.close()
