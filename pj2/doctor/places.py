"""Checks of paths before anything is written there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pj2.errors import UserError
from pj2.store.files import TEMPORARY


def nearest_existing(path: Path) -> Path:
    """Return a folder, or its nearest ancestor that exists. Raises UserError for a file."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise UserError(f"{place}: is a file; expected a folder")
    return place


def unwritable(path: Path) -> str:
    """Return why a folder, or its nearest existing ancestor, is not writable; "" if it is."""
    try:
        with tempfile.NamedTemporaryFile(dir=nearest_existing(path), prefix=TEMPORARY) as file:
            file.write(b"0")
    except OSError as error:
        return error.strerror or str(error)
    return ""
