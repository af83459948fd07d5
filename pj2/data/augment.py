"""Random crop and flip of a whole batch at once.

The distribution is that of torchvision's ``RandomCrop(32, padding=p)`` then
``RandomHorizontalFlip()``, applied before normalisation: the border is black,
not the mean colour, and every image has its own offset and its own flip.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Devices whose index_select reads overlapping rows of a view without copying them first.
_COPIES_STRETCHES = ("cpu",)
_BLOCK = 64  # images whose floats fit into a core's second-level cache while they are normalised


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


def draw_crops(count: int, padding: int, flip: bool, generator: torch.Generator) -> Crops:
    """Draw offsets uniformly and flips with probability 1/2, for `count` images."""
    offsets = torch.randint(0, 2 * padding + 1, (2, count), generator=generator)
    # Drawn even when unused, so that turning the flip off leaves the crops as they were.
    coins = torch.randint(0, 2, (count,), generator=generator, dtype=torch.uint8)
    return Crops(offsets[0].int(), offsets[1].int(), coins.bool() & flip)


def crop_and_flip(images: Tensor, rows: Tensor, crops: Crops, padding: int) -> Tensor:
    """Return the crop of each chosen image, padded with zeros, mirrored where asked.

    The images, mirrored where asked, are first copied into one black canvas, where the right
    margin of a row of pixels is also the left margin of the next. So each crop is one contiguous
    piece of memory, with a margin after each row, and costs one contiguous copy.

    Args:
        images: uint8 ``[M, H, W, 3]``.
        rows: int64 ``[N]``, on the CPU: which of `images`.
        crops: one draw for each of them, on the CPU.
        padding: pixels of zeros on every side.

    Returns:
        uint8 ``[N, H, W, 3]`` on the device of `images`, a view with gaps between the rows.
    """
    count, (height, width, channels) = len(rows), images.shape[1:]
    # In bytes: a row with its margin, an image with the margins above and below. The last crop
    # may reach two margins past the last image.
    margin, across = padding * channels, (width + padding) * channels
    whole = (height + 2 * padding) * across
    canvas = torch.zeros(count * whole + 2 * margin, dtype=torch.uint8, device=images.device)
    framed = canvas[: count * whole].view(count, -1, across)
    inner = framed[:, padding : padding + height, margin:]
    # First the images that stay as they are, then those to mirror.
    order = torch.argsort(crops.flip.byte(), stable=True)
    plain, mirrored = rows[order].to(images.device).tensor_split([count - int(crops.flip.sum())])
    inner[: len(plain)] = images.index_select(0, plain).flatten(2)
    inner[len(plain) :] = images.index_select(0, mirrored).flip(2).flatten(2)
    place = torch.empty_like(order)
    place[order] = torch.arange(count)
    left = torch.where(crops.flip, 2 * padding - crops.left, crops.left)
    start = (place * whole + crops.top * across + left * channels).to(images.device)
    cut = _stretches(canvas, start, height * across)
    return cut.view(count, height, width + padding, channels)[:, :, :width]


def _stretches(memory: Tensor, start: Tensor, length: int) -> Tensor:
    """Return ``[len(start), length]``: the `length` elements of `memory` from each start on."""
    if memory.device.type in _COPIES_STRETCHES:
        return memory.unfold(0, length, 1).index_select(0, start)
    return memory[start[:, None] + torch.arange(length, device=memory.device)]


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return ``(images / 255 - mean) / std`` as float32 ``[N, 3, H, W]``, channels last.

    Args:
        images: uint8 ``[N, H, W, 3]``.
        mean: float32 ``[3]``, in fractions of full scale; `std` likewise.
    """
    count, height, width, _ = images.shape
    # A row of pixels at a time, so that the arithmetic runs over whole vectors.
    scale, shift = (1.0 / (255.0 * std)).repeat(width), -(mean / std).repeat(width)
    pixels = torch.empty(count, height, width, 3, device=images.device)
    block = _BLOCK if images.device.type == "cpu" else max(1, count)
    for some, levels in zip(pixels.split(block), images.split(block), strict=True):
        rows = some.copy_(levels).view(-1, width * 3)
        torch.addcmul(shift, rows, scale, out=rows)
    return pixels.permute(0, 3, 1, 2)
