"""Runs as users name them on the command line: by number, by a range of numbers, by directory name."""

import re
from collections.abc import Sequence

from rotui.errors import InputError
from rotui.store.listing import ListedRun
from rotui.text import printable

_RANGE = re.compile(r"(\d+)-(\d+)")


def chosen_runs(words: Sequence[str], runs: Sequence[ListedRun]) -> list[ListedRun]:
    """The runs that the words name, each once, in their order; InputError for a word that names none, or a
    number that copied runs share."""
    chosen: dict[str, ListedRun] = {}
    for word in words:
        for run in _named(word, runs):
            chosen[run.name] = run
    return list(chosen.values())


def _named(word: str, runs: Sequence[ListedRun]) -> list[ListedRun]:
    span = _RANGE.fullmatch(word)
    if span:
        low, high = int(span[1]), int(span[2])
        found = [run for run in runs if low <= run.number <= high]
    elif word.isdecimal():
        found = [run for run in runs if run.number == int(word)]
        if len(found) > 1:
            names = ", ".join(printable(run.name) for run in found)
            raise InputError(f"{word}: several runs have this number ({names})")
    else:
        found = [run for run in runs if run.name == word]
    if not found:
        numbers = [run.number for run in runs]
        have = f"there are runs {min(numbers)} to {max(numbers)}" if numbers else "there are no runs"
        raise InputError(f"{printable(word)}: no such run ({have}; a number, a range like 3-7, or a name)")
    return found
