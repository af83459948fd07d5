"""Models by name: ``@register("Name")`` on a class, ``build_model("Name")`` elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from pj2.config.catalogue import MODELS
from pj2.models.init import initialise
from pj2.registry import Registry

# Decorates a class, or a function that returns a model; either takes ``num_classes``.
_MODELS = Registry(MODELS)
register = _MODELS.register


def build_model(
    name: str,
    num_classes: int,
    init: str = "default",
    seed: int = 0,
    architecture: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a model with weights that `seed` alone decides.

    Only the module that defines `name` is imported. The global random state
    of torch is left as it was.

    Args:
        name: a registered model; an unknown one raises KeyError.
        num_classes: size of the logits; the input is ``[N, 3, 32, 32]``.
        init: ``default`` (PyTorch's) or ``xavier``, see `initialise`.
        architecture: further arguments of the model's constructor.
    """
    constructor = _MODELS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = constructor(num_classes=num_classes, **architecture or {})
        initialise(model, init)
    return model
