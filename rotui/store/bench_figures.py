"""Where the figures of `rotui bench` are kept between its calls: one small file in the user's cache."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from rotui.store.atomic import store_errors, write_atomically
from rotui.store.state import utc_now
from rotui.study.bench_figure import BenchFigure
from rotui.text import printable

VERSION = 1


@dataclass(frozen=True)
class KeptFigures:
    """The figures on file, and one line about a file that cannot be used, empty where there is none."""

    figures: tuple[BenchFigure, ...] = ()
    fault: str = ""


class _File(BaseModel):
    model_config = ConfigDict(strict=False, extra="forbid", allow_inf_nan=False)
    version: int
    figures: tuple[BenchFigure, ...]


def figures_file() -> Path:
    """Where the figures are kept."""
    return platformdirs.user_cache_path("rotui") / "bench.json"


_read: dict[Path, tuple[tuple[int, int, int], KeptFigures]] = {}


def kept_figures(path: Path | None = None) -> KeptFigures:
    """What is kept in `path`, or where figures are; asked again, it reads a file that changed. Never raises:
    a file that cannot be used has no figures and a fault."""
    file = path or figures_file()
    try:
        found = file.stat()
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        if file not in _read or _read[file][0] != stamp:
            _read[file] = (stamp, _parsed(file))
        return _read[file][1]
    except FileNotFoundError:
        return KeptFigures()
    except OSError as error:
        return KeptFigures(fault=_fault(file, error.strerror or error))


def keep_figures(new: Iterable[BenchFigure], path: Path | None = None) -> str:
    """Adds figures to those on file, the newest of each kind kept, and returns one line to be told where a
    damaged file was kept aside for it. StoreError where the file cannot be written."""
    file = path or figures_file()
    with store_errors(file.parent, "cannot be made"):
        file.parent.mkdir(parents=True, exist_ok=True)
    before = kept_figures(file)
    told = ""
    if before.fault:
        aside = file.with_name(f"{file.name}.damaged-{utc_now().replace(':', '')}")
        with store_errors(file, "cannot be kept aside"):
            file.rename(aside)
        told = f"{printable(file)}: could not be read, kept aside as {printable(aside.name)}"
    newest: dict[tuple[object, ...], BenchFigure] = {}
    for each in sorted((*before.figures, *new), key=lambda figure: figure.measured):
        newest[each.key] = each
    content = _File(version=VERSION, figures=tuple(newest.values())).model_dump_json(indent=1)
    write_atomically(file, content + "\n")
    return told


@cache
def _adapter() -> TypeAdapter[_File]:
    return TypeAdapter(_File)


def _parsed(file: Path) -> KeptFigures:
    try:
        kept = _adapter().validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return KeptFigures(fault=_fault(file, f"{where}: {first['msg']}" if where else first["msg"]))
    if kept.version != VERSION:
        return KeptFigures(fault=_fault(file, f"version {kept.version}, not {VERSION}"))
    if not all(_can_be(each.training_seconds) and _can_be(each.evaluation_seconds) for each in kept.figures):
        return KeptFigures(fault=_fault(file, "an image that takes no time"))
    return KeptFigures(kept.figures)


def _can_be(seconds: float) -> bool:
    return math.isfinite(seconds) and seconds > 0


def _fault(file: Path, why: object) -> str:
    return f"{printable(file)}: not used: {printable(why)} (rotui bench makes it anew)"
