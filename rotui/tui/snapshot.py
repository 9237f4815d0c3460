"""What the console shows at one moment: frozen, gathered off the event loop, read by every place."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rotui.store.listing import ListedRun
from rotui.store.live_progress import LiveProgress
from rotui.study.records import EpochRecord


@dataclass(frozen=True)
class Snapshot:
    """All runs by number, the queue in its order, where each run that goes on stands, and the epochs of the
    runs that were asked for, by directory name. `version` rises with each change of `runs`."""

    runs: tuple[ListedRun, ...] = ()
    queue: tuple[ListedRun, ...] = ()
    live: Mapping[str, LiveProgress] = field(default_factory=dict)
    epochs: Mapping[str, tuple[EpochRecord, ...]] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    paused: bool = False
    trouble: str = ""
    version: int = 0

    def run(self, name: str) -> ListedRun | None:
        """The run in the directory of this name, None where there is none."""
        return next((run for run in self.runs if run.name == name), None)

    @property
    def active(self) -> tuple[ListedRun, ...]:
        """The runs that are being trained now, by whatever process."""
        return tuple(run for run in self.queue if run.status in ("running", "paused"))
