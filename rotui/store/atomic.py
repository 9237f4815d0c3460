"""Files that a crash cannot tear: written beside their place under a unique name, then renamed into it."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotui.errors import DiskFullError, StoreError
from rotui.text import printable

_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def store_errors(path: Path, action: str = "cannot be written") -> Iterator[None]:
    """Turns an OSError of the block into a StoreError that says which path, what failed and why; into a
    DiskFullError where there is no room."""
    try:
        yield
    except OSError as error:
        where = printable(error.filename) if isinstance(error.filename, str) else printable(path)
        kind = DiskFullError if error.errno in _NO_ROOM else StoreError
        raise kind(f"{where}: {action}: {printable(error.strerror or error)}") from error


def sync_folder(folder: Path) -> None:
    """Makes renames and new names in `folder` last through a power cut, where the filesystem can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replaces `path` by `content` (text as UTF-8) as a whole: a crash leaves the old file or the new.

    StoreError where it cannot be written; the old file then stands and no temporary stays behind.
    """
    raw = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    with store_errors(path):
        try:
            with temporary.open("xb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def clear_temporaries(folder: Path, *names: str) -> None:
    """Removes what `write_atomically` left of files of these names when it was killed, or of all files. For
    one whom nobody writes them beside; StoreError where that fails."""
    with store_errors(folder, "what a crash left cannot be removed"):
        for path in folder.glob(".*.tmp"):
            written = path.name[1:].rsplit(".", 2)[0]
            if path.is_file() and (not names or written in names):
                path.unlink(missing_ok=True)


def drop_torn_line(path: Path) -> None:
    """Cuts off what follows the last line end of `path`: the line that a crash kept from being whole.

    StoreError where the file cannot be read or written.
    """
    with store_errors(path), path.open("r+b") as file:
        raw = file.read()
        whole = raw.rfind(b"\n") + 1
        if whole != len(raw):
            file.truncate(whole)
            os.fsync(file.fileno())


def append_line(path: Path, line: str) -> None:
    """Adds one line to `path` in one write and syncs it; a line that does not fit is taken back whole.

    StoreError where it cannot be written.
    """
    raw = f"{line}\n".encode()
    with store_errors(path), path.open("ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if file.write(raw) != len(raw):
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())


def damaged(path: Path, what: object) -> StoreError:
    """The error that a file of a runs directory is not what was written; to be raised."""
    return StoreError(f"{printable(path)}: damaged: {printable(what)}")
