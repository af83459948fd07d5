"""Measures the loss around a run's weights during training, without changing the run."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn

from pj2.config.study import RunSettings
from pj2.data.randomness import derive_seed
from pj2.geometry.covariate_shift import Shift, covariate_shift, predecessors
from pj2.geometry.moments import activation_moments
from pj2.geometry.objective import Objective, Point, batch_objective, loss_and_gradient
from pj2.geometry.probes import probe_direction, step_lengths
from pj2.runs.files import ProbeRecords
from pj2.training.loss import loss_function
from pj2.training.observers import Step


class Prober:
    """Measures at every ``probe.every``-th step, in fp32 and on the step's own minibatch.

    Args:
        optimizer: the run's; it is read, never stepped.
        start: the measurements of an interrupted epoch.
    """

    def __init__(
        self,
        settings: RunSettings,
        optimizer: torch.optim.Optimizer,
        start: ProbeRecords | None = None,
    ) -> None:
        assert settings.probe
        self._settings = settings
        self._probe = settings.probe
        self._optimizer = optimizer
        self._records = start or ProbeRecords()
        self._loss_of = loss_function(settings.loss)
        self._before: dict[int, set[int]] | None = None  # the same at every step

    def take(self) -> ProbeRecords:
        """Return what was measured since the last call."""
        taken, self._records = self._records, ProbeRecords()
        return taken

    def on_step(self, step: Step) -> None:
        """Measure, if the step's index is a multiple of ``probe.every``."""
        if step.index % self._probe.every:
            return
        point = [parameter.detach() for parameter in step.model.parameters()]
        objective = batch_objective(
            step.model,
            step.images,
            step.labels,
            self._loss_of,
            derive_seed(self._settings.seed, "probe", step.index),
        )
        loss, gradient = loss_and_gradient(objective, point)
        updated: list[Tensor] = []
        if "update" in self._probe.along or self._probe.covariate_shift:
            updated = updated_parameters(self._optimizer, point, gradient)
        self._follow(step, objective, point, (loss, gradient), updated)
        self._compare_layers(step, objective, point, gradient, updated)
        if self._probe.moments:
            self._look_at_activations(step, objective, point)

    def _follow(
        self,
        step: Step,
        objective: Objective,
        point: Point,
        start: tuple[Tensor, Point],
        updated: Point,
    ) -> None:
        """Measure along the step's direction."""
        loss, gradient = start
        rate, probe = self._settings.learning_rate, self._probe
        lengths = step_lengths(rate, *probe.range, probe.steps)
        for along in probe.along:
            direction = gradient
            if along == "update":
                parts = zip(point, updated, strict=True)
                direction = [((old - new) / rate).to(old.dtype) for old, new in parts]
            found = probe_direction(objective, point, (loss.item(), gradient), direction, lengths)
            measured = zip(found.lengths, found.losses, found.gradient_distances, strict=True)
            self._records.probes.extend(
                {
                    "step": step.index,
                    "epoch": step.epoch,
                    "along": along,
                    "step_length": float(length),
                    "loss": float(there),
                    "gradient_distance": float(distance),
                    "start_loss": found.loss,
                    "gradient_norm": found.gradient_norm,
                    "direction_norm": found.direction_norm,
                }
                for length, there, distance in measured
            )

    def _compare_layers(
        self, step: Step, objective: Objective, point: Point, gradient: Point, updated: Point
    ) -> None:
        """Record each layer's gradient norm and, where asked for, its covariate shift."""
        layers = weight_layers(step.model)
        shifts: list[Shift] = []
        if self._probe.covariate_shift:
            if self._before is None:
                self._before = predecessors(step.model, objective, point, layers)
            new = [part.to(old.dtype) for part, old in zip(updated, point, strict=True)]
            shifts = covariate_shift(objective, point, new, gradient, self._before)
        for depth, ((name, place), shift) in enumerate(zip_longest(layers.items(), shifts)):
            self._records.layers.append(
                {
                    "step": step.index,
                    "epoch": step.epoch,
                    "layer": name,
                    "depth": depth,
                    "gradient_norm": gradient[place].double().norm().item(),
                    "difference": shift.difference if shift else None,
                    "cosine": shift.cosine if shift else None,
                }
            )

    def _look_at_activations(self, step: Step, objective: Objective, point: Point) -> None:
        """Record mean and variance of each measured channel's activations."""
        moments = activation_moments(step.model, objective, point)
        for depth, (name, (means, variances)) in enumerate(moments.items()):
            pairs = zip(means.tolist(), variances.tolist(), strict=True)
            self._records.moments.extend(
                {
                    "step": step.index,
                    "epoch": step.epoch,
                    "layer": name,
                    "depth": depth,
                    "channel": channel,
                    "mean": mean,
                    "variance": variance,
                }
                for channel, (mean, variance) in enumerate(pairs)
            )


def updated_parameters(
    optimizer: torch.optim.Optimizer, point: Point, gradient: Sequence[Tensor]
) -> list[Tensor]:
    """Return the parameters after an optimizer's next step, in float64.

    A copy of the optimizer takes the step, so this is right for any optimizer;
    in float64, since the difference to `point` is small.
    """
    copies = [part.double() for part in point]  # copies: no parameter is float64
    for part, slope in zip(copies, gradient, strict=True):
        part.grad = slope.double()
    (group,) = optimizer.param_groups
    kind: Any = type(optimizer)
    twin = kind([{**group, "params": copies}])
    twin.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    twin.step()
    return copies


def weight_layers(model: nn.Module) -> dict[str, int]:
    """Return the weights of convolutions and fully connected layers, by name.

    Each value is the weight's index in ``model.parameters()``.
    """
    kinds: tuple[Any, ...] = (nn.Conv2d, nn.Linear)
    weights = {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, kinds)
    }
    names = [name for name, _ in model.named_parameters()]
    return {name: place for place, name in enumerate(names) if name in weights}
