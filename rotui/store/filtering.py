"""Which runs of a list fit an expression such as `stage=finetune acc>60 -tag=old "two words"`."""

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, Self, get_args, get_type_hints

from rotui.errors import InputError
from rotui.profile.stages import STAGES
from rotui.store.listing import ListedRun
from rotui.store.status import Status
from rotui.text import printable

SHORT_NAMES = {
    "no": "number",
    "acc": "best",
    "loss": "lowest_loss",
    "epoch": "epochs",
    "rate": "images_per_second",
    "tag": "tags",
}
"""Short keys, each with the field of ListedRun that it means."""

Kind = Literal["number", "text", "time", "choice", "truth", "tags"]
Holds = Callable[[ListedRun], bool]

_CHOICES: dict[str, tuple[str, ...]] = {"stage": tuple(STAGES), "status": get_args(Status)}
_TIMES = ("created", "changed")
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_OPERATORS: dict[Kind, tuple[str, ...]] = {
    "number": ("=", "!=", *_ORDER),
    "text": ("=", "!=", "~"),
    "time": ("=", "!=", "~", *_ORDER),
    "choice": ("=", "!=", "~"),
    "truth": ("=", "!="),
    "tags": ("=", "!=", "~"),
}
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_COMPARISON = re.compile(r"(?P<key>[A-Za-z_]\w*)(?P<operator>!=|>=|<=|=|>|<|~)(?P<value>.*)", re.DOTALL)


class FilterError(InputError):
    """A word of a filter that cannot be used; `position` is its first character's place, counted from 1."""

    def __init__(self, position: int, word: str, wrong: str, allowed: str) -> None:
        self.position = position
        super().__init__(f"character {position}: {printable(word, 60)}: {wrong} ({allowed})")


