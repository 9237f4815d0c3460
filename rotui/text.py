"""Text from outside (names, paths, classes, errors) made safe to print and to use as a folder name."""

import re
import unicodedata

_NOT_IN_A_SLUG = re.compile(r"[^a-z0-9._-]+")


def printable(text: object, limit: int = 500) -> str:
    """`text` on one line with control, format and surrogate characters shown as escapes, cut to `limit`.

    A terminal that receives the result cannot be coloured, moved or rung by it.
    """
    shown = str(text)
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(
            character
            if character == " " or unicodedata.category(character)[0] not in "CZ"
            else character.encode("unicode_escape").decode("ascii")
            for character in shown
        )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def slug(text: str, limit: int = 64) -> str:
    """`text` reduced to lower-case letters, digits, dot, dash and underscore, at most `limit` characters.

    The result is never empty, never starts with a dot and holds no path separator.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    reduced = _NOT_IN_A_SLUG.sub("-", plain).strip("-._")[:limit].strip("-._")
    return reduced or "unnamed"


def megabytes(count: int) -> str:
    """`count` bytes as `1,234.5 MB`."""
    return f"{count / 1e6:,.1f} MB"
