"""The norm of the weights."""

from __future__ import annotations

import torch
from torch import Tensor

from pj2.training.observers import Step
from pj2.training.quantity import register


@register("weight_norm")
def weight_norm(step: Step) -> Tensor:
    """Euclidean norm over all parameters, before the update."""
    return torch.nn.utils.get_total_norm(step.model.parameters())
