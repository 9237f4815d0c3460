"""The machine is read without ever failing, and told in as much detail as fits."""

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from textual.message import Message
from textual.pilot import Pilot

from rotui.tui.machine import GpuProbe, MachineProbe, MachineReading, machine_probe, visible
from rotui.tui.widgets.machine_strip import MachineStrip

Alone = Callable[..., list[Message]]
Lines = Callable[[Any], list[str]]

H200 = MachineReading("NVIDIA H200 NVL", 87.0, 12_000_000_000, 139_000_000_000, 61.0, 412.0)


class NVMLError(Exception):
    pass


class Driver:
    """NVIDIA's management library with some GPUs, of which each question can be made to fail."""

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, count: int = 1, broken: str = "", error: type[Exception] = NVMLError) -> None:
        self._count = count
        self.broken = broken
        self._error = error

    def __getattr__(self, question: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlDeviceGetCount": self._count,
            "nvmlDeviceGetName": "NVIDIA H200\x1b",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=5, total=10),
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=87),
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetPowerUsage": 412_000,
        }

        def answer(*given: Any) -> Any:
            if question == self.broken or self.broken == "all":
                raise self._error(question)
            if question == "nvmlDeviceGetHandleByIndex":
                return given[0]
            if question == "nvmlDeviceGetUUID":
                return f"GPU-{given[0]}abc"
            return answers[question]

        return answer


def drive(monkeypatch: pytest.MonkeyPatch, driver: Driver | None, wanted: str | None = None) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    if wanted is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)


def test_each_gpu_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, Driver(count=2))
    one = MachineReading("NVIDIA H200\\x1b", 87.0, 5, 10, 61.0, 412.0)
    assert machine_probe().read() == (one, one)


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "utilisation"),
        ("nvmlDeviceGetMemoryInfo", "memory_used"),
        ("nvmlDeviceGetTemperature", "temperature"),
        ("nvmlDeviceGetPowerUsage", "power"),
    ],
)
def test_what_a_gpu_does_not_tell_is_left_out(
    monkeypatch: pytest.MonkeyPatch, question: str, field: str
) -> None:
    drive(monkeypatch, Driver(broken=question))
    (reading,) = MachineProbe().read()
    assert getattr(reading, field) is None
    assert reading.name == "NVIDIA H200\\x1b"


def test_nothing_is_loaded_before_the_first_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = machine_probe()
    drive(monkeypatch, Driver())
    assert probe.read()[0].power == 412.0


@pytest.mark.parametrize(
    "driver", [None, Driver(count=0), Driver(broken="nvmlInit"), Driver(broken="nvmlInit", error=OSError)]
)
def test_without_a_gpu_processor_and_memory_are_read(
    monkeypatch: pytest.MonkeyPatch, driver: Driver | None
) -> None:
    drive(monkeypatch, driver)
    probe = MachineProbe()
    (first,) = probe.read()
    (second,) = probe.read()
    assert first.utilisation is None
    assert second.utilisation is not None
    assert second.name == "CPU"
    assert second.memory_used is not None
    assert second.memory_total is not None
    assert 0 < second.memory_used < second.memory_total


def test_a_driver_that_fails_later_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(error=RuntimeError)
    drive(monkeypatch, driver)
    probe = MachineProbe()
    assert probe.read()[0].power == 412.0
    driver.broken = "all"
    assert probe.read() == ()
    assert probe.read()[0].name == "CPU"


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        (None, [0, 1, 2]),
        ("1", [1]),
        ("2, 0", [2, 0]),
        ("1,1", [1]),
        ("", []),
        ("-1", []),
        ("0,-1,2", [0]),
        ("7", []),
        ("GPU-b", [1]),
        ("MIG-GPU-b/1/0", [0, 1, 2]),
    ],
)
def test_only_gpus_that_this_process_may_use_are_read(wanted: str | None, read: list[int]) -> None:
    assert visible(["GPU-a", "GPU-b", "GPU-c"], wanted) == read


def test_a_process_that_may_use_no_gpu_reads_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, Driver(), wanted="")
    assert GpuProbe.start() is None
    assert MachineProbe().read()[0].name == "CPU"


