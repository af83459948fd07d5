"""Internal covariate shift as a change of gradients (Santurkar et al. 2018, definition 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pj2.geometry.objective import Objective, Point


@dataclass(frozen=True)
class Shift:
    """How far an update of the layers before turns one layer's gradient.

    ``difference``: ‖G − G'‖₂, where G is the layer's gradient at the old
    parameters and G' the one after all parameters before the layer were
    updated; ``cosine``: between G and G'; ``gradient_norm``: ‖G‖₂.
    """

    difference: float
    cosine: float
    gradient_norm: float


def covariate_shift(
    objective: Objective, old: Point, new: Point, gradient: Point, layers: Sequence[int]
) -> list[Shift]:
    """Return the shift of each layer.

    Args:
        old: the parameters θ_t, in the order in which the network applies them.
        new: θ_{t+1}, after the optimizer's step.
        gradient: of `objective` at `old`.
        layers: which parameters are a layer's weights; those before its
            weights belong to the layers before it.
    """
    return [_shift(objective, old, new, gradient[layer], layer) for layer in layers]


def _shift(objective: Objective, old: Point, new: Point, before: Tensor, layer: int) -> Shift:
    if layer == 0:  # nothing lies before it
        after = before
    else:
        with torch.enable_grad():
            weights = old[layer].detach().requires_grad_()
            (after,) = torch.autograd.grad(
                objective([*new[:layer], weights, *old[layer + 1 :]]), [weights]
            )
    flat_before, flat_after = before.double().flatten(), after.double().flatten()
    norms = flat_before.norm() * flat_after.norm()
    return Shift(
        difference=(flat_after - flat_before).norm().item(),
        cosine=(flat_before @ flat_after / norms).item(),
        gradient_norm=flat_before.norm().item(),
    )
