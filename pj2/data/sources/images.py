"""Decode one image file, or bring decoded pixels, to uint8 [32, 32, 3]."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from pj2.data.layout import SIDE
from pj2.errors import UserError

_MNIST_SIDE = 28
_FORMATS = ("PNG", "JPEG")


def decode_image(encoded: bytes, where: str, *, pad: bool = False) -> npt.NDArray[np.uint8]:
    """Return the pixels of a PNG or JPEG as uint8 [32, 32, 3] (height, width, RGB).

    Grey images are replicated to three channels and palettes are resolved.
    With `pad`, 28 x 28 images (the MNIST size) get a border of two zeros.
    `where` names the image in the UserError raised when it is damaged, has
    another size, or has transparent pixels, which no background is given for.
    """
    try:
        # PIL does not check PNG checksums while it decodes, so flipped bits would pass.
        with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
            image.verify()
        with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
            width, height = image.size
            padded = pad and (width, height) == (_MNIST_SIDE, _MNIST_SIDE)
            fits = (width, height) == (SIDE, SIDE) or padded
            pixels = _to_rgb(image) if fits else None
    except Exception as error:  # PIL raises a dozen types, one for each way to be damaged
        raise UserError(
            f"{where}: not a readable 8-bit PNG or JPEG image ({_line(error)})"
        ) from None
    if pixels is None:
        raise UserError(f"{where}: the image is {width}x{height} pixels; it must be {SIDE}x{SIDE}")
    return pad_mnist(pixels[None])[0] if padded else pixels


def pad_mnist(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return images [N, 28, 28, C] with a border of two zeros: [N, 32, 32, C]."""
    border = (SIDE - _MNIST_SIDE) // 2
    return np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))


def _to_rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        raise ValueError("more than 8 bits a channel")
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