class FakeProbe:
    """Gives what a test set, in the thread that asks."""

    def __init__(self, *readings: MachineReading) -> None:
        self.readings = readings
        self.threads: set[int] = set()
        self.error: Exception | None = None

    def read(self) -> tuple[MachineReading, ...]:
        self.threads.add(threading.get_ident())
        if self.error is not None:
            raise self.error
        return self.readings


async def until_shown(pilot: Pilot[None], strip: MachineStrip, text: str) -> str:
    while text not in (line := strip.line(strip.size.width).plain):
        await pilot.pause(0.01)
    return line


def test_the_strip_tells_device_rate_and_status(alone: Alone, lines: Lines) -> None:
    strip = MachineStrip(FakeProbe(H200))

    async def check(pilot: Pilot[None]) -> None:
        strip.set_rate(12345.6)
        strip.set_status("3 of 7 runs")
        line = await until_shown(pilot, strip, "H200")
        assert line.startswith("NVIDIA H200 NVL ████░ 87 % 12.0/139 GB 61 °C 412 W   12,346 images/s   ")
        assert line.endswith(" 3 of 7 runs")
        await pilot.pause()
        assert lines(strip) == [line]
        strip.set_rate(None)
        strip.set_status("")
        assert "images" not in strip.line(120).plain

    alone(strip, check, size=(120, 1))


@pytest.mark.parametrize(
    ("width", "start"),
    [
        (90, "H200 ████░ 87 % 12.0/139 GB 61 °C 412 W   12,346 images/s"),
        (67, "H200 87% 12/139G 61° 412W   12,346 images/s"),
        (50, "87% 12/139G   12,346 images/s"),
        (40, "87%   12,346 images/s        3 of 7 runs"),
        (22, "12,346 images/s   87%"),
        (10, "12,346 im…"),
        (1, "…"),
    ],
)
def test_less_room_takes_details_away(alone: Alone, width: int, start: str) -> None:
    strip = MachineStrip(FakeProbe(H200))

    async def check(pilot: Pilot[None]) -> None:
        strip.set_rate(12345.6)
        strip.set_status("3 of 7 runs" if width < 60 else "3 of 7 runs, since this morning")
        while "87" not in strip.line(200).plain:
            await pilot.pause(0.01)
        line = strip.line(width)
        assert line.plain.startswith(start)
        assert line.cell_len <= width

    alone(strip, check)


def test_several_devices_are_numbered_and_each_told_shorter(alone: Alone) -> None:
    strip = MachineStrip(FakeProbe(*[H200] * 4))

    async def check(pilot: Pilot[None]) -> None:
        await until_shown(pilot, strip, "87")
        assert strip.line(80).plain == "   ".join(f"{index} 87% 12/139G" for index in range(4))
        assert strip.line(40).plain.rstrip() == "   ".join(f"{index} 87%" for index in range(4))
        for width in range(1, 200):
            assert cell_len(strip.line(width).plain) <= width

    alone(strip, check)


def test_what_a_device_does_not_tell_is_not_shown(alone: Alone) -> None:
    strip = MachineStrip(FakeProbe(MachineReading("CPU", None, 4_000_000_000, 25_000_000_000)))

    async def check(pilot: Pilot[None]) -> None:
        await until_shown(pilot, strip, "CPU")
        assert strip.line(80).plain == "CPU 4.0/25 GB"

    alone(strip, check)


def test_the_probe_is_read_again_and_never_on_the_event_loop(alone: Alone) -> None:
    probe = FakeProbe(H200)
    strip = MachineStrip(probe)

    async def check(pilot: Pilot[None]) -> None:
        await until_shown(pilot, strip, "87")
        probe.error = RuntimeError("gone")
        strip._look()
        await pilot.pause(0.01)
        probe.error = None
        probe.readings = (MachineReading("CPU", 12.0),)
        await until_shown(pilot, strip, "12 %")
        assert threading.get_ident() not in probe.threads

    alone(strip, check)


def test_a_status_from_outside_is_shown_as_text(alone: Alone) -> None:
    strip = MachineStrip(FakeProbe())

    async def check(_: Pilot[None]) -> None:
        strip.set_status("[bold]\x1b[31m\nhi")
        assert strip.line(80).plain.strip() == "[bold]\\x1b[31m\\nhi"

    alone(strip, check)
