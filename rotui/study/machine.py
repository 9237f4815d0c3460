"""The machine that something would be trained on, as far as the time it takes depends on it."""

import platform
from dataclasses import dataclass

from rotui.cores import available_cores


@dataclass(frozen=True)
class Machine:
    """Where a plan would be trained: the host's name as provenance has it, the CPU `threads` of a run whose
    profile sets none, and the device as `--device` names it. With `auto` it is the one that the newest run
    like it was trained on."""

    host: str
    threads: int
    device: str = "auto"

    @classmethod
    def here(cls, device: str) -> "Machine":
        """This machine, with `device` as the command line names it."""
        return cls(platform.node(), available_cores(), device)