@dataclass(frozen=True)
class Filter:
    """Runs that fit every one of `terms`; none of them fits all runs."""

    terms: tuple[Holds, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The filter that `text` writes: words that must all fit, apart by blanks.

        A bare word, or "several in quotes", is looked for in study, name, settings, reason, note and tags,
        without regard to case. `key=value`, `!=`, `>`, `>=`, `<`, `<=` and `~` (contains) compare a field of
        ListedRun or one of SHORT_NAMES: numbers are equal at the decimals that are written, a time, a stage
        and a status where they begin so. What is not known compares as false. A leading `-` negates. Raises
        FilterError.
        """
        terms = []
        position = 0
        while position < len(text):
            if text[position].isspace():
                position += 1
                continue
            match = _WORD.match(text, position)
            if match is None or text[match.end() : match.end() + 1] == '"':
                start = text.index('"', match.end() if match else position)
                raise FilterError(start + 1, text[start:], "has no closing quote", '"words in quotes"')
            terms.append(_term(match[0], position + 1))
            position = match.end()
        return cls(tuple(terms))

    def fits(self, run: ListedRun) -> bool:
        """Whether the run fits."""
        return all(holds(run) for holds in self.terms)


def filter_keys() -> list[str]:
    """Every key that can be compared, short names first."""
    return [*SHORT_NAMES, *(name for name in _kinds() if name not in SHORT_NAMES)]


def _term(word: str, position: int) -> Holds:
    if not word.startswith("-"):
        return _positive(word, word, position)
    if word == "-":
        raise FilterError(position, word, "negates nothing", "-word or -key=value")
    holds = _positive(word[1:], word, position)
    return lambda run: not holds(run)


def _positive(bare: str, word: str, position: int) -> Holds:
    comparison = _COMPARISON.fullmatch(bare)
    if comparison is None:
        return _search(_unquoted(bare))
    key, sign = comparison["key"], comparison["operator"]
    field = SHORT_NAMES.get(key.lower(), key.lower())
    kind = _kinds().get(field)
    if kind is None:
        raise FilterError(position, word, f"there is no key {key}{_nearest(key.lower())}", _allowed_keys())
    if sign not in _OPERATORS[kind]:
        raise FilterError(position, word, f"{key} is not compared by {sign}", " ".join(_OPERATORS[kind]))
    try:
        return _COMPARED[kind](field, sign, _unquoted(comparison["value"]))
    except ValueError as error:
        wrong, allowed = error.args
        raise FilterError(position, word, wrong, allowed) from None


def _unquoted(text: str) -> str:
    return text.replace('"', "")


def _search(text: str) -> Holds:
    wanted = text.casefold()

    def holds(run: ListedRun) -> bool:
        texts = (run.study, run.name, run.settings, run.reason, run.note, *run.tags)
        return any(wanted in each.casefold() for each in texts)

    return holds


def _number(field: str, sign: str, text: str) -> Holds:
    wanted, digits = _decimal(text)
    if sign in _ORDER:
        compare = _ORDER[sign]
        return lambda run: (value := getattr(run, field)) is not None and compare(value, wanted)

    def holds(run: ListedRun) -> bool:
        value = getattr(run, field)
        return value is not None and (round(value, digits) == wanted) == (sign == "=")

    return holds


def _decimal(text: str) -> tuple[float, int]:
    """A number and how many decimals of it are written."""
    try:
        written = Decimal(text)
        wanted = float(written)
    except (InvalidOperation, OverflowError):
        written, wanted = Decimal("NaN"), float("inf")
    exponent = written.as_tuple().exponent
    if not isinstance(exponent, int) or abs(wanted) == float("inf"):
        raise ValueError(f"{printable(text, 40) or 'nothing'} is not a number", "a number such as 60 or 1.5")
    return wanted, max(0, -exponent)


def _text(field: str, sign: str, text: str) -> Holds:
    wanted = text.casefold()
    if sign == "~":
        return lambda run: wanted in getattr(run, field).casefold()
    return lambda run: (getattr(run, field).casefold() == wanted) == (sign == "=")


def _time(field: str, sign: str, text: str) -> Holds:
    """Times are ISO 8601 in UTC, which sort as texts do; `=` asks how they begin."""
    wanted = text.upper().replace(" ", "T")
    if sign in _ORDER:
        compare = _ORDER[sign]
        return lambda run: compare(getattr(run, field)[: len(wanted)], wanted)
    if sign == "~":
        return lambda run: wanted in getattr(run, field)
    return lambda run: getattr(run, field).startswith(wanted) == (sign == "=")


def _choice(field: str, sign: str, text: str) -> Holds:
    wanted, choices = text.lower(), _CHOICES[field]
    if sign == "~":
        fitting = {choice for choice in choices if wanted in choice}
    else:
        fitting = {choice for choice in choices if choice.startswith(wanted)}
    if not fitting or not wanted:
        close = _nearest(wanted, choices)
        raise ValueError(f"no {field} is called {printable(text, 40)}{close}", ", ".join(choices))
    return lambda run: (getattr(run, field) in fitting) == (sign != "!=")


def _truth(field: str, sign: str, text: str) -> Holds:
    if text.lower() not in _TRUTH:
        raise ValueError(f"{printable(text, 40) or 'nothing'} is neither", "yes or no")
    wanted = _TRUTH[text.lower()]
    return lambda run: (getattr(run, field) == wanted) == (sign == "=")


def _tags(field: str, sign: str, text: str) -> Holds:
    """`tag=` without a value fits runs without tags."""
    wanted = text.casefold()

    def holds(run: ListedRun) -> bool:
        tags = [tag.casefold() for tag in getattr(run, field)]
        if sign == "~":
            return any(wanted in tag for tag in tags)
        return (wanted in tags if wanted else not tags) == (sign == "=")

    return holds


_COMPARED: dict[Kind, Callable[[str, str, str], Holds]] = {
    "number": _number,
    "text": _text,
    "time": _time,
    "choice": _choice,
    "truth": _truth,
    "tags": _tags,
}


@cache
def _kinds() -> dict[str, Kind]:
    """How each field of ListedRun is compared."""
    types = get_type_hints(ListedRun)
    return {field.name: _kind(field.name, types[field.name]) for field in fields(ListedRun)}


def _kind(name: str, type_: Any) -> Kind:
    if name in _CHOICES:
        return "choice"
    if name in _TIMES:
        return "time"
    if type_ is bool:
        return "truth"
    numbers: tuple[Any, ...] = (int, float, float | None)
    if type_ in numbers:
        return "number"
    return "text" if type_ is str else "tags"


def _nearest(text: str, among: Sequence[str] = ()) -> str:
    close = difflib.get_close_matches(text[:80], among or filter_keys(), n=1, cutoff=0.6)
    return f", did you mean {close[0]}" if close else ""


def _allowed_keys() -> str:
    return f"{', '.join(filter_keys())}; in quotes it is looked for as text"
