"""Downloads through torchvision into a staging folder; a dataset appears in the data directory whole.

torchvision takes an Imagenette folder that a stopped extraction left for the finished dataset, and so would
everyone after it: nothing is extracted in place.
"""

import errno
import http.client
import shutil
import socket
import ssl
import tarfile
import urllib.error
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock

from rotui.data.sources import CIFAR10_BATCHES, IMAGENETTE_FOLDERS, find_source
from rotui.errors import DataError
from rotui.profile.datasets import DATASETS
from rotui.profile.schema import DataSettings
from rotui.text import printable

Fetchable = Literal["cifar10", "imagenette"]
_STALLED_AFTER = 60.0
_STAGING = ".fetching-"


def fetch(name: Fetchable, variant: str, data_dir: Path) -> tuple[Path, bool]:
    """Downloads, checks and unpacks a dataset; returns its folder and whether it was fetched now.

    A folder that is already there is never touched; DataError if it is not whole. DataError without network,
    on an HTTP error, a wrong checksum or a full disk; what was downloaded until then is removed.
    """
    folder = CIFAR10_BATCHES if name == "cifar10" else IMAGENETTE_FOLDERS[variant]
    target = data_dir / folder
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(data_dir / ".fetching.lock"):
            if target.exists():
                _check_whole(name, variant, data_dir, target)
                return target, False
            for left in data_dir.glob(f"{_STAGING}*"):
                shutil.rmtree(left)
            staging = data_dir / f"{_STAGING}{uuid.uuid4().hex}"
            staging.mkdir()
            try:
                with _network_errors(name, data_dir):
                    _download(name, variant)(staging)
                (staging / folder).rename(target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise DataError(f"{printable(data_dir)} cannot be written: {error.strerror}") from error
    return target, True


def _download(name: Fetchable, variant: str) -> Callable[[Path], object]:
    from torchvision import datasets

    if name == "cifar10":
        return lambda staging: datasets.CIFAR10(staging, download=True)
    return lambda staging: datasets.Imagenette(staging, size=variant, download=True)


def _check_whole(name: Fetchable, variant: str, data_dir: Path, target: Path) -> None:
    settings = DataSettings.model_validate({"name": name, "variant": variant})
    facts = DATASETS[name]
    wanted = facts.train_images + facts.validation_images
    away = f"move {printable(target)} away to fetch it anew"
    try:
        source = find_source(settings, data_dir)
        if name == "cifar10":
            from torchvision.datasets import CIFAR10

            CIFAR10(data_dir, download=False)
    except (DataError, RuntimeError) as error:
        raise DataError(f"{name} is there but damaged: {error}\n{away}") from error
    found = len(source.train or ()) + len(source.validation or ())
    if name == "imagenette" and found != wanted:
        raise DataError(f"{name} is there with {found} of {wanted} images: use it as it is, or {away}")


@contextmanager
def _network_errors(name: str, data_dir: Path) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_STALLED_AFTER)
    try:
        yield
    except urllib.error.HTTPError as error:
        raise DataError(
            f"{name} was not fetched: the server answered {error.code} {printable(error.reason)}"
        ) from error
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        ssl.SSLError,
        ConnectionError,
        TimeoutError,
    ) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{name} was not fetched: no connection to the server ({printable(reason)})"
        ) from error
    except (RuntimeError, tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} was not fetched: what came is incomplete or altered ({printable(error)}); it was removed"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(f"{name} was not fetched: no room left in {printable(data_dir)}") from error
        raise
    finally:
        socket.setdefaulttimeout(before)
