"""Optimizers by name: ``@register("name")`` on a function of `pj2.training.optimizers`."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from pj2.config.catalogue import OPTIMIZERS
from pj2.config.schema import OptimizerConfig
from pj2.registry import Registry

# Decorates a function that takes parameters and learning rate, then options with defaults.
_OPTIMIZERS = Registry(OPTIMIZERS)
register = _OPTIMIZERS.register


def make_optimizer(
    parameters: Iterable[nn.Parameter], config: OptimizerConfig, learning_rate: float
) -> torch.optim.Optimizer:
    """Return the optimizer that a recipe names; only the module that defines it is imported."""
    made: torch.optim.Optimizer = _OPTIMIZERS[config.name](
        parameters, learning_rate, **config.options
    )
    return made
