"""What every source returns, and the checks that every source makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pj2.data.sources.locate import few
from pj2.errors import UserError


@dataclass(frozen=True)
class Split:
    """Images uint8 [N, 32, 32, 3] (height, width, RGB) and labels int64 [N]."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class RawDataset:
    """Both splits as the source holds them, in its own order; `classes` in label order."""

    train: Split
    test: Split
    classes: tuple[str, ...]


def check_labels(labels: npt.NDArray[np.int64], classes: int, place: str, unit: str) -> None:
    """Raise UserError naming the first label that is not 0 .. `classes` - 1.

    `place` names the file, and `unit` ("row", "image") its items, which count from 0.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = int(wrong[0])
        raise UserError(
            f"{place}: {unit} {first}: label {int(labels[first])}; "
            f"labels of {classes} classes are 0 to {classes - 1}"
        )


def check_classes(raw: RawDataset, place: str) -> None:
    """Raise UserError unless two classes, or more, have names and images in both splits."""
    if len(raw.classes) < 2:
        raise UserError(
            f"{place}: {raw.classes[0]} is its only class; a classifier needs at least two"
        )
    for name in raw.classes:
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
            raise UserError(f"{place}: the class {name} has a name that is not UTF-8; rename it")
    problems = []
    for name, split in (("train", raw.train), ("test", raw.test)):
        counts = np.bincount(split.labels, minlength=len(raw.classes))
        empty = [raw.classes[label] for label in np.flatnonzero(counts == 0)]
        if empty:
            problems.append(
                f"{place}: the {name} split has no image of {few(empty)}; "
                "each class needs at least one image in train and in test"
            )
    if problems:
        raise UserError(problems)
