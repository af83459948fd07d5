"""Watches a run and measures its loss along the way; the run itself is none the wiser."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pj2.config.study import RunSettings
from pj2.data.randomness import derive_seed
from pj2.geometry.covariate_shift import covariate_shift
from pj2.geometry.objective import Point, batch_objective, loss_and_gradient
from pj2.geometry.probes import probe_direction, step_lengths
from pj2.runs.files import ProbeRecords
from pj2.training.loss import loss_function
from pj2.training.observers import Step


class Prober:
    """Measures at every ``probe.every``-th step, in fp32 and on the step's own minibatch.

    Args:
        optimizer: of the run; read, never stepped.
        start: what was measured of an epoch that goes on.
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

    def take(self) -> ProbeRecords:
        """Return what was measured since the last call."""
        taken, self._records = self._records, ProbeRecords()
        return taken

    def on_step(self, step: Step) -> None:
        """Measure, if it is this step's turn."""
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
        rate, probe = self._settings.learning_rate, self._probe
        updated: list[Tensor] = []
        if "update" in probe.along or probe.covariate_shift:
            updated = updated_parameters(self._optimizer, point, gradient)
        lengths = step_lengths(rate, *probe.range, probe.steps)
        for along in probe.along:
            direction: Point = gradient
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
        if probe.covariate_shift:
            layers = weight_layers(step.model)
            new = [part.to(old.dtype) for part, old in zip(updated, point, strict=True)]
            shifts = covariate_shift(objective, point, new, gradient, list(layers.values()))
            self._records.shift.extend(
                {
                    "step": step.index,
                    "epoch": step.epoch,
                    "layer": name,
                    "depth": depth,
                    "difference": shift.difference,
                    "cosine": shift.cosine,
                    "gradient_norm": shift.gradient_norm,
                }
                for depth, (name, shift) in enumerate(zip(layers, shifts, strict=True))
            )


def updated_parameters(
    optimizer: torch.optim.Optimizer, point: Point, gradient: Sequence[Tensor]
) -> list[Tensor]:
    """Return what an optimizer's next step would make of its parameters, in float64.

    A copy of the optimizer takes the step, so that whatever it is, its
    direction is right; float64, since the difference to `point` is small.
    """
    copies = [part.double() for part in point]  # a copy each: no parameter is float64
    for part, slope in zip(copies, gradient, strict=True):
        part.grad = slope.double()
    (group,) = optimizer.param_groups
    kind: Any = type(optimizer)
    twin = kind([{**group, "params": copies}])
    twin.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    twin.step()
    return copies


def weight_layers(model: nn.Module) -> dict[str, int]:
    """Return the weights of convolutions and fully connected layers: name to parameter's place.

    Places count as ``model.parameters()`` does, which is the order in which
    the networks here apply them.
    """
    kinds: tuple[Any, ...] = (nn.Conv2d, nn.Linear)
    weights = {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, kinds)
    }
    names = [name for name, _ in model.named_parameters()]
    return {name: place for place, name in enumerate(names) if name in weights}
