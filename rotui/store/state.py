"""`state.json`: what a run is, how it stands, and where it came from. Written by who holds the run's lock."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from rotui.profile.stages import StageName
from rotui.store.atomic import write_atomically
from rotui.store.layout import STATE

RecordedStatus = Literal["queued", "running", "paused", "finished", "failed", "stopped"]
Verdict = Literal["", "exact", "approximate"]

ContentKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
DirectoryName = Annotated[str, Field(pattern=r"^[^./\\\x00][^/\\\x00]*$", max_length=255)]


def utc_now() -> str:
    """The time now in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunState(BaseModel):
    """A run's state as it is written. `parent` is the content key and `parent_run` the directory name of
    the pre-training it starts from, both empty for random weights. Times are UTC, ISO 8601. `verdict` says
    how a run that was resumed `resumes` times compares with one that was never stopped, empty where it was
    not; `compared` counts the epochs that were trained again and held against what was on disk. `deaths`
    counts processes that died in the run without a checkpoint newer than `begun_at`, the one it was last
    begun from. `weights_sha256` is that of a finished run's weights."""

    model_config = ConfigDict(frozen=True, strict=True)

    number: int = Field(ge=0)
    key: ContentKey
    parent: ContentKey | Literal[""] = ""
    parent_run: DirectoryName | Literal[""] = ""
    stage: StageName
    study: str = ""
    status: RecordedStatus = "queued"
    reason: str = ""
    resumes: int = Field(default=0, ge=0)
    verdict: Verdict = ""
    compared: int = Field(default=0, ge=0)
    deaths: int = Field(default=0, ge=0)
    begun_at: str = ""
    weights_sha256: str = ""
    created: str
    changed: str

    def changed_to(self, status: RecordedStatus, reason: str = "") -> Self:
        """The state after a change of status, now."""
        return self.model_copy(update={"status": status, "reason": reason, "changed": utc_now()})

    def begun(self, checkpoint: str) -> Self:
        """The state of a run that a process begins or takes up now, from its newest `checkpoint` by name."""
        died = self.status in ("running", "paused")
        deaths = self.deaths + 1 if checkpoint == self.begun_at else 1
        update = {
            "resumes": self.resumes + (self.status != "queued" or bool(checkpoint)),
            "deaths": deaths if died else self.deaths,
            "begun_at": checkpoint,
        }
        return self.changed_to("running").model_copy(update=update)

    def retried(self) -> Self:
        """The state of a run that has ended and is queued again."""
        return self.changed_to("queued").model_copy(update={"deaths": 0})

    def judged(self, verdict: Verdict, compared: int) -> Self:
        """The state with the verdict on its resumes."""
        return self.model_copy(update={"verdict": verdict, "compared": compared})

    def write(self, directory: Path) -> None:
        """Writes state.json as a whole; StoreError where that fails."""
        write_atomically(directory / STATE, self.model_dump_json(indent=2) + "\n")
