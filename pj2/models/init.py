"""Initial weights."""

from __future__ import annotations

from torch import nn


def initialise(model: nn.Module, scheme: str) -> None:
    """Set a model's initial weights in place.

    ``default`` leaves what PyTorch's constructors drew. ``xavier`` draws the
    weights of every convolution and linear layer from Glorot's normal
    distribution and sets their biases to zero (Glorot and Bengio 2010,
    *Understanding the difficulty of training deep feedforward neural
    networks*, eq. 12).

    Raises ValueError for another scheme.
    """
    if scheme == "default":
        return
    if scheme != "xavier":
        raise ValueError(f"unknown initialisation {scheme!r}; it is default or xavier")
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
