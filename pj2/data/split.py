"""The validation split."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from pj2.errors import UserError

# The split belongs to the data, not to a run: every run of a study is judged
# on the same validation images, whatever its seed.
_SPLIT_SEED = 0


def stratified_split(labels: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Split a training set into training and validation indices, class by class.

    Args:
        labels: int64 ``[N]``.
        fraction: share of the images that validate, above 0 and below 1.

    Returns:
        Sorted int64 indices of the training and of the validation images.

    Raises:
        UserError: if a class would have no image on one of the sides.
    """
    try:
        train, validation = train_test_split(
            np.arange(len(labels)),
            test_size=fraction,
            stratify=labels.numpy(),
            random_state=_SPLIT_SEED,
        )
    except ValueError as error:
        raise UserError(
            f"validation_fraction: {fraction} of {len(labels)} training images cannot be "
            f"split with every class on both sides ({error})"
        ) from None
    return torch.from_numpy(np.sort(train)), torch.from_numpy(np.sort(validation))
