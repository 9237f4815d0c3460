"""What the sixteen named colours are in each theme: curves, states and logs are drawn in them, and no two
that curves take are alike."""

from rich.terminal_theme import TerminalTheme

Colour = tuple[int, int, int]


def _palette(background: str, foreground: str, plain: str, bright: str) -> TerminalTheme:
    """Hexadecimal colours in the order of the ANSI numbers: black, red, green, yellow, blue, magenta, cyan,
    white."""
    return TerminalTheme(
        _colour(background),
        _colour(foreground),
        [*map(_colour, plain.split())],
        [*map(_colour, bright.split())],
    )


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


DARK = _palette(
    "16161e",
    "c8d3f5",
    "16161e f7768e 9ece6a e0af68 7aa2f7 bb9af7 7dcfff c8d3f5",
    "6b7394 ff9e64 41c6b1 f0e080 5b82e8 ff79c6 b4f9f8 ffffff",
)
LIGHT = _palette(
    "fafafa",
    "24292f",
    "24292f a8324a 3f7a2c 8f5e15 2257a0 7a3e9d 0078a8 5d646e",
    "8a8f98 c2541a 0b8574 a67c00 4a6fd0 c2388f 148fae 24292f",
)
COLOUR_BLIND = _palette(
    "101014",
    "f0f0f0",
    "101014 d55e00 009e73 e69f00 0072b2 cc79a7 56b4e9 f0f0f0",
    "8a8a8a ff8a3d 4fd1a5 f0e442 5aa0ff ffb3dd a6dcff ffffff",
)
"""Colours that deuteranopes and protanopes tell apart too, after Okabe and Ito."""


def palette(theme: str, *, dark: bool) -> TerminalTheme:
    """The named colours of a theme; of one that is not the console's own by whether it is dark."""
    if theme == "rotui-colour-blind":
        return COLOUR_BLIND
    return DARK if dark else LIGHT
