"""The ways out of the console while something is being trained."""

import os
import subprocess
import sys
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

if TYPE_CHECKING:
    from rotui.tui.workplace import Workplace

Leave = Literal["hand over", "stop", "stay"]

WORKER_LOG = "worker.log"
SURVIVES_SECONDS = 3.0
"""A worker that is still there after this time waits for the device."""


class LeaveDialog(ModalScreen[Leave]):
    """Asks what is to become of the runs that are being trained in this process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "l",
            "choose('hand over')",
            "Leave running",
            id="leave.hand-over",
            tooltip="A worker without a terminal goes on",
        ),
        Binding("s", "choose('stop')", "Stop", id="leave.stop", tooltip="Stop with a checkpoint"),
        Binding("escape,q", "choose('stay')", "Stay", id="leave.stay", tooltip="Back to the console"),
    ]

    def compose(self) -> ComposeResult:
        """The question and its three answers."""
        with Vertical(classes="dialog"):
            yield Static("Something is being trained in this console.", classes="dialog-title")
            yield OptionList(
                Option("[l]  Leave it running: a worker without a terminal goes on exactly", id="hand over"),
                Option("[s]  Stop with a checkpoint; the queue waits", id="stop"),
                Option("[Esc]  Stay", id="stay"),
                markup=False,
            )

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """An answer was chosen with enter."""
        self.action_choose(message.option.id or "stay")

    def action_choose(self, way: str) -> None:
        """Closes with the answer."""
        ways: dict[str, Leave] = {"hand over": "hand over", "stop": "stop", "stay": "stay"}
        self.dismiss(ways[way])


def hand_over(workplace: "Workplace") -> int:
    """Starts a worker of its own session, which outlives this process and its terminal. Its process number, 0
    where there was nothing left to do.

    What it says goes to worker.log in the runs directory. OSError where it cannot be started or ends at once.
    """
    command = [sys.executable, "-m", "rotui", "worker", "--runs-dir", str(workplace.runs_dir.absolute())]
    command += ["--data-dir", str(workplace.data_dir.absolute()), "--device", workplace.device]
    command += ["--checkpoint-seconds", str(workplace.checkpoint_seconds)]
    command += ["--jobs", str(workplace.jobs)] if workplace.jobs is not None else []
    command += ["--allow-inexact"] if workplace.allow_inexact else []
    with (workplace.runs_dir / WORKER_LOG).open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ.copy(),
        )
    try:
        code = process.wait(SURVIVES_SECONDS)
    except subprocess.TimeoutExpired:
        return process.pid
    if code:
        raise OSError(f"rotui worker has ended at once ({WORKER_LOG} in the runs directory says why)")
    return 0
