"""The cross-entropy."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from pj2.registry import Probability
from pj2.training.loss import register


@register("cross_entropy")
def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: Probability = 0.0) -> Tensor:
    """Cross-entropy, with label smoothing (Szegedy et al. 2016, section 7).

    `label_smoothing` is the share of the target that is spread over all classes.
    """
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
