"""Loss, accuracy and predictions in evaluation mode."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pj2.data.batches import ImageSet

# Large batches waste no time in Python and small ones stay in the CPU's cache;
# the size changes no result beyond the rounding of one matrix product.
_BATCH_SIZE = {"cpu": 250}
_BATCH_SIZE_ACCELERATOR = 2000


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy (nats, without label smoothing) and accuracy (0 to 1)."""

    loss: float
    accuracy: float


@torch.inference_mode()
def compute_logits(model: nn.Module, images: ImageSet) -> Tensor:
    """Return float32 logits ``[N, classes]`` on the CPU, in evaluation mode.

    The model's mode is restored afterwards.
    """
    training = model.training
    model.eval()
    batch_size = _BATCH_SIZE.get(images.labels.device.type, _BATCH_SIZE_ACCELERATOR)
    try:
        parts = [model(inputs) for inputs, _ in images.in_order(batch_size)]
    finally:
        model.train(training)
    return torch.cat(parts).float().cpu()


def score(model: nn.Module, images: ImageSet) -> Score:
    """Evaluate a model on every image of a set."""
    logits = compute_logits(model, images)
    labels = images.labels.cpu()
    loss = F.cross_entropy(logits.double(), labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    return Score(loss, accuracy)
