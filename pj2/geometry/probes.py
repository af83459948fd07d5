"""A loss along one direction: its variation, gradient predictiveness and smoothness.

The quantities are those of Santurkar et al. 2018, *How Does Batch Normalization
Help Optimization?* (arXiv 1805.11604), section 3.1 and figure 4, at one step of
a training run: the loss and its gradient are computed at points along the
direction of the step, on the step's own minibatch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pj2.geometry.objective import Objective, Point, loss_and_gradient, moved, norm


@dataclass(frozen=True)
class Probe:
    """A loss at θ and at θ_k = θ − η_k d, for K step lengths η_k.

    ``lengths`` η_k, ``losses`` L(θ_k) and ``gradient_distances``
    ‖∇L(θ_k) − ∇L(θ)‖₂: float64 ``[K]``. ``loss``: L(θ); ``gradient_norm``:
    ‖∇L(θ)‖₂; ``direction_norm``: ‖d‖₂.
    """

    lengths: np.ndarray
    losses: np.ndarray
    gradient_distances: np.ndarray
    loss: float
    gradient_norm: float
    direction_norm: float

    @property
    def smoothness(self) -> float:
        """The effective β, which is the greatest ‖∇L(θ_k) − ∇L(θ)‖₂ / (η_k ‖d‖₂) over k."""
        return float((self.gradient_distances / (self.lengths * self.direction_norm)).max())


def step_lengths(learning_rate: float, low: float, high: float, count: int) -> np.ndarray:
    """Return `count` lengths, evenly spaced in their logarithm over [low, high] × learning rate."""
    return learning_rate * np.geomspace(low, high, count)


def probe_direction(
    objective: Objective,
    point: Point,
    start: tuple[float, Point],
    direction: Point,
    lengths: np.ndarray,
) -> Probe:
    """Measure a loss at steps from a point against a direction.

    Args:
        start: the loss and the gradient at `point`.
        direction: d; the gradient itself, or an optimizer's update.
        lengths: η_k, float64 ``[K]``, above zero.
    """
    loss, gradient = start
    losses, distances = [], []
    for length in lengths.tolist():
        there, slope = loss_and_gradient(objective, moved(point, direction, length))
        change = [after - before for after, before in zip(slope, gradient, strict=True)]
        losses.append(there.item())
        distances.append(norm(change).item())
    return Probe(
        lengths=lengths,
        losses=np.array(losses),
        gradient_distances=np.array(distances),
        loss=loss,
        gradient_norm=norm(gradient).item(),
        direction_norm=norm(direction).item(),
    )
