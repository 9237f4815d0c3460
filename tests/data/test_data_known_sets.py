"""digits, CIFAR-10 and Imagenette are read from where they lie, in the order of their files."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits as bundled_digits
from torchvision import datasets

from rotui.data.loading import load_dataset
from rotui.data.sources import CIFAR10_CLASSES, IMAGENETTE_CLASSES, IMAGENETTE_FOLDERS
from rotui.errors import DataError
from rotui.profile.datasets import DATASETS
from rotui.profile.schema import DataSettings

CIFAR = DataSettings(name="cifar10")


def test_digits_need_no_directory_and_are_split_evenly_and_always_alike(tmp_path):
    dataset = load_dataset(DataSettings(name="digits"), tmp_path / "nowhere")
    assert dataset.train.dense().shape == (1437, 3, 32, 32)
    assert dataset.validation.dense().shape == (360, 3, 32, 32)
    assert np.bincount(dataset.validation.labels).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]
    assert dataset.classes == tuple("0123456789")
    assert dataset.fingerprint == load_dataset(DataSettings(name="digits"), tmp_path).fingerprint
    assert not (tmp_path / "nowhere").exists()


def test_digits_keep_every_bundled_image_once(tmp_path):
    dataset = load_dataset(DataSettings(name="digits"), tmp_path)
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels])
    assert np.bincount(labels).tolist() == np.bincount(bundled_digits().target).tolist()
    every = np.concatenate([dataset.train.dense(), dataset.validation.dense()])
    originals = bundled_digits().images
    assert len(np.unique(every.reshape(1797, -1), axis=0)) == len(
        np.unique(originals.reshape(1797, -1), axis=0)
    )
    assert every.max() == 255
    assert (every[:, 0] == every[:, 2]).all()


def test_digits_normalisation_is_what_the_training_images_measure(tmp_path):
    pixels = load_dataset(DataSettings(name="digits"), tmp_path).train.dense() / 255
    assert DATASETS["digits"].mean == pytest.approx(pixels.mean((0, 2, 3)), abs=5e-5)
    assert DATASETS["digits"].std == pytest.approx(pixels.std((0, 2, 3)), abs=5e-5)


@pytest.fixture
def batches(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small batches in torchvision's format; its list of checksums is told theirs."""
    directory = data_dir / datasets.CIFAR10.base_folder
    directory.mkdir()
    draw = np.random.default_rng(1)

    def write(name: str, content: dict[str, object]) -> list[str]:
        raw = pickle.dumps(content)
        (directory / name).write_bytes(raw)
        return [name, hashlib.md5(raw).hexdigest()]

    def batch(count: int) -> dict[str, object]:
        pixels = draw.integers(0, 256, (count, 3072), dtype=np.uint8)
        return {"data": pixels, "labels": draw.integers(0, 10, count).tolist()}

    train = [write(f"data_batch_{number}", batch(7)) for number in range(1, 6)]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [write("test_batch", batch(9))])
    name, checksum = write("batches.meta", {"label_names": list(CIFAR10_CLASSES)})
    meta = {"filename": name, "key": "label_names", "md5": checksum}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return directory


@pytest.mark.usefixtures("batches")
def test_cifar_batches_keep_their_order_and_pixels(data_dir):
    dataset = load_dataset(CIFAR, data_dir)
    for train, images in ((True, dataset.train), (False, dataset.validation)):
        expected = datasets.CIFAR10(data_dir, train=train)
        np.testing.assert_array_equal(images.dense(), expected.data.transpose(0, 3, 1, 2))
        assert images.labels.tolist() == expected.targets
    assert dataset.classes == CIFAR10_CLASSES


@pytest.mark.usefixtures("batches")
def test_cifar_batches_report_progress_and_are_cached(data_dir):
    seen: list[tuple[int, int]] = []
    load_dataset(CIFAR, data_dir, lambda done, total: seen.append((done, total)))
    assert seen == [(0, 44), (35, 44), (44, 44)]
    load_dataset(CIFAR, data_dir, lambda done, total: seen.append((done, total)))
    assert len(seen) == 3


