"""The optimizer that a recipe names."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from pj2.config.schema import OptimizerConfig


def make_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimizerConfig, learning_rate: float
) -> torch.optim.Optimizer:
    """Return an Adam, AdamW or SGD optimizer with its fused update.

    Adam: Kingma and Ba 2015; weight decay is added to the gradient. AdamW:
    Loshchilov and Hutter 2019; weight decay is decoupled. The remaining
    arguments are PyTorch's defaults.
    """
    if config.name == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=learning_rate,
            momentum=config.momentum,
            nesterov=config.nesterov,
            weight_decay=config.weight_decay,
            fused=True,
        )
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(parameters, lr=learning_rate, weight_decay=config.weight_decay, fused=True)
