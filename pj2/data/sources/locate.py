"""Which files a source consists of: nothing is opened here, and nothing heavy imported.

Snakemake asks for these files each time it plans its jobs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pj2
from pj2.data.catalogue import DATASETS
from pj2.errors import UserError

SPLITS = ("train", "test")

SAMPLE_FOLDER = Path(pj2.__file__).resolve().parents[1] / "data" / "cifar10-sample"
SAMPLE_SUMS = "SHA256SUMS"
_SAMPLE_FILES = ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet")

_SUBFOLDERS = ("", "data", "plain_text")
_SHARD = re.compile(r"-(\d+)-of-(\d+)$")


@dataclass(frozen=True)
class Layout:
    """One official file set: where it unpacks to, and the files of each split."""

    folder: str
    files: dict[str, tuple[str, ...]]
    label_key: str = ""  # of the Python batches
    label_bytes: int = 0  # before the pixels of a binary record; the last is the class


_FIVE = tuple(f"data_batch_{number}" for number in range(1, 6))
ARCHIVES: dict[str, tuple[Layout, ...]] = {
    "cifar10": (
        Layout(
            "cifar-10-batches-py", {"train": _FIVE, "test": ("test_batch",)}, label_key="labels"
        ),
        Layout(
            "cifar-10-batches-bin",
            {"train": tuple(f"{name}.bin" for name in _FIVE), "test": ("test_batch.bin",)},
            label_bytes=1,
        ),
    ),
    "cifar100": (
        Layout(
            "cifar-100-python", {"train": ("train",), "test": ("test",)}, label_key="fine_labels"
        ),
        Layout("cifar-100-binary", {"train": ("train.bin",), "test": ("test.bin",)}, label_bytes=2),
    ),
}


def existing(path: str | Path) -> Path:
    """Return `path`, or raise UserError if there is nothing at it."""
    found = Path(path).expanduser()
    if not found.exists():
        looked = "" if found.is_absolute() else f" in {Path.cwd()}"
        raise UserError(
            f"dataset.path: {found} does not exist{looked}; it must be a file or folder there"
        )
    return found


def few(names: Sequence[str], most: int = 5) -> str:
    """Return names for a message, cut short when there are many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def sample_files() -> list[Path]:
    """Return the sample's Parquet files; UserError if one is missing."""
    if not SAMPLE_FOLDER.is_dir():
        raise UserError(
            f"{SAMPLE_FOLDER}: the bundled sample is missing; run from a clone of the repository, "
            "or choose another dataset.source"
        )
    files = [SAMPLE_FOLDER / name for name in _SAMPLE_FILES]
    for file in (*files, SAMPLE_FOLDER / SAMPLE_SUMS):
        if not file.is_file():
            raise UserError(f"{file}: a file of the bundled sample is missing; git restores it")
    return files


def parquet_files(path: str | Path) -> dict[str, list[Path]]:
    """Return the Parquet files of each split, in shard order.

    They lie in the folder `path` or in its ``data`` or ``plain_text``, and
    their names begin with ``train`` or ``test``. Raises UserError if `path` is
    missing, a split has no file, or shards are missing.
    """
    folder = existing(path)
    if not folder.is_dir():
        raise UserError(
            f"dataset.path: {folder} is a file; source parquet reads a folder that holds "
            "train*.parquet and test*.parquet"
        )
    for name in _SUBFOLDERS:
        found = {split: sorted((folder / name).glob(f"{split}*.parquet")) for split in SPLITS}
        if any(found.values()):
            break
    for split, files in found.items():
        if not files:
            raise UserError(
                f"dataset.path: {folder} has no {split}*.parquet; one file or several for each "
                f"of {' and '.join(SPLITS)} are needed, there or in its folder data"
            )
        _check_shards(files)
    return found


def _check_shards(files: list[Path]) -> None:
    """Raise UserError unless the files are one unnumbered set or all of one numbered set."""
    numbered = [_SHARD.search(file.stem) for file in files]
    totals = {int(match[2]) for match in numbered if match}
    if not totals:
        return
    folder = files[0].parent
    if None in numbered or len(totals) > 1:
        raise UserError(
            f"{folder}: {few([file.name for file in files])} belong to different sets of shards; "
            "keep one set, or images would be counted twice"
        )
    present = {int(match[1]) for match in numbered if match}
    missing = sorted(set(range(totals.pop())) - present)
    if missing:
        raise UserError(
            f"{folder}: shard {missing[0]:05d} is missing beside {files[0].name}; "
            "all shards are needed"
        )


def class_folders(path: str | Path) -> dict[str, list[Path]]:
    """Return the class folders of each split, sorted by name.

    Raises UserError if `path` or a split's folder is missing, or if the two
    splits do not have the same classes.
    """
    root = existing(path)
    folders: dict[str, list[Path]] = {}
    for split in SPLITS:
        parent = root / split
        if not parent.is_dir():
            raise UserError(
                f"dataset.path: {root} has no folder {split}; source imagefolder reads "
                "train/<class>/*.png and test/<class>/*.png (or jpg, jpeg)"
            )
        folders[split] = sorted(
            (entry for entry in parent.iterdir() if entry.is_dir() and entry.name[0] != "."),
            key=lambda entry: entry.name,
        )
        if not folders[split]:
            raise UserError(f"{parent}: no folders in it; one folder for each class is needed")
    train, test = ({folder.name for folder in folders[split]} for split in SPLITS)
    if train != test:
        raise UserError(
            f"{root}: class folders in only one of train and test: {few(sorted(train ^ test))}; "
            "both need the same classes"
        )
    return folders


def archive_files(path: str | Path, name: str) -> list[Path]:
    """Return the archive, or the batch files of an unpacked folder; UserError if missing."""
    found = existing(path)
    if not found.is_dir():
        return [found]
    folder, layout = unpacked(found, name)
    return [folder / file for split in SPLITS for file in layout.files[split]]


def unpacked(root: Path, name: str) -> tuple[Path, Layout]:
    """Find an unpacked layout in `root` itself or in the folder its archive unpacks to."""
    for layout in ARCHIVES[name]:
        for folder in (root, root / layout.folder):
            present = {
                file
                for files in layout.files.values()
                for file in files
                if (folder / file).is_file()
            }
            if present:
                return folder, complete_layout(present, name, str(folder))
    raise UserError(_nothing(name, str(root)))


def complete_layout(present: Collection[str], name: str, where: str) -> Layout:
    """Return the layout that `present` begins; UserError if any of its files is missing."""
    for layout in ARCHIVES[name]:
        files = [file for split in SPLITS for file in layout.files[split]]
        missing = [file for file in files if file not in present]
        if len(missing) < len(files):
            if missing:
                raise UserError(
                    f"{where}: {missing[0]} is missing; all of {few(files, 6)} are needed"
                )
            return layout
    raise UserError(_nothing(name, where))


def _nothing(name: str, where: str) -> str:
    python, binary = ARCHIVES[name]
    return (
        f"{where}: no batches of {DATASETS[name].title}; dataset.path is the official archive, or "
        f"the folder {python.folder} or {binary.folder} that it unpacks to"
    )
