"""What the console shows at one moment: frozen, gathered off the event loop, read by every place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotui.store.status import UNFINISHED

if TYPE_CHECKING:
    from rotui.results.run_reference import RunReference
    from rotui.store.listing import ListedRun
    from rotui.store.live_progress import LiveProgress
    from rotui.study.records import EpochRecord


@dataclass(frozen=True)
class Snapshot:
    """All runs by number, the queue in its order, where each run that goes on stands, and of the runs that
    were asked for their epochs and what was published, by directory name. `ready` are the runs that can
    begin now, `arrivals` the estimated seconds until each run of the queue has ended. `version` rises with
    each change of `runs`."""

    runs: "tuple[ListedRun, ...]" = ()
    queue: "tuple[ListedRun, ...]" = ()
    live: "Mapping[str, LiveProgress]" = field(default_factory=dict)
    epochs: "Mapping[str, tuple[EpochRecord, ...]]" = field(default_factory=dict)
    published: "Mapping[str, RunReference]" = field(default_factory=dict)
    ready: frozenset[str] = frozenset()
    arrivals: Mapping[str, float] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    paused: bool = False
    trouble: str = ""
    version: int = 0

    def run(self, name: str) -> "ListedRun | None":
        """The run in the directory of this name, None where there is none."""
        return next((run for run in self.runs if run.name == name), None)

    @property
    def active(self) -> "tuple[ListedRun, ...]":
        """The runs that are being trained now, by whatever process."""
        return tuple(run for run in self.queue if run.status in ("running", "paused"))

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the queue is worked off; None where it is, or nothing tells."""
        going = [run for run in self.queue if run.status in (*UNFINISHED, "running", "paused")]
        known = [self.arrivals[run.name] for run in going if run.name in self.arrivals]
        return max(known) if known and len(known) == len(going) else None
