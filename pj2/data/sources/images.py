"""Decode one image file, or bring decoded pixels, to uint8 [32, 32, 3]."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from pj2.config.schema import Resize
from pj2.data.layout import SIDE
from pj2.errors import UserError

Decode = Callable[[bytes, str], npt.NDArray[np.uint8]]
"""`decode_image` for one data set: from an image's bytes and its name in messages to pixels."""

_MNIST_SIDE = 28
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_MOVING = ("PNG", "WEBP")  # a JPEG's further images are previews of the first
_PNG_DEPTH = slice(24, 25)  # the byte of a PNG that says how many bits a channel has
_RESIZE = "dataset.resize: crop, pad or stretch makes it so"


def decode_image(
    encoded: bytes, place: str, *, pad: bool = False, resize: Resize | None = None
) -> npt.NDArray[np.uint8]:
    """Return the pixels of a PNG, JPEG, BMP or WebP as uint8 [32, 32, 3] (height, width, RGB).

    Grey images are replicated to three channels, palettes are resolved, and the
    image is turned upright as its EXIF data say. With `pad`, 28 x 28 images (the
    MNIST size) get a border of two zeros; otherwise `resize` makes 32 x 32 of it.
    `place` names the image in the UserError raised when it is damaged, has
    another size and is not to be resized, has more than one frame or more than
    8 bits a channel, or has transparent pixels: no background is defined for them.
    """
    try:
        # PIL does not check PNG checksums while it decodes, so flipped bits would pass.
        with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
            image.verify()
        with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
            _refuse_loss(image, encoded)
            ImageOps.exif_transpose(image, in_place=True)
            width, height = image.size
            padded = pad and (width, height) == (_MNIST_SIDE, _MNIST_SIDE)
            fits = (width, height) == (SIDE, SIDE) or padded
            pixels = _to_rgb(image) if fits or resize else None
    except Exception as error:  # PIL raises a dozen types, one for each way to be damaged
        raise UserError(
            f"{place}: not a readable 8-bit PNG, JPEG, BMP or WebP image ({_line(error)})"
        ) from None
    if pixels is None:
        raise UserError(
            f"{place}: the image is {width}x{height} pixels; it must be {SIDE}x{SIDE} ({_RESIZE})"
        )
    if resize and not fits:
        return resized(pixels, resize)
    return pad_mnist(pixels[None])[0] if padded else pixels


def pad_mnist(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return images [N, 28, 28, C] with a border of two zeros: [N, 32, 32, C]."""
    border = (SIDE - _MNIST_SIDE) // 2
    return np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))


def resized(pixels: npt.NDArray[np.uint8], resize: Resize) -> npt.NDArray[np.uint8]:
    """Return an image uint8 [H, W, 3] as [32, 32, 3], scaled bilinearly and antialiased.

    ``crop`` keeps the square in its middle, ``pad`` adds black on two sides, and
    ``stretch`` changes its proportions. torchvision leaves the scaling of PIL's images
    to PIL, which computes it with integers, so every machine gets the same bytes.
    """
    from torchvision.transforms.v2 import functional  # here, since it takes seconds

    image = Image.fromarray(pixels)
    width, height = image.size
    size = [SIDE, SIDE]
    if resize == "crop":
        image = functional.center_crop(image, [min(width, height)] * 2)
    if resize == "pad":
        size = [max(1, round(SIDE * side / max(width, height))) for side in (height, width)]
    image = functional.resize(image, size, antialias=True)
    # Changes the image for `pad` only: it is smaller than the square and gets zeros around it.
    return np.asarray(functional.center_crop(image, [SIDE, SIDE]))


def _refuse_loss(image: Image.Image, encoded: bytes) -> None:
    """Raise ValueError for content that Pillow would drop silently."""
    deep_png = image.format == "PNG" and encoded[_PNG_DEPTH] > b"\x08"
    if deep_png or image.mode.startswith(("I", "F")):
        raise ValueError("more than 8 bits a channel")
    frames = getattr(image, "n_frames", 1)
    if image.format in _MOVING and frames > 1:
        raise ValueError(f"it has {frames} frames")


def _to_rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        if (rgba[..., 3] != 255).any():
            raise ValueError("it has transparent pixels")
        return np.ascontiguousarray(rgba[..., :3])
    return np.asarray(image.convert("RGB"))


def _line(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "unknown format"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
