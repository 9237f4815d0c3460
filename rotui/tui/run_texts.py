"""A run's profile and log as coloured text, and its classes as bars."""

import re
from collections.abc import Collection, Sequence

from rich.text import Text

from rotui.profile.schema import Profile
from rotui.results.run_comparison import from_default
from rotui.study.records import Classification
from rotui.text import printable
from rotui.tui.widgets.bars import Bar, BarGroup

LONGEST_LINE = 2000
_SECTION = re.compile(r"\[+\s*([^\]]+?)\s*\]+\s*$")
_SETTING = re.compile(r"([\w.\"-]+)(\s*=\s*)(.*)$")
_LOGGED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z (.*)$", re.DOTALL)


def profile_text(toml: str, profile: Profile | None) -> Text:
    """The file as it is, settings that are not the default with a sign before them."""
    differing = {each.key for each in from_default(profile)} if profile is not None else set()
    lines = [Text("● is not the default", "dim"), Text("")] if differing else []
    section = ""
    for line in toml.splitlines():
        found = _SECTION.match(line)
        if found:
            section = f"{found[1]}."
            lines.append(Text(f"  {printable(line, LONGEST_LINE)}", "bold"))
        else:
            lines.append(_setting(line, section, differing))
    return Text("\n").join(lines)


def _setting(line: str, section: str, differing: Collection[str]) -> Text:
    found = _SETTING.match(line)
    if not found:
        return Text(f"  {printable(line, LONGEST_LINE)}")
    key, between, value = (printable(part, LONGEST_LINE) for part in found.groups())
    if f"{section}{found[1]}" in differing:
        return Text.assemble(("● ", "yellow"), (key, "bold"), between, (value, "bold"))
    return Text.assemble("  ", key, (between, "dim"), (value, "dim"))


def log_text(lines: Sequence[str], *, cut: bool) -> Text:
    """The lines of a log, times dimmed; says so where earlier ones are left out."""
    shown = [Text("… what came before is in run.log", "dim")] if cut else []
    for line in lines:
        found = _LOGGED.match(line)
        if found:
            when = found[1].replace("T", " ")
            shown.append(Text.assemble((f"{when}  ", "dim"), printable(found[2], LONGEST_LINE)))
        else:
            shown.append(Text(printable(line, LONGEST_LINE)))
    return Text("\n").join(shown)


def class_bars(told: Classification) -> list[BarGroup]:
    """The accuracy of each class; a class without images has no bar."""
    groups = []
    for index, name in enumerate(told.classes):
        value = told.per_class[index] if index < len(told.per_class) else None
        text = f"{value:.1f} %" if value is not None else "no images"
        groups.append(BarGroup(name, (Bar("", "█", "cyan", value, text),)))
    return groups
