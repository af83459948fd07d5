"""Training losses by name: ``@register("name")`` on a function of `pj2.training.losses`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from pj2.config.catalogue import LOSSES
from pj2.config.schema import LossConfig
from pj2.registry import Registry

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits float32 ``[N, classes]`` and labels int64 ``[N]`` to the minibatch mean, a scalar."""

# Decorates a function that takes a `Loss`'s arguments, then options with defaults.
_LOSSES = Registry(LOSSES)
register = _LOSSES.register


def loss_function(config: LossConfig) -> Loss:
    """Return the loss that a recipe names; only the module that defines it is imported."""
    return partial(_LOSSES[config.name], **config.options)
