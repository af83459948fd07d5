"""Models by name: ``@register("Name")`` on a class, ``build_model("Name")`` elsewhere."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from pj2.config.catalogue import model_modules
from pj2.models.init import initialise

Constructor = TypeVar("Constructor", bound=Callable[..., nn.Module])
_CONSTRUCTORS: dict[str, Callable[..., nn.Module]] = {}


def register(name: str) -> Callable[[Constructor], Constructor]:
    """Make a class that takes ``num_classes`` available under `name`.

    The name is also read from the source, without importing it, so it must be
    a plain string and the decorator must stand on a definition at top level.
    """

    def add(constructor: Constructor) -> Constructor:
        _CONSTRUCTORS[name] = constructor
        return constructor

    return add


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
    importlib.import_module(model_modules()[name])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _CONSTRUCTORS[name](num_classes=num_classes, **architecture or {})
        initialise(model, init)
    return model
