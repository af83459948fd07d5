"""Stratified parts of a set of images: the validation split, and samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pj2.data.shares import class_shares, validation_shares

# The split belongs to the data, not to a run: every run of a study is judged
# on the same validation images, whatever its seed.
_SPLIT_SEED = 0


def stratified_split(labels: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Split a training set into training and validation indices, class by class.

    Each class gives the validation split its share; where the shares are no
    whole numbers, the classes with the greatest remainders give one more, lower
    labels first. If all shares are whole, the split equals scikit-learn's
    ``train_test_split(stratify=labels, random_state=0)``, whose import would
    cost every training job more time than this.

    Args:
        labels: int64 ``[N]``.
        fraction: share of the images for validation; 0 leaves all for training.

    Returns:
        Sorted int64 indices of the training and of the validation images.

    Raises:
        UserError: if a class would have no image on one of the sides of a split.
    """
    values, counts = np.unique(labels.numpy(), return_counts=True)
    per_class = {str(value): int(count) for value, count in zip(values, counts, strict=True)}
    chosen = _choose(labels, values, counts, validation_shares(per_class, fraction))
    return torch.from_numpy(np.flatnonzero(~chosen)), torch.from_numpy(np.flatnonzero(chosen))


def stratified_sample(labels: Tensor, count: int) -> Tensor:
    """Return sorted int64 indices of `count` images, stratified by class, always the same ones.

    If there are no more than `count` images, return all.
    """
    if count >= len(labels):
        return torch.arange(len(labels))
    values, counts = np.unique(labels.numpy(), return_counts=True)
    sizes = class_shares(counts.tolist(), count)
    return torch.from_numpy(np.flatnonzero(_choose(labels, values, counts, sizes)))


def _choose(
    labels: Tensor, values: np.ndarray, counts: np.ndarray, sizes: Sequence[int]
) -> np.ndarray:
    """Return bool ``[N]``: True for random images, `sizes` of each class."""
    # RandomState's stream never changes between NumPy versions.
    source = np.random.RandomState(_SPLIT_SEED)
    parts = []
    for value, count, size in zip(values, counts, sizes, strict=True):
        shuffled = np.flatnonzero(labels.numpy() == value)[source.permutation(count)]
        parts.append(shuffled[count - size :])
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[np.concatenate(parts)] = True
    return chosen
