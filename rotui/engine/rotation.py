"""The pretext task's rotations of a batch, exact to `torchvision.transforms.functional.rotate`.

The published protocol (nearest neighbour, no jitter, filled corners) is a table of source pixels for each
class, made once by torchvision's own `rotate`; every other setting is sampled from an affine grid.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import rotate

from rotui.profile.schema import RotationSettings


def rotation_table(count: int, size: int) -> Tensor:
    """For each class and output pixel the flat index of its source pixel, -1 where the corner is empty.

    Returns int64 (count, size * size). Class k is `rotate` by k * 360 / count degrees, counter-clockwise,
    with torchvision's defaults (nearest neighbour, zero fill).
    """
    numbered = torch.arange(1, size * size + 1, dtype=torch.float32).reshape(1, size, size)
    turned = [rotate(numbered, k * 360 / count).round() for k in range(count)]
    return torch.stack(turned).reshape(count, size * size).long() - 1


def inscribed_disc(size: int, device: torch.device | str = "cpu") -> Tensor:
    """Boolean (size, size): pixels whose centre lies within the circle that touches the four edges."""
    from_centre = torch.arange(size, dtype=torch.float64, device=device) - (size - 1) / 2
    return from_centre[:, None] ** 2 + from_centre[None, :] ** 2 <= (size / 2) ** 2


def low_pass(images: Tensor, sigma: float) -> Tensor:
    """`images` (N, 3, S, S) convolved with a Gaussian of standard deviation `sigma` px, mirrored borders.

    It is cut off at 3 `sigma`, or where one mirrored border ends.
    """
    radius = min(max(1, math.ceil(3 * sigma)), images.shape[-1] - 1)
    offsets = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    padded = F.pad(images, (radius, radius, radius, radius), mode="reflect")
    blurred = F.conv2d(padded, kernel, groups=images.shape[1])
    return F.conv2d(blurred, kernel.transpose(2, 3), groups=images.shape[1])


def sample_rotated(images: Tensor, degrees: Tensor, settings: RotationSettings) -> Tensor:
    """`images` (N, 3, S, S) turned counter-clockwise by `degrees` (N,), sampled from an affine grid."""
    radians = torch.deg2rad(degrees.to(images.dtype))
    cosine, sine = torch.cos(radians), torch.sin(radians)
    nothing = torch.zeros_like(cosine)
    matrices = torch.stack(
        [torch.stack([cosine, -sine, nothing], dim=1), torch.stack([sine, cosine, nothing], dim=1)], dim=1
    )
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    border = "reflection" if settings.corners == "reflect" else "zeros"
    turned = F.grid_sample(
        images - settings.fill, grid, mode=settings.interpolation, padding_mode=border, align_corners=False
    )
    return turned + settings.fill


@dataclass(frozen=True)
class Sources:
    """Where each output pixel of N images comes from: int32 `rows` and `columns` (N, S * S). `inside` is 1,
    or 0 in an empty corner, where they say nothing, float32 (N, S * S); None where there is none."""

    rows: Tensor
    columns: Tensor
    inside: Tensor | None


def _sources(table: Tensor, size: int, device: torch.device) -> Sources:
    pixels = table.clamp(min=0).int().to(device)
    inside = (table >= 0).float().to(device) if (table < 0).any() else None
    return Sources(pixels // size, pixels % size, inside)


class Rotations:
    """The rotation pipeline of a profile at one image size, on one device."""

    def __init__(self, settings: RotationSettings, size: int, device: torch.device) -> None:
        self.settings = settings
        self.uses_table = (
            settings.interpolation == "nearest" and settings.jitter == 0 and settings.corners != "reflect"
        )
        self._table: Sources | None = None
        if self.uses_table:
            self._table = _sources(rotation_table(settings.count, size), size, device)
        self._outside = ~inscribed_disc(size, device) if settings.corners == "disc" else None

    def sources(self, classes: Tensor) -> Sources | None:
        """Source pixels of the images of these `classes` (N,); None when sampled from a grid."""
        if self._table is None:
            return None
        table, inside = self._table, self._table.inside
        return Sources(
            table.rows[classes], table.columns[classes], None if inside is None else inside[classes]
        )

    def apply_grid(self, images: Tensor, classes: Tensor, jitter: Tensor) -> Tensor:
        """Turns normalised `images` by their class and by `jitter` (N,), drawn from -1 to 1, where no table
        does it."""
        degrees = classes * (360 / self.settings.count) + jitter * self.settings.jitter
        return sample_rotated(images, degrees, self.settings)

    def finish(self, images: Tensor) -> Tensor:
        """Masks and blurs turned images, every class alike, where the profile asks for it. The mask comes
        before the blur as well, so that nothing of the corners is blurred into the disc."""
        images = self._masked(images)
        if self.settings.low_pass:
            images = self._masked(low_pass(images, self.settings.low_pass))
        return images

    def _masked(self, images: Tensor) -> Tensor:
        return images if self._outside is None else images.masked_fill(self._outside, self.settings.fill)
