"""Observers of training steps, which must not change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """One step, after its backward pass and before its update.

    The parameters' ``.grad`` hold the gradient of ``loss``, a scalar tensor on
    the device; ``images`` (normalised float32 ``[N, 3, 32, 32]``) and
    ``labels`` (int64 ``[N]``) are the minibatch.
    """

    index: int
    epoch: int
    loss: Tensor
    images: Tensor
    labels: Tensor
    model: nn.Module


class StepObserver(Protocol):
    """Called at every step; it must leave model, gradients and random state as they were."""

    def on_step(self, step: Step) -> None:
        """Observe one step."""


Observers = Sequence[StepObserver]
