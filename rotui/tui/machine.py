"""How busy the machine is: each GPU by NVIDIA's management library, else processor and memory.

Reading takes about a millisecond; the first reading, which loads the libraries, takes longer.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from rotui.text import printable

Value = TypeVar("Value")


@dataclass(frozen=True)
class MachineReading:
    """One device at one moment; None where it does not tell. Memory in bytes, temperature in degrees Celsius,
    power in watts."""

    name: str
    utilisation: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    temperature: float | None = None
    power: float | None = None


class Probe(Protocol):
    """What reads the machine: never raises, and is called from one thread at a time."""

    def read(self) -> tuple[MachineReading, ...]:
        """Each device as it is now."""


class MachineProbe:
    """Reads the GPUs where there are any that answer, else processor and memory. Loads nothing before the
    first reading."""

    def __init__(self) -> None:
        self._probe: Probe | None = None

    def read(self) -> tuple[MachineReading, ...]:
        if self._probe is None:
            self._probe = GpuProbe.start() or ProcessorProbe()
        try:
            return self._probe.read()
        except Exception:  # noqa: BLE001 - a driver that went away must not take the console with it
            self._probe = ProcessorProbe()
            return ()


class GpuProbe:
    """The GPUs that this process may use."""

    def __init__(self, library: Any, handles: list[Any]) -> None:
        self._library = library
        self._handles = handles

    @classmethod
    def start(cls) -> "GpuProbe | None":
        """A probe of the GPUs, None where there are none or no driver."""
        try:
            import pynvml  # type: ignore[import-untyped,unused-ignore]  # no types

            pynvml.nvmlInit()
            handles = [
                pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
            ]
            identities = [str(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
        except Exception:  # noqa: BLE001 - whatever is amiss with it, there is no GPU to read
            return None
        usable = visible(identities, os.environ.get("CUDA_VISIBLE_DEVICES"))
        return cls(pynvml, [handles[index] for index in usable]) if usable else None

    def read(self) -> tuple[MachineReading, ...]:
        return tuple(self._reading(handle) for handle in self._handles)

    def _reading(self, handle: Any) -> MachineReading:
        library = self._library
        memory = self._told(lambda: library.nvmlDeviceGetMemoryInfo(handle))
        return MachineReading(
            name=printable(self._told(lambda: str(library.nvmlDeviceGetName(handle))) or "GPU", 40),
            utilisation=self._told(lambda: float(library.nvmlDeviceGetUtilizationRates(handle).gpu)),
            memory_used=memory and int(memory.used),
            memory_total=memory and int(memory.total),
            temperature=self._told(
                lambda: float(library.nvmlDeviceGetTemperature(handle, library.NVML_TEMPERATURE_GPU))
            ),
            power=self._told(lambda: library.nvmlDeviceGetPowerUsage(handle) / 1000),
        )

    def _told(self, ask: Callable[[], Value]) -> Value | None:
        try:
            return ask()
        except self._library.NVMLError:
            return None


class ProcessorProbe:
    """Processor and memory of the whole machine."""

    def __init__(self) -> None:
        self._first = True

    def read(self) -> tuple[MachineReading, ...]:
        import psutil  # type: ignore[import-untyped,unused-ignore]

        utilisation = float(psutil.cpu_percent(None))
        memory = psutil.virtual_memory()
        meaningless, self._first = self._first, False
        return (
            MachineReading(
                name="CPU",
                utilisation=None if meaningless else utilisation,
                memory_used=int(memory.total - memory.available),
                memory_total=int(memory.total),
            ),
        )


def visible(identities: list[str], wanted: str | None) -> list[int]:
    """Which of the GPUs with these identities CUDA_VISIBLE_DEVICES lets a process use; all where it is not
    set or names something else, such as a slice of a GPU."""
    everything = list(range(len(identities)))
    if wanted is None:
        return everything
    chosen: list[int] = []
    for word in (word.strip() for word in wanted.split(",") if word.strip()):
        if word.startswith("-"):
            break
        if word.isdecimal():
            chosen += [int(word)] if int(word) < len(identities) else []
        elif word.startswith("GPU-"):
            chosen += [index for index, each in enumerate(identities) if each.startswith(word)][:1]
        else:
            return everything
    return list(dict.fromkeys(chosen))


def machine_probe() -> Probe:
    """The probe of this machine; it costs nothing until it is read."""
    return MachineProbe()
