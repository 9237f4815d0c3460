"""Data that cannot be used gives one clear DataError and leaves nothing half-built."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rotui.data.loading import load_dataset
from rotui.errors import DataError, ExitCode
from rotui.profile.schema import DataSettings


def refusal(
    settings: DataSettings, data_dir: Path, progress: Callable[[int, int], None] | None = None
) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(settings, data_dir, progress)
    assert caught.value.exit_code == ExitCode.DATA
    left = [path for path in (data_dir / "cache").rglob("*") if path.suffix != ".lock"]
    assert left == []
    return str(caught.value)


def folder(path: Path) -> DataSettings:
    return DataSettings(name="folder", path=str(path), image_size=16)


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (DataSettings(name="cifar10"), "rotui data fetch cifar10"),
        (DataSettings(name="imagenette", variant="160px"), "rotui data fetch imagenette --variant 160px"),
    ],
)
def test_missing_data_says_where_it_looked_and_how_to_get_it(data_dir, settings, command):
    message = refusal(settings, data_dir)
    assert str(data_dir) in message
    assert command in message
    assert "--data-dir" in message
    assert "ROTUI_DATA" in message


def test_missing_folder_names_the_path(data_dir, tmp_path):
    assert f"there is no folder {tmp_path / 'nowhere'}" in refusal(folder(tmp_path / "nowhere"), data_dir)


@pytest.mark.parametrize("split", ["train", "val"])
def test_missing_split_is_named(cats_and_dogs, data_dir, split):
    shutil.rmtree(cats_and_dogs / split)
    assert f"holds no folder {split}" in refusal(folder(cats_and_dogs), data_dir)


def test_empty_folder_is_named(make_folder, data_dir):
    root = make_folder({"train": {}, "val": {}})
    assert f"{root / 'train'} is empty" in refusal(folder(root), data_dir)


def test_one_class_is_too_few(make_folder, data_dir):
    root = make_folder({"train": {"a": 2}, "val": {"a": 1}})
    assert "one class only, a (2 or more)" in refusal(folder(root), data_dir)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("keep_folder", [True, False])
def test_class_without_images_is_named(cats_and_dogs, data_dir, split, keep_folder):
    shutil.rmtree(cats_and_dogs / split / "dog")
    if keep_folder:
        (cats_and_dogs / split / "dog").mkdir()
    message = refusal(folder(cats_and_dogs), data_dir)
    if split == "train" and not keep_folder:
        assert "one class only, cat" in message
    else:
        assert f"{cats_and_dogs / split} has no images of 1 of its 2 classes: dog" in message


def test_class_that_only_validation_has_is_named(cats_and_dogs, data_dir):
    (cats_and_dogs / "val" / "[red]\x1b[31mfox").mkdir()
    message = refusal(folder(cats_and_dogs), data_dir)
    assert r"not a class in train: [red]\x1b[31mfox" in message


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _text(path: Path) -> None:
    path.write_text("not an image")


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[60] ^= 255
    path.write_bytes(raw)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_truncate, _text, _flip, _empty])
@pytest.mark.parametrize("split", ["train", "val"])
def test_damaged_image_is_named(cats_and_dogs, data_dir, damage, split):
    path = cats_and_dogs / split / "cat" / "0001.png"
    damage(path)
    message = refusal(folder(cats_and_dogs), data_dir)
    assert message.startswith("1 damaged image, nothing was kept:")
    assert str(path) in message


def test_truncated_jpeg_is_named(cats_and_dogs, data_dir):
    path = cats_and_dogs / "train" / "dog" / "9.jpg"
    Image.effect_noise((64, 64), 90).convert("RGB").save(path)
    _truncate(path)
    assert f"{path}: image file is truncated" in refusal(folder(cats_and_dogs), data_dir)


@pytest.mark.parametrize("damage", [_truncate, _text])
def test_at_most_ten_damaged_images_are_named_in_one_message(make_folder, data_dir, damage):
    root = make_folder({"train": {"a": 300, "b": 300}, "val": {"a": 1, "b": 1}})
    for path in (root / "train" / "b").iterdir():
        damage(path)
    lines = refusal(folder(root), data_dir).splitlines()
    assert lines[0] == "10 or more damaged images, nothing was kept:"
    assert len(lines) == 11
    assert all(str(root / "train" / "b") in line for line in lines[1:])


def test_cifar_image_of_another_size_is_named(make_folder, data_dir):
    from rotui.data.sources import CIFAR10_CLASSES

    counts = dict.fromkeys(CIFAR10_CLASSES, 1)
    root = make_folder({"train": counts, "test": counts}, root=data_dir / "cifar10", size=(32, 32))
    Image.new("RGB", (28, 30)).save(root / "test" / "frog" / "0000.png")
    message = refusal(DataSettings(name="cifar10"), data_dir)
    assert f"{root / 'test/frog/0000.png'}: is 28x30 px, not 32x32" in message


def test_link_to_nowhere_is_named(cats_and_dogs, data_dir):
    (cats_and_dogs / "train" / "cat" / "gone.png").symlink_to("/nowhere/gone.png")
    assert "gone.png cannot be read: No such file" in refusal(folder(cats_and_dogs), data_dir)


def test_too_little_room_is_refused_before_an_image_is_decoded(make_folder, data_dir):
    root = make_folder({"train": {"a": 1, "b": 1}, "val": {"a": 1, "b": 1}})
    Image.new("1", (1, 12_000)).save(root / "train" / "a" / "0000.png")
    huge = DataSettings(name="folder", path=str(root), image_size=512)
    free = shutil.disk_usage(data_dir).free
    copies = free // (512 * 512 * 12_000 * 3) + 1
    assert copies < 2000
    for number in range(copies):
        Image.new("1", (1, 12_000)).save(root / "train" / "a" / f"x{number}.png")

    def nothing_begins(done: int, total: int) -> None:
        pytest.fail(f"decoding began with {done} of {total}")

    message = refusal(huge, data_dir, nothing_begins)
    assert "no room for the cache" in message
    assert f"in {data_dir / 'cache'}: " in message
    assert "MB are needed, " in message
