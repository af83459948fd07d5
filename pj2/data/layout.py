"""Where a prepared data set lies, and the description that one of its two files holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from pj2.config.schema import DatasetConfig
from pj2.errors import UserError
from pj2.store.records import BadRecord, Count, Digest, read_record

IMAGES_FILE = "dataset.safetensors"
INFO_FILE = "dataset.json"
SIDE = 32  # height and width of every image, in pixels
AGAIN = "delete its folder and run snakemake again"


def prepared_folder(dataset: DatasetConfig) -> str:
    """Return the folder that a data set is prepared in, below the working directory.

    Each `dataset` section has its own folder, so that switching back finds the old data.
    """
    digest = hashlib.sha256(dataset.model_dump_json().encode()).hexdigest()
    return f"results/data/{dataset.name}-{dataset.source}-{digest[:8]}"


@with_config(ConfigDict(strict=True, extra="allow"))
class PerClass(TypedDict):
    """How many images each class has, by split."""

    train: dict[str, Count]
    test: dict[str, Count]


@with_config(ConfigDict(strict=True, extra="allow"))
class DataInfo(TypedDict):
    """A ``dataset.json``; see `pj2.data.prepare.prepare`."""

    name: str
    source: str
    classes: list[str]
    train_images: Count
    test_images: Count
    mean: list[float]
    std: list[float]
    hash: Digest
    per_class: PerClass
    source_digest: Digest
    digest: Digest


@dataclass(frozen=True)
class DataIdentity:
    """The facts of a prepared data set that decide results: its content hash and class names."""

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


def read_info(folder: str | Path) -> DataInfo:
    """Return the content of a folder's ``dataset.json``. Raises UserError if it is damaged."""
    path = Path(folder) / INFO_FILE
    try:
        info = read_record(path, DataInfo)
        if not set(info["classes"]) <= info["per_class"]["train"].keys():
            raise BadRecord(path, "is damaged: per_class.train does not count all classes")
        return info
    except BadRecord as problem:
        raise UserError(f"{problem}; snakemake prepares the data again") from None
