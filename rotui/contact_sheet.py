"""Pictures with their captions on one sheet, as an image file."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rotui.errors import InputError
from rotui.text import printable

MARGIN = 8
"""Pixels around and between the pictures."""

LARGE = 96
"""Pixels that a picture is wide at least: whole multiples of its own width."""

_TEXT_SIZE, _LINE = 12, 18


def save_sheet(
    pictures: NDArray[np.uint8], captions: Sequence[str], columns: int, path: Path, *, replace: bool = False
) -> None:
    """Writes pictures (N, H, W, 3) in RGB, in rows of `columns`, as the kind of file that the name ends in.

    Each pixel stays a pixel, or becomes a square of pixels of the same colour. InputError where the file
    cannot be written, or is there already and not to be replaced.
    """
    kind = _format(path)
    count, height, width = pictures.shape[:3]
    times = max(1, -(-LARGE // width))
    across, down = times * width + MARGIN, times * height + _LINE + MARGIN
    columns = max(1, min(columns, count))
    sheet = Image.new("RGB", (columns * across + MARGIN, -(-count // columns) * down + MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_SIZE)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = MARGIN + number % columns * across, MARGIN + number // columns * down
        large = Image.fromarray(picture).resize((times * width, times * height), Image.Resampling.NEAREST)
        sheet.paste(large, (left, top))
        text = _shortened(printable(caption, 100), font, times * width)
        draw.text((left, top + times * height + 2), text, fill="black", font=font)
    content = BytesIO()
    sheet.save(content, format=kind)
    try:
        with path.open("wb" if replace else "xb") as file:
            file.write(content.getvalue())
    except FileExistsError as error:
        raise InputError(f"{printable(path)} is there already (another name, or --replace)") from error
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be written: {error.strerror}") from error


def _format(path: Path) -> str:
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise InputError(f"{printable(path)}: not the name of an image file (.png)")
    return kind


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while text and font.getlength(text) > width:
        text = f"{text[:-2]}…" if len(text) > 2 else ""
    return text
