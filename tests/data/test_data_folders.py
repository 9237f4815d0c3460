"""Image folders become uint8 arrays exactly as torchvision decodes and resizes them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets.folder import default_loader
from torchvision.transforms import Resize

from rotui.data.decoders import IN_PROCESS_BELOW
from rotui.data.loading import load_dataset
from rotui.errors import DataError
from rotui.profile.schema import DataSettings


def folder(path: Path, image_size: int = 16) -> DataSettings:
    return DataSettings(name="folder", path=str(path), image_size=image_size)


def test_images_are_ordered_by_class_then_name_and_labelled(cats_and_dogs, data_dir):
    dataset = load_dataset(folder(cats_and_dogs), data_dir)
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert dataset.train.labels.dtype == np.int64
    assert list(dataset.train.names) == [f"train/cat/{n:04}.png" for n in range(3)] + [
        f"train/dog/{n:04}.png" for n in range(4)
    ]
    assert dataset.validation.labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("size", [(40, 40), (50, 31), (31, 50), (16, 16), (23, 16), (9, 12)])
def test_pixels_equal_torchvisions_loader_and_resize(make_folder, data_dir, size):
    root = make_folder({"train": {"a": 2, "b": 1}, "val": {"a": 1, "b": 1}}, size=size)
    dataset = load_dataset(folder(root), data_dir)
    for images, resize in ((dataset.train, Resize(16)), (dataset.validation, Resize((16, 16)))):
        for index, name in enumerate(images.names):
            expected = np.asarray(resize(default_loader(str(root / name)))).transpose(2, 0, 1)
            np.testing.assert_array_equal(images.image(index), expected)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK", "LA"])
def test_every_colour_mode_becomes_rgb_as_in_torchvision(cats_and_dogs, data_dir, mode):
    path = cats_and_dogs / "train" / "cat" / ("0000.png" if mode != "CMYK" else "0000.jpg")
    (cats_and_dogs / "train" / "cat" / "0000.png").unlink()
    Image.effect_noise((16, 16), 90).convert(mode).save(path)
    dataset = load_dataset(folder(cats_and_dogs), data_dir)
    np.testing.assert_array_equal(
        dataset.train.image(0), np.asarray(default_loader(str(path))).transpose(2, 0, 1)
    )


def test_arrays_are_memory_mapped_contiguous_and_no_write_reaches_the_file(cats_and_dogs, data_dir):
    images = load_dataset(folder(cats_and_dogs), data_dir).train
    assert isinstance(images.pixels, np.memmap)
    before = images.pixels[0]
    images.pixels[0] = 255 - before
    assert load_dataset(folder(cats_and_dogs), data_dir).train.pixels[0] == before
    assert images.pixels.flags.c_contiguous
    assert np.shares_memory(images.dense(), images.pixels)
    assert images.dense().shape == (7, 3, 16, 16)
    np.testing.assert_array_equal(images.dense()[5], images.image(5))


def test_images_of_different_sizes_keep_their_shape_and_make_no_dense_array(cats_and_dogs, data_dir):
    Image.new("RGB", (64, 32)).save(cats_and_dogs / "train" / "cat" / "0001.png")
    images = load_dataset(folder(cats_and_dogs), data_dir).train
    assert images.image(1).shape == (3, 16, 32)
    assert images.image(2).shape == (3, 16, 16)
    assert not images.uniform
    with pytest.raises(ValueError, match="different sizes"):
        images.dense()


def test_other_files_and_hidden_folders_are_left_out_and_nested_folders_read(cats_and_dogs, data_dir):
    (cats_and_dogs / "train" / "cat" / "notes.txt").write_text("no image")
    (cats_and_dogs / "train" / ".cache").mkdir()
    nested = cats_and_dogs / "train" / "cat" / "more"
    nested.mkdir()
    Image.new("RGB", (16, 16)).save(nested / "x.PNG")
    assert load_dataset(folder(cats_and_dogs), data_dir).train.labels.tolist() == [0] * 4 + [1] * 4


def test_test_folder_serves_as_validation(make_folder, data_dir):
    root = make_folder({"train": {"a": 1, "b": 1}, "test": {"a": 1, "b": 2}})
    assert len(load_dataset(folder(root), data_dir).validation) == 3


def test_home_and_the_current_directory_are_understood(cats_and_dogs, data_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(cats_and_dogs.parent))
    assert len(load_dataset(folder(Path("~/pictures")), data_dir).train) == 7
    monkeypatch.chdir(cats_and_dogs.parent)
    assert len(load_dataset(folder(Path("pictures")), data_dir).train) == 7


def test_many_images_are_decoded_by_processes_to_the_same_pixels_with_progress(make_folder, data_dir):
    count = IN_PROCESS_BELOW // 2
    root = make_folder({"train": {"a": count, "b": count}, "val": {"a": 1, "b": 1}}, size=(20, 16))
    seen = []
    dataset = load_dataset(folder(root), data_dir, lambda done, total: seen.append((done, total)))
    total = 2 * count + 2
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)
    for index in (0, 1, count, 2 * count - 1):
        expected = np.asarray(default_loader(str(root / dataset.train.names[index]))).transpose(2, 0, 1)
        np.testing.assert_array_equal(dataset.train.image(index), expected)


@pytest.mark.parametrize("name", ["[red]x", "a b", "é\u202e", "\x1b[31mred", "..x"])
def test_hostile_class_names_are_read_and_name_nothing_that_is_written(make_folder, data_dir, name):
    root = make_folder({"train": {name: 1, "z": 1}, "val": {name: 1, "z": 1}})
    if name.startswith("."):
        with pytest.raises(DataError, match="one class only, z"):
            load_dataset(folder(root), data_dir)
        return
    assert name in load_dataset(folder(root), data_dir).classes
    written = [path.name for path in (data_dir / "cache").rglob("*")]
    assert written
    assert all(part.isascii() and part.replace("-", "").replace(".", "").isalnum() for part in written)
