"""Turn any source into one prepared file with a content hash.

The hash and the bytes of ``dataset.safetensors`` depend on the images, their
labels and the limit, and on nothing else: not on the source's layout, its
order, its compression, or the machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pj2.config.schema import DatasetConfig
from pj2.data.changes import source_digest
from pj2.data.content import content_hash
from pj2.data.layout import IMAGES_FILE, INFO_FILE, read_info
from pj2.data.shares import check_class_sizes
from pj2.data.sources import read_source
from pj2.data.sources.raw import Split
from pj2.errors import UserError
from pj2.store.files import atomic_path, write_json
from pj2.store.records import signed


def prepare(
    dataset: DatasetConfig, output: Path, validation_fractions: Sequence[float] = ()
) -> dict[str, Any]:
    """Read a data set and write `output`/dataset.safetensors and dataset.json.

    dataset.safetensors holds ``train_images`` uint8 [N, 32, 32, 3],
    ``train_labels`` int64 [N], ``test_images`` and ``test_labels``, each split
    in canonical order. dataset.json, written last, holds what is returned: name,
    source, classes in label order, numbers of images, the training split's
    mean and (population) standard deviation of each channel as fractions 0..1,
    the content hash, the limit, the images per class, how many images occur
    repeatedly, and the digest of the files that were read.

    Raises UserError for anything wrong with the source or the limit, and if a
    class has too few images to be split by one of `validation_fractions`.
    """
    # Hashed before the images are read: a file that changes in between then counts as outdated.
    files_read = source_digest(dataset)
    raw = read_source(dataset)
    tensors: dict[str, npt.NDArray[Any]] = {}
    for name, split, limit in (
        ("train", raw.train, dataset.limit.train),
        ("test", raw.test, dataset.limit.test),
    ):
        images, labels = canonical_order(split)
        if limit is not None:
            keep = limited(labels, len(raw.classes), limit, f"dataset.limit.{name}")
            images, labels = images[keep], labels[keep]
        tensors[f"{name}_images"] = np.ascontiguousarray(images)
        tensors[f"{name}_labels"] = labels

    mean, std = channel_statistics(tensors["train_images"])
    info: dict[str, Any] = {
        "name": dataset.name,
        "source": dataset.source,
        "classes": list(raw.classes),
        "train_images": len(tensors["train_labels"]),
        "test_images": len(tensors["test_labels"]),
        "mean": mean,
        "std": std,
        "hash": content_hash(tensors, len(raw.classes)),
        "limit": dataset.limit.model_dump(),
        "per_class": {
            split: _per_class(tensors[f"{split}_labels"], raw.classes)
            for split in ("train", "test")
        },
        "repeated": _repeated(tensors),
        "source_digest": files_read,
    }
    check_class_sizes(info, validation_fractions)
    info = signed(info)
    _write(output, tensors, info)
    return info


def canonical_order(split: Split) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return images uint8 [N, 32, 32, 3] and labels int64 [N], sorted by content.

    The key is the SHA-256 of an image's 3,072 bytes in channel, row, column
    order, then its label: an order in which neighbours have nothing in common.
    """
    planes = np.ascontiguousarray(split.images.transpose(0, 3, 1, 2))
    digests = [hashlib.sha256(image).digest() for image in planes]
    labels = split.labels.tolist()
    order = sorted(range(len(labels)), key=lambda index: (digests[index], labels[index]))
    return split.images[order], split.labels[order]


def limited(
    labels: npt.NDArray[np.int64], classes: int, limit: int, key: str
) -> npt.NDArray[np.int64]:
    """Return the sorted indices of `limit` images, spread evenly over the classes.

    Each class gives its first images. Where `limit` is no multiple of the
    number of classes, lower labels give one more; where a class has too few,
    the others make up for it. Raises UserError, naming `key`, if `limit` is
    more than there are, or fewer than the classes.
    """
    if limit > len(labels):
        raise UserError(f"{key}: {limit} is more than the {len(labels)} images there are")
    if limit < classes:
        raise UserError(
            f"{key}: {limit} is fewer than the {classes} classes; each needs at least one image"
        )
    available = np.bincount(labels, minlength=classes)
    quota = np.zeros_like(available)
    while left := limit - int(quota.sum()):
        open_classes = np.flatnonzero(quota < available)
        share = left // len(open_classes)
        if share:
            quota[open_classes] = np.minimum(quota[open_classes] + share, available[open_classes])
        else:
            quota[open_classes[:left]] += 1
    chosen = [np.flatnonzero(labels == label)[:count] for label, count in enumerate(quota)]
    return np.sort(np.concatenate(chosen))


def channel_statistics(images: npt.NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Return mean and population standard deviation of each channel, as fractions 0..1.

    `images` is uint8 [N, 32, 32, 3]. Both come from exact integer histograms, so
    the order of the images cannot change their last digit. The deviation of a channel that
    has one value only is given as 1, since images are divided by it; no other can exceed 0.5.
    """
    values = np.arange(256, dtype=np.float64) / 255
    mean, std = [], []
    for channel in range(3):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        weights = counts / counts.sum()
        centre = float(weights @ values)
        mean.append(centre)
        std.append(float(np.sqrt(weights @ (values - centre) ** 2)) or 1.0)
    return mean, std


def _write(folder: Path, tensors: dict[str, npt.NDArray[Any]], info: dict[str, Any]) -> None:
    """Write both files.

    Several jobs may prepare the same data at once, and others may have mapped
    the files, so files with the right content are left as they are.
    """
    if not _holds_images(folder, info["hash"], len(info["classes"])):
        # The old description must never stand beside the new images.
        (folder / INFO_FILE).unlink(missing_ok=True)
        try:
            with atomic_path(folder / IMAGES_FILE) as temporary:
                save_file(tensors, temporary)
        except SafetensorError as error:  # safetensors' error for a full disk, for example
            raise UserError(f"{folder}: the images cannot be written ({error})") from None
    if not _holds_info(folder, info):
        write_json(folder / INFO_FILE, info)


def _holds_images(folder: Path, digest: str, classes: int) -> bool:
    try:
        return content_hash(load_file(folder / IMAGES_FILE), classes) == digest
    except (OSError, SafetensorError, KeyError):
        return False


def _holds_info(folder: Path, info: dict[str, Any]) -> bool:
    try:
        return read_info(folder) == info
    except UserError:
        return False


def _repeated(tensors: dict[str, npt.NDArray[Any]]) -> dict[str, int]:
    """Return how many images of a split equal an earlier one, and how many are in both splits."""
    train, test = (
        [hashlib.sha256(image).digest() for image in tensors[f"{split}_images"]]
        for split in ("train", "test")
    )
    return {
        "train": len(train) - len(set(train)),
        "test": len(test) - len(set(test)),
        "both": len(set(train) & set(test)),
    }


def _per_class(labels: npt.NDArray[np.int64], classes: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(classes))
    return {name: int(count) for name, count in zip(classes, counts, strict=True)}
