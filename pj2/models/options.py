"""The types of a model's options, which a config's ``architecture`` section sets.

Options are the arguments of a model's constructor other than ``num_classes``.
`pj2.config.catalogue` reads them from the source; their annotations, which are names
from here or from `pj2.registry`, say which values are valid.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

Activation = str
"""A name of `pj2.config.catalogue.ACTIVATIONS`."""

Width = float
"""Above 0; times the published number of channels, and of the VGGs' hidden units."""

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def make_activation(name: Activation) -> nn.Module:
    """Return a layer of PyTorch, with its defaults. An unknown name raises KeyError."""
    return _ACTIVATIONS[name]()


def scaled(units: int, width: Width) -> int:
    """Return a number of channels or units times `width`, rounded, at least one."""
    return max(1, round(units * width))
