"""Random crop and flip of a whole batch at once.

The distribution is that of torchvision's ``RandomCrop(32, padding=p)`` then
``RandomHorizontalFlip()``, applied before normalisation: the border is black,
not the mean colour, and every image has its own offset and its own coin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Crops:
    """One draw for each of N images.

    ``top`` and ``left``: int64 [N], offsets of the crop in the padded image,
    0 to 2 * padding. ``flip``: bool [N].
    """

    top: Tensor
    left: Tensor
    flip: Tensor


def draw_crops(count: int, padding: int, flip: bool, generator: torch.Generator) -> Crops:
    """Draw offsets uniformly and flips with probability 1/2, for `count` images."""
    offsets = torch.randint(0, 2 * padding + 1, (2, count), generator=generator)
    # Drawn even when unused, so that turning the flip off leaves the crops as they were.
    coins = torch.randint(0, 2, (count,), generator=generator, dtype=torch.uint8)
    return Crops(offsets[0], offsets[1], coins.bool() & flip)


def crop_and_flip(images: Tensor, crops: Crops, padding: int) -> Tensor:
    """Return each image's crop of its zero-padded self, mirrored where asked.

    Args:
        images: uint8 ``[N, C, H, W]``.
        crops: one draw an image, on the device of `images`.
        padding: pixels of zeros on every side.

    Returns:
        uint8 ``[N, C, H, W]``.
    """
    count, _, height, width = images.shape
    if padding:
        padded = F.pad(images, (padding, padding, padding, padding))
        # windows[n, c, i, j] is the crop of image n at (i, j), as a view of the same memory.
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)
        rows = torch.arange(count, device=images.device)
        images = windows[rows, :, crops.top, crops.left]
    return torch.where(crops.flip[:, None, None, None], images.flip(3), images)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return ``(images / 255 - mean) / std`` as float32.

    Args:
        images: uint8 ``[N, C, H, W]``.
        mean: float32 ``[C]``, in fractions of full scale; `std` likewise.
    """
    scale = (1.0 / (255.0 * std))[:, None, None]
    shift = (mean / std)[:, None, None]
    return images.float().mul_(scale).sub_(shift)
