"""Whose pictures are to be seen: those of a profile, or what a finished run got wrong."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from rotui.store.listing import ListedRun
from rotui.text import printable
from rotui.tui.widgets.profile_list import ListedProfile, ProfileList

LONGEST = 500
"""Finished runs that are listed, the newest ones: the place Runs has them all."""


class PreviewChooser(Horizontal):
    """Profiles and finished runs; enter chooses, which ProfileList.Chosen and RunChosen tell."""

    class RunChosen(Message):
        """Enter was pressed on a run, by the name of its directory."""

        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    DEFAULT_CSS = """
    PreviewChooser {
        & > Vertical { width: 1fr; padding: 0 1; }
        & OptionList, & OptionList:focus { height: 1fr; border: none; padding: 0; background: $background; }
        & #preview-runs { text-wrap: nowrap; text-overflow: ellipsis; }
        & .preview-choice { height: auto; color: $text-muted; margin-bottom: 1; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names: list[str] = []
        self._studies: list[str] = []

    def compose(self) -> ComposeResult:
        """Two lists, each under a line that says what choosing does."""
        with Vertical():
            yield Static("Profiles: what the network sees", classes="preview-choice")
            yield ProfileList(id="preview-profiles")
        with Vertical():
            yield Static("Finished runs: their surest mistakes", classes="preview-choice")
            yield OptionList(id="preview-runs", markup=False)

    def show_profiles(self, profiles: list[ListedProfile]) -> None:
        """Lists these profiles."""
        self.query_one(ProfileList).show(profiles)

    def show_runs(self, runs: Sequence[ListedRun]) -> None:
        """Lists the finished ones of these runs, the newest first."""
        finished = [run for run in reversed(runs) if run.status == "finished"][:LONGEST]
        names = [run.name for run in finished]
        if names == self._names and names:
            return
        listing = self._runs
        at = listing.highlighted
        before = self._names[at] if at is not None and at < len(self._names) else ""
        self._names, self._studies = names, [run.study for run in finished]
        listing.clear_options()
        listing.add_options([_line(run) for run in finished])
        if not finished:
            listing.add_option(Option(Text("no run is finished yet", "dim italic"), disabled=True))
        elif before in names:
            listing.highlighted = names.index(before)

    def focus_profiles(self) -> None:
        """The cursor goes to the profiles."""
        self.query_one(ProfileList).focus()

    def focus_runs(self, study: str = "") -> None:
        """The cursor goes to the newest finished run, of this study where it has one."""
        self._runs.focus()
        if self._names:
            self._runs.highlighted = self._studies.index(study) if study in self._studies else 0

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Told on by name."""
        if message.option_list is self._runs:
            message.stop()
            self.post_message(self.RunChosen(self._names[message.option_index]))

    @property
    def _runs(self) -> OptionList:
        return self.query_one("#preview-runs", OptionList)


def _line(run: ListedRun) -> Option:
    best = f"{run.best:.2f} %" if run.best is not None else ""
    return Option(
        Text.assemble(
            f"{run.number:>4} {run.stage} ",
            (best, "bold"),
            (f" {printable(run.study, 40)} · seed {run.seed} · {printable(run.settings, 80)}", "dim"),
        )
    )
