"""TOML text to plain values, and each key's line number, which tomllib does not tell."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from rotui.profile.faults import Key

MAXIMUM_BYTES = 65_536
MAXIMUM_LEVELS = 16

_TOKEN = re.compile(
    r'(?P<string>"""(?:[^\\]|\\.)*?""""{0,2}|\'\'\'.*?\'\'\'\'{0,2}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')'
    r"|(?P<comment>\#[^\n]*)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<newline>\n)",
    re.DOTALL,
)
_AT = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


class TomlSyntaxError(ValueError):
    """Text that is not TOML. `line` counts from 1."""

    def __init__(self, line: int, wrong: str, allowed: str = "a TOML 1.0 document") -> None:
        super().__init__(wrong)
        self.line, self.wrong, self.allowed = line, wrong, allowed


def parse(text: str) -> dict[str, Any]:
    """The values of a TOML document; raises TomlSyntaxError, also for what is nested beyond
    MAXIMUM_LEVELS, which no profile needs and which costs the parser its stack and its time."""
    text = text.replace("\r\n", "\n")
    for line, _, bare, depth in _statements(text):
        dots = max(piece.count(".") for piece in re.split(r"[=,\[\]{}\n]", bare))
        if max(depth, dots) > MAXIMUM_LEVELS:
            raise TomlSyntaxError(line, "is nested too deeply", f"at most {MAXIMUM_LEVELS} levels")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _AT.search(message)
        line = text.removesuffix("\n").count("\n") + 1
        wrong = _AT.sub("", message)
        if at is not None and at["line"]:
            line, wrong = int(at["line"]), f"{wrong} at column {at['column']}"
        elif at is not None:
            wrong += " at the end of the file"
        raise TomlSyntaxError(line, wrong[:1].lower() + wrong[1:]) from None
    except ValueError:
        numbers = (line for line, statement, _, _ in _statements(text) if re.search(r"\d{4000}", statement))
        raise TomlSyntaxError(next(numbers, 1), "a number has too many digits") from None


def key_lines(text: str) -> dict[Key, int]:
    """The line, from 1, at which each key and table of a valid TOML document is first named."""
    lines: dict[Key, int] = {}
    table: Key = ()
    for line, statement, bare, _ in _statements(text.replace("\r\n", "\n")):
        values = tomllib.loads(statement)
        header = bare.lstrip().startswith("[")
        if header:
            table = ()
        for key in _keys(values, table):
            lines.setdefault(key, line)
            if header:
                table = key
    return lines


def _keys(values: Any, above: Key) -> Iterator[Key]:
    if isinstance(values, dict):
        for name, value in values.items():
            yield (*above, name)
            yield from _keys(value, (*above, name))


def _statements(text: str) -> Iterator[tuple[int, str, str, int]]:
    """Each statement (a table header, a key with its value, or nothing) with its first line, its text
    without strings and comments, and how deeply its brackets nest."""
    line, next_line, start, depth, deepest, bare_start = 1, 1, 0, 0, 0, 0
    bare: list[str] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind in ("string", "comment"):
            bare.append(text[bare_start : token.start()])
            bare_start = token.end()
            next_line += token[0].count("\n")
        elif kind == "open":
            depth += 1
            deepest = max(deepest, depth)
        elif kind == "close":
            depth = max(depth - 1, 0)
        else:
            next_line += 1
            if depth == 0:
                bare.append(text[bare_start : token.end()])
                yield line, text[start : token.end()], "".join(bare), deepest
                line, start, bare_start, deepest = next_line, token.end(), token.end(), 0
                bare = []
    yield line, text[start:], "".join([*bare, text[bare_start:]]), deepest
