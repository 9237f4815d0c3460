"""Fetching from a real local server: whole datasets appear, broken ones leave nothing."""

import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from rotui.data.fetching import fetch
from rotui.data.loading import load_dataset
from rotui.data.sources import CIFAR10_CLASSES, IMAGENETTE_CLASSES
from rotui.errors import DataError
from rotui.profile.schema import DataSettings

Publish = Callable[..., None]


def _archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server's address and what it serves; `/short` promises more bytes than it sends."""
    files: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._headers()

        def do_GET(self) -> None:
            if self._headers():
                self.wfile.write(files[self.path])

        def _headers(self) -> bool:
            there = self.path in files
            self.send_response(200 if there else 404)
            extra = 1000 if self.path.startswith("/short") else 0
            self.send_header("Content-Length", str(len(files.get(self.path, b"")) + extra))
            self.end_headers()
            return there

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", files
        running.shutdown()


@pytest.fixture
def publish_cifar(server, monkeypatch) -> Publish:
    """Serves small batches in torchvision's format; its list of checksums is told theirs."""
    address, files = server
    batch = {"data": np.zeros((10, 3072), np.uint8), "labels": list(range(10))}
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    content = {name: pickle.dumps(batch) for name in names}
    content["batches.meta"] = pickle.dumps({"label_names": list(CIFAR10_CLASSES)})
    sums = {name: hashlib.md5(raw).hexdigest() for name, raw in content.items()}
    archive = _archive({f"cifar-10-batches-py/{name}": raw for name, raw in content.items()})

    def publish(path: str = "/cifar.tar.gz", served: bytes = archive, expected: bytes = archive) -> None:
        files["/short.tar.gz" if path.startswith("/short") else "/cifar.tar.gz"] = served
        cifar = datasets.CIFAR10
        monkeypatch.setattr(cifar, "url", address + path)
        monkeypatch.setattr(cifar, "tgz_md5", hashlib.md5(expected).hexdigest())
        monkeypatch.setattr(cifar, "train_list", [[name, sums[name]] for name in names[:5]])
        monkeypatch.setattr(cifar, "test_list", [["test_batch", sums["test_batch"]]])
        meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
        monkeypatch.setattr(cifar, "meta", meta)

    return publish


def left(data_dir: Path) -> list[str]:
    return sorted(path.name for path in data_dir.iterdir() if path.name != ".fetching.lock")


def test_fetched_cifar_can_be_loaded_and_is_not_fetched_twice(publish_cifar, tmp_path):
    publish_cifar()
    target, fetched = fetch("cifar10", "320px", tmp_path / "new" / "data")
    assert fetched
    assert left(tmp_path / "new" / "data") == ["cifar-10-batches-py"]
    assert len(load_dataset(DataSettings(name="cifar10"), tmp_path / "new" / "data").train) == 50
    assert fetch("cifar10", "320px", tmp_path / "new" / "data") == (target, False)


@pytest.mark.parametrize(
    ("path", "served", "message"),
    [
        ("/absent.tar.gz", b"", "the server answered 404"),
        ("/cifar.tar.gz", b"something else", "incomplete or altered"),
        ("/short.tar.gz", b"the beginning", "incomplete or altered"),
    ],
)
def test_failed_download_is_one_message_and_leaves_nothing(publish_cifar, data_dir, path, served, message):
    publish_cifar(path, served)
    with pytest.raises(DataError, match=message):
        fetch("cifar10", "320px", data_dir)
    assert left(data_dir) == []
    publish_cifar()
    assert fetch("cifar10", "320px", data_dir)[1]


def test_archive_that_cannot_be_unpacked_leaves_nothing(publish_cifar, data_dir):
    publish_cifar(served=b"not an archive", expected=b"not an archive")
    with pytest.raises(DataError, match="incomplete or altered"):
        fetch("cifar10", "320px", data_dir)
    assert left(data_dir) == []


def test_no_connection_is_one_message(publish_cifar, data_dir, monkeypatch):
    publish_cifar()
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
    with pytest.raises(DataError, match=r"no connection to the server .*refused"):
        fetch("cifar10", "320px", data_dir)
    assert left(data_dir) == []


def test_remains_of_a_killed_download_are_removed(publish_cifar, data_dir):
    publish_cifar()
    (data_dir / ".fetching-dead").mkdir()
    fetch("cifar10", "320px", data_dir)
    assert left(data_dir) == ["cifar-10-batches-py"]


def test_damaged_batches_are_reported_and_never_touched(publish_cifar, data_dir):
    publish_cifar()
    target, _ = fetch("cifar10", "320px", data_dir)
    (target / "data_batch_2").write_bytes(b"short")
    with pytest.raises(DataError, match="there but damaged"):
        fetch("cifar10", "320px", data_dir)
    assert (target / "data_batch_2").read_bytes() == b"short"


def test_a_data_directory_that_is_a_file_is_one_message(publish_cifar, tmp_path):
    publish_cifar()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        fetch("cifar10", "320px", tmp_path / "file")


def test_imagenette_is_fetched_and_a_part_of_it_is_not_taken_for_the_whole(server, data_dir, monkeypatch):
    address, files = server
    picture = io.BytesIO()
    Image.new("RGB", (160, 160)).save(picture, "JPEG")
    archive = _archive(
        {
            f"imagenette2-160/{split}/{wnid}/1.JPEG": picture.getvalue()
            for split in ("train", "val")
            for wnid in IMAGENETTE_CLASSES
        }
    )
    files["/imagenette2-160.tgz"] = archive
    url = f"{address}/imagenette2-160.tgz"
    monkeypatch.setitem(datasets.Imagenette._ARCHIVES, "160px", (url, hashlib.md5(archive).hexdigest()))
    target, fetched = fetch("imagenette", "160px", data_dir)
    assert (target.name, fetched) == ("imagenette2-160", True)
    assert left(data_dir) == ["imagenette2-160"]
    settings = DataSettings(name="imagenette", variant="160px", image_size=160)
    assert len(load_dataset(settings, data_dir).train) == 10
    with pytest.raises(DataError, match="is there with 20 of 13394 images"):
        fetch("imagenette", "160px", data_dir)
