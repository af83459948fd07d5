"""Figures as pictures inside the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pj2.errors import UserError

_WIDTH = 1400  # pixels: two for each pixel that a wide page shows
_QUALITY = 80
_FEW = 4096  # colours


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


def embed(path: Path, width: int = _WIDTH) -> Picture:
    """Return a PNG as WebP, at most `width` pixels wide. Raises UserError if it cannot be read.

    A drawing in few colours, such as filters, stays exact, since its edges matter.
    """
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{path}: not a readable picture: {error}") from None
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    stream = BytesIO()
    exact = picture.getcolors(_FEW) is not None
    picture.save(stream, "WEBP", lossless=exact, quality=_QUALITY, method=2)
    uri = f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
    return Picture(uri, picture.width, picture.height)
