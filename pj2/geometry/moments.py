"""Mean and variance of activations (Santurkar et al. 2018, figures 2 and 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pj2.geometry.objective import Objective, Point, watched_inputs

CHANNELS = 4
"""How many channels of a layer are measured: its first ones, which are as good as any."""

Moments = dict[str, tuple[Tensor, Tensor]]
"""By the name of an activation function: mean and variance of its input, float64 ``[channels]``."""


def activation_moments(model: nn.Module, objective: Objective, point: Point) -> Moments:
    """Return the moments of the input of each activation function that follows a convolution.

    That input is the output of the convolution, or of the BatchNorm or noise after it.
    Mean and variance are over the images of the batch and over height and width. Only
    modules of ``torch.nn`` whose input has four dimensions are measured, in the order in
    which they are applied.

    Args:
        objective: the loss of `model`, which it calls.
    """
    found: Moments = {}

    def keep(name: str, maps: Tensor) -> None:
        if maps.dim() == 4:
            values = maps[:, :CHANNELS].double()
            variance, mean = torch.var_mean(values, (0, 2, 3), correction=0)
            found[name] = mean, variance

    activations = {
        name: module
        for name, module in model.named_modules()
        if type(module).__module__ == nn.ReLU.__module__
    }
    with watched_inputs(activations, keep), torch.no_grad():
        objective(point)
    return found
