"""Which images a folder's classes consist of. Nothing is opened, nothing heavy imported."""

from __future__ import annotations

import os
from pathlib import Path

from pj2.data.sources.locate import SPLITS, SourceFiles, existing, few
from pj2.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def class_folders(path: str | Path) -> dict[str, list[Path]]:
    """Return the class folders of each split, sorted by name.

    Raises UserError if `path` or a split's folder is missing, if there are fewer than
    two classes, or if the two splits do not have the same ones.
    """
    root = existing(path)
    folders: dict[str, list[Path]] = {}
    for split in SPLITS:
        parent = root / split
        if not parent.is_dir():
            raise UserError(
                f"dataset.path: {root} has no folder {split}; source imagefolder reads "
                f"train/<class>/*.png and test/<class>/*.png (or {', '.join(_endings()[1:])})"
            )
        folders[split] = sorted(
            (entry for entry in _visible(parent) if entry.is_dir()), key=lambda entry: entry.name
        )
        if not folders[split]:
            raise UserError(f"{parent}: no folders in it; one folder for each class is needed")
    train, test = ({folder.name for folder in folders[split]} for split in SPLITS)
    if train != test:
        raise UserError(
            f"{root}: class folders in only one of train and test: {few(sorted(train ^ test))}; "
            "both need the same classes"
        )
    if len(train) == 1:
        raise UserError(
            f"{root / 'train'}: {folders['train'][0].name} is its only class folder; "
            "a classifier needs at least two classes"
        )
    return folders


def class_images(folder: Path) -> SourceFiles:
    """Return the images of a class, at any depth in its folder, and its other files.

    Raises UserError if there is no image, or if links lead to a folder twice.
    """
    images, others = _files_below(str(folder), set())
    if not images:
        raise UserError(f"{folder}: no {', '.join(_endings())} in it; each class needs an image")
    return SourceFiles(images, others)


def image_source(path: str | Path) -> SourceFiles:
    """Return all images of both splits, and what else lies among them or beside the splits."""
    root = existing(path)
    read: list[str] = []
    left_out = [str(entry) for entry in _visible(root) if entry.name not in SPLITS]
    for split, folders in class_folders(path).items():
        left_out += [str(entry) for entry in _visible(root / split) if not entry.is_dir()]
        for folder in folders:
            files = class_images(folder)
            read += files.read
            left_out += files.left_out
    return SourceFiles(read, left_out)


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _files_below(folder: str, ancestry: set[str]) -> tuple[list[str], list[str]]:
    """Return images and other files, sorted; `ancestry` holds the class's real paths so far."""
    real = os.path.realpath(folder)
    if real in ancestry:
        raise UserError(
            f"{folder}: a link that leads to {real} again, whose images would be counted twice"
        )
    ancestry.add(real)
    images: list[str] = []
    others: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            deeper = _files_below(entry.path, ancestry)
            images += deeper[0]
            others += deeper[1]
        # A broken link counts as an image: reading it then reports that it is missing.
        elif entry.name.lower().endswith(SUFFIXES) and (
            entry.is_file() or not os.path.exists(entry.path)
        ):
            images.append(entry.path)
        else:
            others.append(entry.path)
    return images, others


def _endings() -> list[str]:
    return [suffix.removeprefix(".") for suffix in SUFFIXES]
