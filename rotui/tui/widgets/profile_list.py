"""The profiles one can choose from: the project's, the user's, the built-in ones, and those with faults."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rotui.profile.faults import ProfileError
from rotui.text import printable

if TYPE_CHECKING:
    from rotui.profile.finding import FoundProfile
    from rotui.profile.loading import Experiment


@dataclass(frozen=True)
class ListedProfile:
    """A profile file and what came of loading it."""

    found: "FoundProfile"
    loaded: "Experiment | ProfileError"

    @property
    def reference(self) -> str:
        """What loads this very file."""
        path = str(self.found.path)
        return path if "/" in path else f"./{path}"


class ProfileList(OptionList):
    """One line a profile; a bad one has a sign and is told with its errors, not hidden."""

    class Highlighted(Message):
        """Another profile is under the cursor."""

        def __init__(self, profile: ListedProfile) -> None:
            self.profile = profile
            super().__init__()

    class Chosen(Message):
        """Enter was pressed on a profile."""

        def __init__(self, profile: ListedProfile) -> None:
            self.profile = profile
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._profiles: list[ListedProfile] = []

    @property
    def profile(self) -> ListedProfile | None:
        """The profile under the cursor."""
        at = self.highlighted
        option = self.get_option_at_index(at) if at is not None else None
        return self._profiles[int(option.id)] if option is not None and option.id else None

    def show(self, profiles: list[ListedProfile]) -> None:
        """Lists the profiles, the cursor staying on the same file."""
        before = self.profile
        self._profiles = profiles
        self.clear_options()
        origin = ""
        for number, profile in enumerate(profiles):
            if profile.found.origin != origin:
                origin = profile.found.origin
                self.add_option(Option(Text(origin, "dim italic"), disabled=True))
            self.add_option(Option(_line(profile), id=str(number)))
        paths = [str(profile.found.path) for profile in profiles]
        if before is not None and str(before.found.path) in paths:
            self.highlighted = self.get_option_index(str(paths.index(str(before.found.path))))
        elif profiles:
            self.highlighted = self.get_option_index("0")

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        """Told on in terms of profiles."""
        message.stop()
        if self.profile is not None:
            self.post_message(self.Highlighted(self.profile))

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Told on in terms of profiles."""
        message.stop()
        if self.profile is not None:
            self.post_message(self.Chosen(self.profile))


def _line(profile: ListedProfile) -> Text:
    name = printable(profile.found.name, 40)
    if isinstance(profile.loaded, ProfileError):
        return Text.assemble(
            ("✗ ", "bold red"), (name, "red"), (f" {len(profile.loaded.faults)} faults", "red")
        )
    runs = len(profile.loaded.points)
    return Text.assemble("  ", name, (f"  ×{runs}" if runs > 1 else "", "dim"))
