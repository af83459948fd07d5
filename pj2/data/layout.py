"""Where a prepared data set lies, and the description that one of its two files holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pj2.config.schema import DatasetConfig
from pj2.errors import UserError

IMAGES_FILE = "dataset.safetensors"
INFO_FILE = "dataset.json"
SIDE = 32  # height and width of every image, in pixels
AGAIN = "delete its folder and run snakemake again"


def prepared_folder(dataset: DatasetConfig) -> str:
    """Return the folder that a data set is prepared in, below the working directory.

    Each `dataset` section has its own, so that switching back finds the old one.
    """
    digest = hashlib.sha256(dataset.model_dump_json().encode()).hexdigest()
    return f"results/data/{dataset.name}-{dataset.source}-{digest[:8]}"


@dataclass(frozen=True)
class DataIdentity:
    """What results depend on of a prepared data set: its content hash and its classes' names."""

    hash: str
    classes: tuple[str, ...]


def identity_of(folder: str | Path) -> DataIdentity | None:
    """Return the identity of the data in a folder; None if they are not prepared.

    Raises UserError if ``dataset.json`` cannot be read.
    """
    if not (Path(folder) / INFO_FILE).exists():
        return None
    info = read_info(folder)
    return DataIdentity(info["hash"], tuple(info["classes"]))


def read_info(folder: str | Path) -> dict[str, Any]:
    """Return what ``dataset.json`` in a folder says. Raises UserError if it cannot be read."""
    description = Path(folder) / INFO_FILE
    try:
        info: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
        int(info["hash"], 16)
        list(info["classes"])
    except OSError as error:
        raise UserError(f"{description}: cannot be read ({error.strerror}); {AGAIN}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{description}: damaged ({type(error).__name__}); {AGAIN}") from None
    return info
