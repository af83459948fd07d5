"""The two files of a prepared data set, and the description that one of them holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pj2.errors import UserError

IMAGES_FILE = "dataset.safetensors"
INFO_FILE = "dataset.json"
AGAIN = "run the prepare rule again (pj2 prepare)"


def read_info(folder: str | Path) -> dict[str, Any]:
    """Return what ``dataset.json`` in a folder says. Raises UserError if it cannot be read."""
    description = Path(folder) / INFO_FILE
    try:
        info: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
        int(info["hash"], 16)
    except OSError as error:
        raise UserError(f"{description}: cannot be read ({error.strerror}); {AGAIN}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{description}: damaged ({type(error).__name__}); {AGAIN}") from None
    return info
