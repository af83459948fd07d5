"""The multi-class hinge."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from pj2.training.loss import register


@register("multi_margin")
def multi_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Multi-class hinge loss with margin 1 (Crammer and Singer 2001).

    Summed over the other classes and divided by the number of classes, as in PyTorch.
    """
    return F.multi_margin_loss(logits, labels)
