"""The hash of a prepared data set's content, which names it in every fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def content_hash(tensors: Mapping[str, npt.NDArray[Any]], classes: int) -> str:
    """Return the hex SHA-256 of the sizes, images and labels, in the order they are stored."""
    train, test = tensors["train_labels"], tensors["test_labels"]
    digest = hashlib.sha256(f"classes={classes} train={len(train)} test={len(test)}\n".encode())
    for split in ("train", "test"):
        digest.update(tensors[f"{split}_images"].data)
        digest.update(tensors[f"{split}_labels"].astype("<i8").data)
    return digest.hexdigest()
