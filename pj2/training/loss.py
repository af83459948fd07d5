"""The training loss that a recipe names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from pj2.config.schema import LossConfig

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits float32 ``[N, classes]`` and labels int64 ``[N]`` to the minibatch mean, a scalar."""


def loss_function(config: LossConfig) -> Loss:
    """Return the mean loss of a minibatch.

    ``cross_entropy``: with label smoothing (Szegedy et al. 2016, section 7).
    ``squared_error``: between the logits and the one-hot label, the mean over images and
    classes (Hui and Belkin 2021, section 2, without their rescaling).
    ``multi_margin``: the multi-class hinge loss with margin 1 (Crammer and Singer 2001,
    summed over the other classes and divided by the number of classes, as PyTorch has it).
    """
    if config.name == "squared_error":
        return _squared_error
    if config.name == "multi_margin":
        return F.multi_margin_loss
    return partial(F.cross_entropy, label_smoothing=config.label_smoothing)


def _squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    return F.mse_loss(logits, F.one_hot(labels, logits.shape[1]).to(logits.dtype))
