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

_BLOCK = 64  # images whose floats stay in a core's second cache while they are normalised


@dataclass(frozen=True)
class Crops:
    """One draw for each of N images.

    ``top`` and ``left``: int32 [N], offsets of the crop in the padded image,
    0 to 2 * padding. ``flip``: bool [N].
    """

    top: Tensor
    left: Tensor
    flip: Tensor

    def __getitem__(self, part: slice) -> Crops:
        """Return the draws of some of the images."""
        return Crops(self.top[part], self.left[part], self.flip[part])

    def to(self, device: torch.device) -> Crops:
        """Return the same draws on another device."""
        return Crops(self.top.to(device), self.left.to(device), self.flip.to(device))


def draw_crops(count: int, padding: int, flip: bool, generator: torch.Generator) -> Crops:
    """Draw offsets uniformly and flips with probability 1/2, for `count` images."""
    offsets = torch.randint(0, 2 * padding + 1, (2, count), generator=generator)
    # Drawn even when unused, so that turning the flip off leaves the crops as they were.
    coins = torch.randint(0, 2, (count,), generator=generator, dtype=torch.uint8)
    return Crops(offsets[0].int(), offsets[1].int(), coins.bool() & flip)


def crop_and_flip(images: Tensor, crops: Crops, padding: int) -> Tensor:
    """Return each image's crop of its zero-padded self, mirrored where asked.

    One indexed copy moves every pixel of the batch as a 32-bit word.

    Args:
        images: uint8 ``[N, H, W, 4]``, packed pixels.
        crops: one draw an image, on the device of `images`.
        padding: pixels of zeros on every side.

    Returns:
        uint8 ``[N, H, W, 4]``.
    """
    count, height, width, _ = images.shape
    pixels = images.view(torch.int32).view(count, height, width)
    padded = F.pad(pixels, (padding, padding, padding, padding))
    # int32 is half the memory of int64, and counts the pixels of a million padded images.
    across = torch.arange(width, dtype=torch.int32, device=images.device)
    columns = torch.where(crops.flip[:, None], width - 1 - across, across) + crops.left[:, None]
    down = torch.arange(height, dtype=torch.int32, device=images.device)
    image = torch.arange(count, dtype=torch.int32, device=images.device)
    rows = image[:, None] * padded.shape[1] + crops.top[:, None] + down
    index = (rows * padded.shape[2])[:, :, None] + columns[:, None, :]
    moved = padded.view(-1).index_select(0, index.view(-1))
    return moved.view(torch.uint8).view(images.shape)


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return ``(images / 255 - mean) / std`` as float32 ``[N, 3, H, W]``, channels last.

    Args:
        images: uint8 ``[N, H, W, 4]``, packed pixels.
        mean: float32 ``[3]``, in fractions of full scale; `std` likewise.
    """
    count, height, width, _ = images.shape
    # A row of pixels at a time, so that the arithmetic runs over whole vectors.
    scale, shift = (1.0 / (255.0 * std)).repeat(width), -(mean / std).repeat(width)
    pixels = torch.empty(count, height, width, 3, device=images.device)
    block = _BLOCK if images.device.type == "cpu" else max(1, count)
    for some, packed in zip(pixels.split(block), images.split(block), strict=True):
        for channel in range(3):  # strided copies are faster than one of threes out of fours
            some[..., channel] = packed[..., channel]
        rows = some.view(-1, width * 3)
        torch.addcmul(shift, rows, scale, out=rows)
    return pixels.permute(0, 3, 1, 2)
