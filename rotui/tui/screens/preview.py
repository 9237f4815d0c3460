"""The fifth place: real pictures, as a profile's network will see them and as a finished one mistook them."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import ContentSwitcher, Static
from textual.worker import get_current_worker

from rotui.errors import RotuiError
from rotui.tui.latest import Latest
from rotui.tui.live.snapshot import Snapshot
from rotui.tui.patience import Patience, Told
from rotui.tui.pictures.previewed import Asked, Failed, Shown, Subject
from rotui.tui.pictures.previewer import Previewer
from rotui.tui.place import Place
from rotui.tui.profile_watch import load_profiles
from rotui.tui.widgets.picture_grid import PictureGrid
from rotui.tui.widgets.preview_chooser import PreviewChooser
from rotui.tui.widgets.profile_list import ListedProfile, ProfileList

PICTURES, SAID, CHOOSER = "preview-pictures", "preview-said", "preview-chooser"


def _key(keys: str, action: str, description: str, tooltip: str, identity: str, show: bool = True) -> Binding:
    return Binding(keys, action, description, show=show, tooltip=tooltip, id=f"preview.{identity}")


class PreviewScreen(Place):
    """Shows the pictures of what was chosen last, here or in another place; asks where nothing was."""

    DEFAULT_CSS = """
    PreviewScreen {
        & #preview-title, & #preview-facts {
            height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
        }
        & #preview-title { text-style: bold; color: $primary; }
        & #preview-facts { color: $text-muted; }
        &.-tall #preview-facts { height: 2; }
        & ContentSwitcher { height: 1fr; }
        & #preview-said { height: 1fr; align: center middle; }
        & #preview-text { width: 100%; max-width: 76; padding: 0 2; color: $text-muted; }
        & #preview-text.bad { color: $text-error; }
        &.-tiny PreviewChooser { layout: vertical; }
        &.-tiny PreviewChooser > Vertical { width: 100%; height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        _key("n", "go('step', 1)", "Next", "The next step of the epoch", "next"),
        _key("p", "go('step', -1)", "Prev", "The step before", "previous"),
        _key("s", "go('task')", "Stage", "The pre-training's pictures, or the classifier's", "stage"),
        _key("v", "go('split')", "Train/val", "Pictures it is trained on, or judged on", "split"),
        _key("right_square_bracket", "go('point', 1)", "Point", "The next point of the sweep", "point"),
        _key("left_square_bracket", "go('point', -1)", "Point back", "The point before", "point-back", False),
        _key("m", "mistakes", "Mistakes", "What a finished run got wrong, and back", "mistakes"),
        _key("c", "choose", "Choose", "Another profile, or another finished run", "choose"),
        _key("escape", "back", "Back", "From the choice back to the pictures", "back", False),
        _key("r", "reload", "Look again", "Look for profile and data anew", "reload", False),
        _key("e", "go('epoch', 1)", "Epoch", "The same step of the next epoch", "epoch", False),
        _key("E", "go('epoch', -1)", "Epoch back", "The same step one epoch before", "epoch-back", False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._known: Subject | None = None
        self._asked: Asked | None = None
        self._batch: Asked | None = None
        self._shown: Shown | None = None
        self._chooses = False

    def compose_place(self) -> ComposeResult:
        """Two lines about the pictures; below them the pictures, or what there is to say, or the choice."""
        yield Static(id="preview-title", markup=False)
        yield Static(id="preview-facts", markup=False)
        with ContentSwitcher(initial=SAID):
            yield PictureGrid(id=PICTURES)
            with Vertical(id=SAID):
                yield Static(id="preview-text", markup=False)
            yield PreviewChooser(id=CHOOSER)

    def on_mount(self) -> None:
        """Makes what loads the pictures; nothing is loaded before it is looked at."""
        self._previewer = Previewer(self.console_app.workplace, self._tell, self._gives_up)
        self._patience = Patience(self, self._say)
        self._latest = Latest(self, self._previewer.load, self._take, self._give_up)
        self._listing: Latest[None, list[ListedProfile]] = Latest(
            self, lambda _: load_profiles(), self._chooser.show_profiles, self._give_up
        )

    def on_screen_resume(self) -> None:
        """Something else may have been chosen in another place, or the profile been edited."""
        if self._chosen != self._known:
            self._known = self._chosen
            if self._chosen == Subject():
                self.action_choose()
            else:
                self._ask(Asked(self._chosen))
        elif self._asked is not None and not (self._asked.mistakes or self._chooses or self._latest.is_busy):
            self._ask(self._asked)

    def show(self, snapshot: Snapshot) -> None:
        """Keeps the list of finished runs up to date."""
        self._chooser.show_runs(snapshot.runs)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would change nothing are not offered."""
        if action != "go":
            return True
        shown = self._shown
        return shown is not None and not self._chooses and shown.has(str(parameters[0]))

    @on(ProfileList.Chosen)
    def choose_profile(self, message: ProfileList.Chosen) -> None:
        """Shows the profile's pictures."""
        self.console_app.chosen_profile = message.profile.reference
        self._known = self._chosen
        self._ask(Asked(self._chosen))

    @on(PreviewChooser.RunChosen)
    def choose_run(self, message: PreviewChooser.RunChosen) -> None:
        """Shows the run's mistakes."""
        self.console_app.chosen_run = message.name
        self._known = self._chosen
        self._ask(Asked(Subject(run=message.name), mistakes=True))

    def action_go(self, where: str, by: int = 1) -> None:
        """To another step, epoch or point, to the other stage, or to the other split."""
        if self._asked is not None and self._shown is not None:
            there = self._shown.neighbour(self._asked, where, by)
            if there != self._asked:
                self._ask(there)

    def action_mistakes(self) -> None:
        """The mistakes of the chosen run, or back to the batches; asks where no finished run is chosen."""
        if self._asked is not None and self._asked.mistakes and not self._chooses:
            self._ask(self._batch or Asked(self._asked.subject))
            return
        run = self.console_app.snapshot.run(self.console_app.chosen_run)
        if run is not None and (run.status == "finished" or self._chosen == Subject(run=run.name)):
            self._ask(Asked(Subject(run=run.name), mistakes=True))
        else:
            self.action_choose()
            self._chooser.focus_runs(self._shown.study if self._shown is not None else "")

    def action_choose(self) -> None:
        """Offers the profiles and the finished runs."""
        self._chooses = True
        self._patience.end()
        self._listing.ask(None)
        self._show_part(CHOOSER)
        self._chooser.focus_profiles()

    def action_back(self) -> None:
        """From the choice to the pictures that there were."""
        if self._chooses and self._asked is not None:
            self._ask(self._asked)

    def action_reload(self) -> None:
        """Tries again, for instance once the data has been fetched."""
        if self._chooses:
            self._listing.ask(None)
        elif self._asked is not None:
            self._previewer.forget()
            self._ask(self._asked)

    def _ask(self, asked: Asked) -> None:
        """Has the pictures loaded; those before stay until then, or for as long as one waits gladly."""
        self._asked, self._chooses = asked, False
        if not asked.mistakes:
            self._batch = asked
        self._patience.begin("loading")
        self._latest.ask(asked)

    def _take(self, told: Shown | Failed) -> None:
        """Shows what was loaded, or why nothing was, where it is wanted still."""
        if self._chooses or self._asked is None or not told.wanted.is_of(self._asked):
            return
        self._patience.end()
        if isinstance(told, Failed):
            self._shown = None
            again, other = self._key_of("reload"), self._key_of("choose")
            self._say(f"{told.reason}\n\n{again} looks again · {other} chooses something else", bad=True)
            return
        before, self._shown = self._shown, told
        if told.wanted == self._asked:
            self._asked = told.asked
        if not told.looks_like(before):
            self._grid.show(told.pictures, told.captions)
        if len(told.pictures):
            self._show_part(PICTURES)
        else:
            self._say("it got every picture right")

    def _key_of(self, action: str) -> str:
        bindings = (active.binding for active in self.active_bindings.values())
        return next((self.app.get_key_display(each) for each in bindings if each.action == action), "")

    def _give_up(self, error: RotuiError) -> None:
        """Nobody waits for what was being loaded: what is waited for comes next."""

    def _tell(self, text: str) -> None:
        """Called from the thread that loads."""
        self.post_message(Told(text))

    @on(Told)
    def tell_progress(self, message: Told) -> None:
        """Said where the pictures will be, once one has waited."""
        self._patience.tell(message.text)

    def _gives_up(self, asked: Asked) -> bool:
        """Asked in the thread that loads."""
        return get_current_worker().is_cancelled or self._asked is None or not asked.is_of(self._asked)

    def _say(self, text: str, *, bad: bool = False) -> None:
        said = self.query_one("#preview-text", Static)
        said.set_class(bad, "bad")
        said.update(text)
        self._show_part(SAID)

    def _show_part(self, part: str) -> None:
        self.query_one(ContentSwitcher).current = part
        if part == PICTURES:
            self._grid.focus()
        self._write_facts()
        self.refresh_bindings()

    @on(PictureGrid.Moved)
    def _write_facts(self) -> None:
        """The two lines above the pictures."""
        title, facts = "", ""
        if self._shown is not None and not self._chooses:
            title, facts = self._shown.title, " · ".join([*self._shown.facts, *self._grid.facts])
        for name, text in (("#preview-title", title), ("#preview-facts", facts)):
            line = self.query_one(name, Static)
            line.update(text)
            line.set_class(not text, "hidden")

    @property
    def _chosen(self) -> Subject:
        """What was chosen last, here or in another place."""
        profile = self.console_app.chosen_profile
        return Subject(profile=profile) if profile else Subject(run=self.console_app.chosen_run)

    @property
    def _grid(self) -> PictureGrid:
        return self.query_one(PictureGrid)

    @property
    def _chooser(self) -> PreviewChooser:
        return self.query_one(PreviewChooser)
