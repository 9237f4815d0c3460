"""Image files to uint8 pixels at a given place of a file: the work of one decoder, in or out of process.

Messages are plain values, so that they can pass through a pipe as JSON. Nothing here loads torch.
"""

import json
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotui.text import printable

UNREADABLE = (
    OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises for damaged files; its plugins let errors of their parsers through."""


def fitted_size(height: int, width: int, image_size: int) -> tuple[int, int]:
    """Height and width after torchvision's `Resize(image_size)`: the shorter side becomes `image_size`."""
    if height <= width:
        return image_size, int(image_size * width / height)
    return int(image_size * height / width), image_size


def read_size(path: Path) -> tuple[int, int]:
    """Height and width in px from the file's header alone. Raises one of UNREADABLE."""
    with Image.open(path) as image:
        return image.height, image.width


def decode_image(path: Path, height: int, width: int, *, resize: bool) -> NDArray[np.uint8]:
    """The file's pixels as contiguous (3, height, width) uint8 RGB, resized bilinearly with antialiasing.

    Raises one of UNREADABLE; a ValueError if it has another size and `resize` is false.
    """
    with Image.open(path) as image:
        pixels = image.convert("RGB")
    if pixels.size != (width, height):
        if not resize:
            raise ValueError(f"is {pixels.width}x{pixels.height} px, not {width}x{height}")
        pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(pixels).transpose(2, 0, 1))


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """Does one message's work.

    `{"root", "images": [name]}` gives `{"sizes": [[height, width]]}`. With `"file"`, `"start"` and
    `"resize"`, and images as `[name, height, width, offset]`, pixels are written into that file. Both give
    `"failures": [[name, reason]]`, and `"errno"` where the file could not be written.
    """
    reply: dict[str, Any] = {"failures": [], "errno": None}
    root = Path(message["root"])
    if "file" not in message:
        reply["sizes"] = []
        for name in message["images"]:
            try:
                reply["sizes"].append(read_size(root / name))
            except UNREADABLE as error:
                reply["failures"].append([name, _reason(error)])
        return reply
    try:
        target = os.open(message["file"], os.O_WRONLY)
    except OSError as error:
        return reply | {"errno": error.errno}
    try:
        for name, height, width, offset in message["images"]:
            try:
                pixels = decode_image(root / name, height, width, resize=message["resize"])
            except UNREADABLE as error:
                reply["failures"].append([name, _reason(error)])
                continue
            try:
                _write_all(target, pixels.data.cast("B"), message["start"] + offset)
            except OSError as error:
                return reply | {"errno": error.errno}
    finally:
        os.close(target)
    return reply


def _write_all(target: int, values: memoryview, position: int) -> None:
    while values:
        written = os.pwrite(target, values, position)
        values, position = values[written:], position + written


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if type(error).__name__ == "UnidentifiedImageError":
        return "is not an image that Pillow knows"
    return printable(error, 200) or type(error).__name__


def serve() -> None:
    """Answers messages on stdin, one JSON object a line, until a pipe is closed."""
    for line in sys.stdin:
        try:
            sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os._exit(0)