def test_damaged_cifar_batch_is_refused(batches, data_dir):
    with (batches / "data_batch_3").open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        DataError, match=r"batches in .* are incomplete or damaged .*`rotui data fetch cifar10`"
    ):
        load_dataset(CIFAR, data_dir)


def test_missing_cifar_batch_is_named(batches, data_dir):
    (batches / "data_batch_3").unlink()
    with pytest.raises(DataError, match="data_batch_3 cannot be read: No such file"):
        load_dataset(CIFAR, data_dir)


@pytest.mark.parametrize("inside", ["cifar10", "."])
def test_cifar_image_folders_are_found_in_the_data_directory(make_folder, data_dir, inside):
    counts = dict.fromkeys(CIFAR10_CLASSES, 2)
    make_folder({"train": counts, "test": counts}, root=data_dir / inside, size=(32, 32))
    dataset = load_dataset(CIFAR, data_dir)
    assert dataset.classes == CIFAR10_CLASSES
    assert dataset.train.labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert dataset.train.names[2] == "train/automobile/0000.png"
    assert len(dataset.validation) == 20


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar_class_that_is_missing_is_named(make_folder, data_dir, split):
    counts = {name: dict.fromkeys(CIFAR10_CLASSES, 1) for name in ("train", "test")}
    del counts[split]["horse"]
    make_folder(counts, root=data_dir / "cifar10", size=(32, 32))
    with pytest.raises(DataError, match=rf"{split} has no images of 1 of its 10 classes: horse"):
        load_dataset(CIFAR, data_dir)


@pytest.mark.parametrize("variant", ["160px", "320px", "full"])
def test_imagenette_is_read_as_torchvision_reads_it(make_folder, data_dir, variant):
    counts = dict.fromkeys(IMAGENETTE_CLASSES, 1)
    root = data_dir / IMAGENETTE_FOLDERS[variant]
    make_folder({"train": counts, "val": counts}, root=root, size=(50, 36), ending=".JPEG")
    dataset = load_dataset(DataSettings(name="imagenette", variant=variant, image_size=24), data_dir)
    for split, images in (("train", dataset.train), ("val", dataset.validation)):
        expected = datasets.Imagenette(data_dir, split=split, size=variant)
        assert dataset.classes == tuple(names[0] for names in expected.classes)
        assert images.labels.tolist() == [label for _, label in expected]
        assert [str(root / name) for name in images.names] == [path for path, _ in expected._samples]
    assert dataset.train.image(0).shape == (3, 24, 33)
    assert dataset.validation.image(0).shape == (3, 24, 24)


def test_imagenette_table_matches_torchvisions():
    assert {
        wnid: names[0] for wnid, names in datasets.Imagenette._WNID_TO_CLASS.items()
    } == IMAGENETTE_CLASSES
    archives = {size: Path(url).stem for size, (url, _) in datasets.Imagenette._ARCHIVES.items()}
    assert archives == IMAGENETTE_FOLDERS


def test_imagenette_folder_of_a_strange_class_is_refused(make_folder, data_dir):
    counts = dict.fromkeys(IMAGENETTE_CLASSES, 1)
    root = data_dir / "imagenette2-160"
    make_folder({"train": counts | {"n09999999": 1}, "val": counts}, root=root, ending=".JPEG")
    with pytest.raises(DataError, match="not one of the dataset's classes: n09999999"):
        load_dataset(DataSettings(name="imagenette", variant="160px"), data_dir)


def test_imagenette_class_missing_in_validation_is_named(make_folder, data_dir):
    counts = dict.fromkeys(IMAGENETTE_CLASSES, 1)
    missing = {name: count for name, count in counts.items() if name != "n03888257"}
    root = make_folder({"train": counts, "val": missing}, root=data_dir / "imagenette2-160", ending=".JPEG")
    Image.new("RGB", (9, 9)).save(root / "val" / "stray.JPEG")
    with pytest.raises(DataError, match=r"val has no images of 1 of its 10 classes: n03888257"):
        load_dataset(DataSettings(name="imagenette", variant="160px"), data_dir)
