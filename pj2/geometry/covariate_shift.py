"""Internal covariate shift as a change of gradients (Santurkar et al. 2018, definition 2.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pj2.geometry.objective import Objective, Point, watched_inputs


@dataclass(frozen=True)
class Shift:
    """How much an update of the preceding layers changes one layer's gradient.

    ``difference``: ‖G − G'‖₂, where G is the layer's gradient at the old
    parameters and G' its gradient after all parameters before the layer were
    updated; ``cosine``: the cosine between G and G'.
    """

    difference: float
    cosine: float


def predecessors(
    model: nn.Module, objective: Objective, point: Point, layers: Mapping[str, int]
) -> dict[int, set[int]]:
    """Return, for each layer, the indices in `point` of the parameters before it.

    These are the parameters on which the layer's input depends. So of two branches, such
    as a block's convolutions and its shortcut, neither comes before the other.

    Args:
        objective: the loss of `model`, which it calls.
        layers: the index in `point` of each layer's weight, by the weight's name.
    """
    inputs: dict[str, Tensor] = {}

    def keep(name: str, given: Tensor) -> None:
        inputs[name] = inputs.get(name, 0) + given.sum()

    modules = {name: model.get_submodule(name.rpartition(".")[0]) for name in layers}
    leaves = [part.detach().requires_grad_() for part in point]
    with watched_inputs(modules, keep), torch.enable_grad():
        objective(leaves)
    return {place: _reached(inputs[name], leaves) - {place} for name, place in layers.items()}


def _reached(end: Tensor, leaves: Point) -> set[int]:
    if not end.requires_grad:
        return set()
    slopes = torch.autograd.grad(end, leaves, retain_graph=True, allow_unused=True)
    return {place for place, slope in enumerate(slopes) if slope is not None}


def covariate_shift(
    objective: Objective,
    old: Point,
    new: Point,
    gradient: Point,
    before: Mapping[int, Collection[int]],
) -> list[Shift]:
    """Return the shift of each layer of `before`.

    Args:
        old: the parameters θ_t.
        new: θ_{t+1}, after the optimizer's step.
        gradient: of `objective` at `old`.
        before: by the index of each layer's weight, the indices of the parameters
            before the layer (`predecessors`).
    """
    shifts = []
    for layer, earlier in before.items():
        mixed = [new[place] if place in earlier else part for place, part in enumerate(old)]
        after = _gradient(objective, mixed, layer) if earlier else gradient[layer]
        shifts.append(_shift(gradient[layer], after))
    return shifts


def _gradient(objective: Objective, point: list[Tensor], layer: int) -> Tensor:
    with torch.enable_grad():
        point[layer] = point[layer].detach().requires_grad_()
        (slope,) = torch.autograd.grad(objective(point), [point[layer]])
    return slope


def _shift(before: Tensor, after: Tensor) -> Shift:
    before, after = before.double().flatten(), after.double().flatten()
    return Shift(
        difference=(after - before).norm().item(),
        cosine=(before @ after / (before.norm() * after.norm())).item(),
    )
