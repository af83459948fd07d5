"""Which files a source consists of: nothing is opened here, and nothing heavy imported.

Snakemake asks for these files each time it plans its jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pj2
from pj2.config.datasets import DATASETS
from pj2.errors import UserError

SPLITS = ("train", "test")

SAMPLE_FOLDER = Path(pj2.__file__).resolve().parents[1] / "data" / "cifar10-sample"
SAMPLE_SUMS = "SHA256SUMS"
_SAMPLE_FILES = ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet")


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source that are read, and those among them that are not."""

    read: list[str]
    left_out: list[str]


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
    """Return `path`; raise UserError if it does not exist."""
    expanded = Path(path).expanduser()
    if not expanded.exists():
        looked = "" if expanded.is_absolute() else f" in {Path.cwd()}"
        raise UserError(
            f"dataset.path: {expanded} does not exist{looked}; it must be a file or folder there"
        )
    return expanded


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


def archive_files(path: str | Path, name: str) -> list[Path]:
    """Return the archive, or the batch files of an unpacked folder; UserError if missing."""
    source = existing(path)
    if not source.is_dir():
        return [source]
    folder, layout = unpacked(source, name)
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


def complete_layout(present: Collection[str], name: str, place: str) -> Layout:
    """Return the layout to which the files `present` belong; UserError if one is missing."""
    for layout in ARCHIVES[name]:
        files = [file for split in SPLITS for file in layout.files[split]]
        missing = [file for file in files if file not in present]
        if len(missing) < len(files):
            if missing:
                raise UserError(
                    f"{place}: {missing[0]} is missing; all of {few(files, 6)} are needed"
                )
            return layout
    raise UserError(_nothing(name, place))


def _nothing(name: str, place: str) -> str:
    python, binary = ARCHIVES[name]
    return (
        f"{place}: no batches of {DATASETS[name].title}; dataset.path is the official archive, or "
        f"the folder {python.folder} or {binary.folder} that it unpacks to"
    )
