"""scikit-learn's bundled handwritten digits, enlarged to 32 px RGB: a dataset without a download."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotui.data.images import Dataset, ImageSet, image_offsets

IMAGE_SIZE = 32
VALIDATION_IMAGES = 360


def load_digits() -> Dataset:
    """The 1797 digits as 1437 training and 360 validation images, the same stratified split everywhere.

    The 17 grey levels of the 8x8 originals are scaled to 0..255 and enlarged to 32x32 by bicubic
    interpolation; the three channels are equal. Nothing is cached: it takes a fraction of a second.
    """
    from sklearn import datasets, model_selection

    bundled = datasets.load_digits()
    labels = bundled.target.astype(np.int64)
    train, validation = model_selection.train_test_split(
        np.arange(len(labels)), test_size=VALIDATION_IMAGES, stratify=labels, random_state=0
    )
    pixels = np.stack([_enlarged(image) for image in bundled.images])
    classes = tuple(str(digit) for digit in range(10))
    return Dataset(
        "digits",
        classes,
        _image_set(pixels, labels, np.sort(train)),
        _image_set(pixels, labels, np.sort(validation)),
        hashlib.sha256(pixels.tobytes() + np.sort(validation).tobytes()).hexdigest(),
    )


def _enlarged(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    grey = Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8))
    large = np.asarray(grey.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC))
    return np.broadcast_to(large, (3, IMAGE_SIZE, IMAGE_SIZE))


def _image_set(pixels: NDArray[np.uint8], labels: NDArray[np.int64], indices: NDArray[np.int64]) -> ImageSet:
    size = np.full(len(indices), IMAGE_SIZE, dtype=np.int32)
    flat = np.ascontiguousarray(pixels[indices]).reshape(-1)
    return ImageSet(flat, size, size, image_offsets(size, size), labels[indices])
