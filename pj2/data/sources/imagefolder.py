"""Image folders: ``{train,test}/<class>/*.png``, or another kind of image, at any depth."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from pj2.config.datasets import DATASETS, is_mnist_size, match_classes
from pj2.config.schema import Resize
from pj2.data.layout import SIDE
from pj2.data.sources.images import Decode, decode_image
from pj2.data.sources.locate import SPLITS, few
from pj2.data.sources.locate_images import class_folders, class_images
from pj2.data.sources.raw import RawDataset, Split
from pj2.errors import UserError


def read_image_folder(path: str | Path, name: str, resize: Resize | None = None) -> RawDataset:
    """Read both splits of data set `name` from image folders.

    A known data set keeps its official label order; the classes of `custom`
    are numbered in the sorted order of their folders. Raises UserError naming
    the file or folder that is missing, empty, unreadable or not expected.
    """
    folders = class_folders(path)
    names = [folder.name for folder in folders["train"]]
    if name in DATASETS:
        classes = DATASETS[name].classes
        labels = match_classes(name, names)
        if labels is None:
            raise UserError(
                f"{Path(path)}: the {len(names)} class folders are {few(names)}; dataset.name "
                f"{name} has {len(classes)}: {few(classes)} (dataset.name: custom takes any)"
            )
    else:
        classes = tuple(names)
        labels = list(range(len(names)))
    decode = partial(decode_image, pad=is_mnist_size(name), resize=resize)
    train, test = (_read_split(folders[split], labels, decode) for split in SPLITS)
    return RawDataset(train, test, classes)


def _read_split(folders: list[Path], labels: list[int], decode: Decode) -> Split:
    files = [
        (file, label)
        for folder, label in zip(folders, labels, strict=True)
        for file in class_images(folder).read
    ]
    images = np.empty((len(files), SIDE, SIDE, 3), dtype=np.uint8)
    for index, (file, _) in enumerate(files):
        images[index] = decode(Path(file).read_bytes(), file)
    return Split(images, np.array([label for _, label in files], dtype=np.int64))
