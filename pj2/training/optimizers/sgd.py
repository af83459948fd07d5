"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from pj2.registry import NonNegative, Probability
from pj2.training.optimizer import register


@register("sgd")
def sgd(
    parameters: Iterable[nn.Parameter],
    learning_rate: float,
    weight_decay: NonNegative = 0.0,
    momentum: Probability = 0.0,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent; weight decay is added to the gradient.

    `nesterov` needs a momentum above zero.
    """
    return torch.optim.SGD(
        parameters,
        lr=learning_rate,
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=weight_decay,
        fused=True,
    )
