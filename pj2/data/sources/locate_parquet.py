"""Which Parquet files a folder's splits consist of. Nothing is opened, nothing heavy imported."""

from __future__ import annotations

import re
from pathlib import Path

from pj2.data.sources.locate import SPLITS, SourceFiles, existing, few
from pj2.errors import UserError

_SUBFOLDERS = ("", "data", "plain_text")
# train-00000-of-00002.parquet; the Hugging Face Hub may add a hash: train-00000-of-00002-0aa2de2e.
_SHARD = re.compile(r"(.+)-(\d+)-of-(\d+)(?:-[0-9a-f]+)?")


def parquet_files(path: str | Path) -> dict[str, list[Path]]:
    """Return the Parquet files of each split, in shard order.

    They lie in the folder `path` or in its ``data`` or ``plain_text``, and
    their names begin with ``train`` or ``test``. Raises UserError if `path` is
    missing, a split has no file, or files are not one whole set of shards.
    """
    folder = existing(path)
    if not folder.is_dir():
        raise UserError(
            f"dataset.path: {folder} is a file; source parquet reads a folder that holds "
            "train*.parquet and test*.parquet"
        )
    places = [place for place in _places(folder) if any(_of_splits(place).values())]
    if len(places) > 1:
        raise UserError(
            f"dataset.path: train*.parquet or test*.parquet are in {places[0]} and in {places[1]}; "
            "keep one set, or name the folder of one"
        )
    files = _of_splits(places[0] if places else folder)
    for split in SPLITS:
        if not files[split]:
            raise UserError(
                f"dataset.path: {folder} has no {split}*.parquet; one file or several for each "
                f"of {' and '.join(SPLITS)} are needed, there or in its folder data"
            )
        _check_shards(files[split])
    return files


def parquet_source(path: str | Path) -> SourceFiles:
    """Return the files that are read, and the other Parquet files in the same folders."""
    read = [str(file) for files in parquet_files(path).values() for file in files]
    present = [str(file) for place in _places(existing(path)) for file in _parquet_in(place)]
    return SourceFiles(read, [file for file in present if file not in read])


def _places(folder: Path) -> list[Path]:
    return [folder / name for name in _SUBFOLDERS if (folder / name).is_dir()]


def _parquet_in(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() == ".parquet" and not file.name.startswith(".")
    )


def _of_splits(folder: Path) -> dict[str, list[Path]]:
    files = _parquet_in(folder)
    return {
        split: [file for file in files if file.name.lower().startswith(split)] for split in SPLITS
    }


def _check_shards(files: list[Path]) -> None:
    """Raise UserError unless the files are one file, or every shard of one set once."""
    shards = [_SHARD.fullmatch(file.stem) for file in files]
    sets = {(shard[1], int(shard[3])) for shard in shards if shard}
    folder = files[0].parent
    if len(files) > 1 and (None in shards or len(sets) > 1):
        split = next(split for split in SPLITS if files[0].name.lower().startswith(split))
        raise UserError(
            f"{folder}: {few([file.name for file in files])} belong to different sets of shards; "
            f"keep one file, or one set that is named {split}-00000-of-00002.parquet and so on, "
            "or images would be counted twice"
        )
    if not sets:
        return
    ((_, total),) = sets
    numbers = {int(shard[2]) for shard in shards if shard}
    missing = next((number for number in range(total) if number not in numbers), None)
    if missing is not None:
        raise UserError(
            f"{folder}: shard {missing:05d} is missing beside {files[0].name}; "
            "all shards are needed"
        )
    if len(files) > total:
        raise UserError(
            f"{folder}: {few([file.name for file in files])} are {len(files)} files of a set of "
            f"{total} shards; keep one file of each shard, or images would be counted twice"
        )
