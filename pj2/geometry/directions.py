"""Random directions that are comparable between networks (Li et al. 2018, arXiv 1712.09913)."""

from __future__ import annotations

import torch
from torch import Tensor

from pj2.geometry.objective import Point

_SMALL = 1e-10  # keeps a filter of zeros at zero


def random_direction(point: Point, seed: int) -> list[Tensor]:
    """Return a Gaussian direction, filter-normalised at `point`.

    The random numbers depend only on the seed and the shapes of the weights;
    none are drawn for biases and BatchNorm's parameters. So two networks whose
    weights have the same shapes get the same raw direction.
    """
    source = torch.Generator().manual_seed(seed)
    raw = [
        torch.randn(part.shape, generator=source).to(part) if part.dim() > 1 else part
        for part in point
    ]
    return filter_normalised(raw, point)


def filter_normalised(direction: Point, point: Point) -> list[Tensor]:
    """Scale each filter of a direction to the norm of the filter at `point` (section 4).

    A filter holds the weights of one output channel: ``weights[i]`` of a
    convolution ``[O, I, k, k]`` or of a fully connected layer ``[O, I]``.
    Parameters of one dimension, biases and those of BatchNorm, are not moved.
    """
    scaled = []
    for along, weights in zip(direction, point, strict=True):
        if weights.dim() < 2:
            scaled.append(torch.zeros_like(weights))
            continue
        filters = along.flatten(1).norm(dim=1)
        target = weights.flatten(1).norm(dim=1)
        factor = target / (filters + _SMALL)
        scaled.append(along * factor.view(-1, *[1] * (weights.dim() - 1)))
    return scaled
