"""The directory of a new run: made whole in a hidden place, then shown under its name in one rename."""

import os
import shutil
from pathlib import Path

from rotui.profile.loading import dump_profile
from rotui.store.atomic import store_errors, sync_folder
from rotui.store.layout import (
    ENTRY,
    LOCK,
    LOG,
    METRICS,
    PROFILE,
    STATE,
    revealed_path,
    run_name,
    staged_path,
)
from rotui.store.queue_entry import QueueEntry
from rotui.store.state import RunState, utc_now
from rotui.study.planning import PlannedRun
from rotui.study.records import METRIC_COLUMNS


def stage_run(
    runs_dir: Path, number: int, run: PlannedRun, entry: QueueEntry, *, study: str, parent_run: str
) -> Path:
    """Writes all files of a queued run into its hidden place, synced, and returns that place.

    `parent_run` names the run whose weights it starts from, empty for random weights. StoreError where it
    cannot be made; nothing of it then stays.
    """
    name = run_name(number, run.profile.name, run.stage_name, run.profile.seed)
    now = utc_now()
    state = RunState(
        number=number,
        key=run.key,
        parent=run.parent,
        parent_run=parent_run,
        stage=run.stage_name,
        study=study,
        created=now,
        changed=now,
    )
    staged = staged_path(runs_dir, name)
    with store_errors(staged, "no run can be made there"):
        staged.mkdir()
        try:
            _write(staged / PROFILE, dump_profile(run.profile))
            _write(staged / METRICS, ",".join(METRIC_COLUMNS) + "\n")
            _write(staged / LOG, f"{now} queued\n")
            _write(staged / ENTRY, entry.model_dump_json(indent=2) + "\n")
            _write(staged / LOCK, "")
            _write(staged / STATE, state.model_dump_json(indent=2) + "\n")
            sync_folder(staged)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
    return staged


def reveal(staged: Path) -> Path:
    """Gives a staged run its name; StoreError where that fails. Whoever calls syncs the runs directory."""
    shown = revealed_path(staged)
    with store_errors(shown, "the run cannot be shown"):
        if shown.exists():
            raise FileExistsError(0, "there is a run of that name", str(shown))
        staged.rename(shown)
    return shown


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
