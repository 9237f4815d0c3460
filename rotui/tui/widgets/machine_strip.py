"""One line on what the machine does: utilisation, memory, temperature, power, and images per second."""

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.message import Message
from textual.widget import Widget

from rotui.text import printable
from rotui.tui.machine import MachineReading, Probe

SECONDS = 2.0
"""Time between two readings."""

BLOCKS = 5
"""Cells of the meter of utilisation."""

GAP = 3
"""Blank cells between what is told."""

STATUS = 20
"""Cells that the status gets at least, if it is as long, before details of devices do."""

DETAILS = 6
"""How many ways there are to tell of a device, from its name, meter and all values to utilisation alone."""


class MachineStrip(Widget):
    """What the probe last read, in as much detail as there is room for. The probe is read in a thread, one
    reading at a time, and only while the strip is on a screen of the place that is shown."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"machine-strip--muted"}
    DEFAULT_CSS = """
    MachineStrip {
        height: 1;
        & > .machine-strip--muted { color: $text-muted; }
    }
    """

    class Read(Message):
        """The probe was read."""

        def __init__(self, readings: tuple[MachineReading, ...]) -> None:
            super().__init__()
            self.readings = readings

    def __init__(
        self,
        probe: Probe,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._probe = probe
        self._readings: tuple[MachineReading, ...] = ()
        self._rate: float | None = None
        self._status = ""
        self._reading = False

    def set_rate(self, rate: float | None) -> None:
        """Images per second of what is trained, None where nothing is."""
        if rate != self._rate:
            self._rate = rate
            self.refresh()

    def set_status(self, status: str) -> None:
        """What else there is to say, at the right."""
        status = printable(status)
        if status != self._status:
            self._status = status
            self.refresh()

    def on_mount(self) -> None:
        self.set_interval(SECONDS, self._look)
        self._look()

    def on_machine_strip_read(self, message: Read) -> None:
        message.stop()
        self._reading = False
        if message.readings != self._readings:
            self._readings = message.readings
            self.refresh()

    def render(self) -> Text:
        return self.line(self.size.width)

    def line(self, width: int) -> Text:
        """The strip in at most `width` cells: details of devices go first, then the status is cut."""
        rate = "" if self._rate is None else f"{self._rate:,.0f} images/s"
        told = min(cell_len(self._status), STATUS)
        others = sum(length + GAP for length in (cell_len(rate), told) if length)
        devices = ""
        for detail in range(DETAILS):
            devices = self._devices(detail)
            if cell_len(devices) + others <= width:
                break
        parts = (devices, rate) if cell_len(devices) + others <= width else (rate, devices)
        line = Text((" " * GAP).join(part for part in parts if part), no_wrap=True, end="")
        room = width - line.cell_len - GAP
        if self._status and room > GAP:
            muted = self.get_component_rich_style("machine-strip--muted")
            status = Text(self._status, style=muted)
            status.truncate(room, overflow="ellipsis")
            line.append(" " * (width - line.cell_len - status.cell_len))
            line.append_text(status)
        line.truncate(width, overflow="ellipsis")
        return line

    def _devices(self, detail: int) -> str:
        many = len(self._readings) > 1
        return (" " * GAP).join(
            device_text(reading, detail, str(index) if many else "")
            for index, reading in enumerate(self._readings)
        )

    def _look(self) -> None:
        if not self._reading and self.screen in self.app.screen_stack:
            self._reading = True
            self.run_worker(self._read, thread=True, exit_on_error=False, group="machine")

    def _read(self) -> None:
        readings = self._readings
        try:
            readings = self._probe.read()
        finally:
            self.post_message(self.Read(readings))


def device_text(reading: MachineReading, detail: int, number: str = "") -> str:
    """What a device does; the higher `detail`, the less of it."""
    name = reading.name if detail < 1 else reading.name.removeprefix("NVIDIA ").split(" ")[0]
    parts = [number, name if detail < 4 else ""]
    if reading.utilisation is not None:
        parts.append(meter(reading.utilisation) if detail < 2 else "")
        parts.append(f"{reading.utilisation:.0f}{' ' if detail < 3 else ''}%")
    if detail < 5 and reading.memory_used is not None and reading.memory_total is not None:
        used, total = reading.memory_used / 1e9, reading.memory_total / 1e9
        parts.append(f"{used:.1f}/{total:.0f} GB" if detail < 3 else f"{used:.0f}/{total:.0f}G")
    if detail < 4 and reading.temperature is not None:
        parts.append(f"{reading.temperature:.0f} °C" if detail < 3 else f"{reading.temperature:.0f}°")
    if detail < 4 and reading.power is not None:
        parts.append(f"{reading.power:.0f} W" if detail < 3 else f"{reading.power:.0f}W")
    return " ".join(part for part in parts if part)


def meter(percent: float) -> str:
    """A bar of how much of 100 percent."""
    full = min(max(round(percent / 100 * BLOCKS), 0), BLOCKS)
    return "█" * full + "░" * (BLOCKS - full)
