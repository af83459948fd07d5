"""Where images come from: one module per source, each returning a `RawDataset`.

The readers are imported when they are needed, so that listing files
stays quick and never imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pj2.config.schema import DatasetConfig
from pj2.data.sources import locate, locate_images, locate_parquet
from pj2.data.sources.locate import SourceFiles
from pj2.errors import UserError

if TYPE_CHECKING:
    from pj2.data.sources.raw import RawDataset

__all__ = ["SourceFiles", "read_source", "source_files"]


def read_source(dataset: DatasetConfig) -> RawDataset:
    """Read the whole data set, without its limit.

    Images are uint8 [N, 32, 32, 3], labels int64 [N]; the order is the source's.
    Raises UserError (one line: file, place in it, what was found, what would be
    right) for anything missing, damaged or labelled wrongly.
    """
    from pj2.data.sources.raw import check_classes

    path = dataset.path or ""
    try:
        if dataset.source == "sample":
            from pj2.data.sources.sample import read_sample

            raw = read_sample()
        elif dataset.source == "parquet":
            from pj2.data.sources.parquet import read_parquet

            raw = read_parquet(path, dataset.name, dataset.resize)
        elif dataset.source == "imagefolder":
            from pj2.data.sources.imagefolder import read_image_folder

            raw = read_image_folder(path, dataset.name, dataset.resize)
        elif dataset.source == "archive":
            from pj2.data.sources.archive import read_archive

            raw = read_archive(path, dataset.name)
        else:
            from pj2.data.sources.download import read_torchvision

            raw = read_torchvision(dataset.name, dataset.path)
    except OSError as error:
        raise UserError(_unreadable(dataset, error)) from None
    check_classes(raw, path or f"dataset.source {dataset.source}")
    return raw


def source_files(dataset: DatasetConfig) -> SourceFiles:
    """Return the files that `read_source` reads, and those among them that it does not.

    There are none for torchvision, which downloads and verifies its own. Raises UserError
    if something is missing.
    """
    path = dataset.path or ""
    try:
        if dataset.source == "parquet":
            return locate_parquet.parquet_source(path)
        if dataset.source == "imagefolder":
            return locate_images.image_source(path)
        files: list[Path] = []
        if dataset.source == "sample":
            files = locate.sample_files()
        elif dataset.source == "archive":
            files = locate.archive_files(path, dataset.name)
        return SourceFiles([str(file) for file in files], [])
    except OSError as error:
        raise UserError(_unreadable(dataset, error)) from None


def _unreadable(dataset: DatasetConfig, error: OSError) -> str:
    name = error.filename or dataset.path or f"dataset.source {dataset.source}"
    return f"{name}: cannot be read ({error.strerror or error})"
