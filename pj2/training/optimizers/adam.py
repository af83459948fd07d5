"""Adam, with and without decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from pj2.registry import NonNegative
from pj2.training.optimizer import register


@register("adam")
def adam(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: NonNegative = 0.0
) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient."""
    return torch.optim.Adam(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)


@register("adamw")
def adamw(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: NonNegative = 0.0
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019); weight decay is decoupled from the gradient."""
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)
