"""Pictures as terminal cells, two pixels to each: in their own colours, or in shades of one ink."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

SHADES = " ░▒▓█▀▄"
_INK = np.array([(0, 0), (0.25, 0.25), (0.5, 0.5), (0.75, 0.75), (1, 1), (1, 0), (0, 1)])
"""How much ink each of the shades has in its upper and in its lower half."""

Line = list[Segment]
Pixels = NDArray[np.uint8]

_NONE = -1
"""Where there is no pixel."""


def half_blocks(picture: Pixels, width: int, behind: Style) -> list[Line]:
    """A picture (H, W, 3), RGB, as lines of `width` cells, each the upper half block with the lower pixel
    behind it; every pixel is one of the picture's where `width` is its own or a multiple.

    Below the last line of an odd number lies the background of what is `behind`.
    """
    wide = _resized(picture, width).astype(np.int64)
    packed = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    return [_line(upper, lower, behind) for upper, lower in _pairs(packed, _NONE)]


def shades(picture: Pixels, width: int, style: Style, *, light_ink: bool) -> list[Line]:
    """The same in shades of one ink, lighter than what it is written on or darker: of each cell the shade
    whose halves come nearest to its two pixels."""
    grey = _resized(picture, width) @ np.array([0.299, 0.587, 0.114]) / 255
    lines = []
    for upper, lower in _pairs(grey if light_ink else 1 - grey, 0):
        wanted = np.stack([upper, lower], axis=1)
        nearest = ((wanted[:, None] - _INK) ** 2).sum(axis=2).argmin(axis=1)
        lines.append([Segment("".join(SHADES[shade] for shade in nearest), style)])
    return lines


def _pairs(pixels: NDArray[Any], beyond: int) -> Iterable[tuple[NDArray[Any], NDArray[Any]]]:
    """The rows two by two; below the last of an odd number lies what is `beyond`."""
    if len(pixels) % 2:
        pixels = np.vstack([pixels, np.full_like(pixels[:1], beyond)])
    return zip(pixels[::2], pixels[1::2], strict=True)


def _resized(picture: Pixels, width: int) -> Pixels:
    """Whole pixels made larger, or what lies under each new pixel averaged."""
    height, own_width = picture.shape[:2]
    if own_width == width:
        return picture
    size = (width, max(1, round(height * width / own_width)))
    way = Image.Resampling.NEAREST if width > own_width else Image.Resampling.BOX
    return np.asarray(Image.fromarray(picture).resize(size, way))


def _line(upper: NDArray[np.int64], lower: NDArray[np.int64], behind: Style) -> Line:
    """Cells of equal colours make one segment."""
    changes = np.flatnonzero((upper[1:] != upper[:-1]) | (lower[1:] != lower[:-1])) + 1
    edges = [0, *changes.tolist(), len(upper)]
    line = []
    for start, end in pairwise(edges):
        style = _style(int(upper[start]), int(lower[start]))
        line.append(Segment("▀" * (end - start), style if lower[start] != _NONE else behind + style))
    return line


@lru_cache(maxsize=16_384)
def _style(upper: int, lower: int) -> Style:
    return Style.from_color(_colour(upper), None if lower == _NONE else _colour(lower))


@lru_cache(maxsize=16_384)
def _colour(packed: int) -> Color:
    triplet = ColorTriplet(packed >> 16, packed >> 8 & 255, packed & 255)
    return Color(f"#{packed:06x}", ColorType.TRUECOLOR, None, triplet)
