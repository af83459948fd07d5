"""The training loop: one epoch of one run, and nothing about files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pj2.config.study import RunSettings
from pj2.data.batches import ImageSet, batch_bounds
from pj2.data.randomness import derive_seed
from pj2.training.loss import loss_function
from pj2.training.observers import Observers, Step
from pj2.training.quantity import Quantity, quantities


def never() -> bool:
    """Return False: nothing interrupts."""
    return False


class Learner(NamedTuple):
    """A model on its device, its forward pass to float32 logits, and its optimizer."""

    model: nn.Module
    logits_of: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer


@dataclass(frozen=True)
class PartialEpoch:
    """An epoch that was interrupted between two steps and can continue there.

    ``losses``, ``grad_norms`` and ``quantities``: float32 ``[steps done]`` on
    the CPU; ``correct``: images classified correctly so far; ``random``: the states
    of the random generators, by kind of device.
    """

    losses: Tensor
    grad_norms: Tensor
    correct: int
    random: dict[str, Tensor] = field(repr=False)
    quantities: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class EpochResult:
    """The records of one epoch.

    ``losses``, ``grad_norms`` and ``quantities``: float32 ``[steps]`` on the CPU,
    of the steps before the first whose loss was not finite; ``diverged``: whether there
    was such a step; ``accuracy``: share of the augmented training images classified
    correctly, in train mode.
    """

    losses: Tensor
    grad_norms: Tensor
    accuracy: float
    images: int
    diverged: bool
    quantities: dict[str, Tensor] = field(default_factory=dict)

    @property
    def mean_loss(self) -> float:
        """Return the mean over steps of the minibatch losses, NaN without steps."""
        return self.losses.double().mean().item() if len(self.losses) else math.nan


def train_epoch(
    learner: Learner,
    data: ImageSet,
    settings: RunSettings,
    epoch: int,
    observers: Observers = (),
    start: PartialEpoch | None = None,
    interrupted: Callable[[], bool] = never,
) -> EpochResult | PartialEpoch:
    """Train for one epoch and record every step.

    A step's loss is the minibatch mean in train mode before the update, and
    its gradient norm the Euclidean norm over all parameters. Both, and the
    quantities that the settings name, stay on the device until the epoch ends.
    On a CPU, where reading the loss costs nothing, a loss that is not finite
    ends the epoch before its update.

    Args:
        learner: on the device of `data`; its model is put into train mode.
        settings: batch size, augmentation, loss, quantities and seed; the seed and `epoch` decide
            batch order, augmentation and dropout.
        epoch: 0-based.
        start: an interrupted epoch to continue; model and optimizer must be in its state.
        interrupted: called between steps; once it is true, the epoch so far is returned.
    """
    model, logits_of, optimizer = learner
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss_of = loss_function(settings.loss)
    measures = quantities(settings.quantities)
    torch.manual_seed(derive_seed(settings.seed, "dropout", epoch))
    model.train()
    records = _Records(data, settings.batch_size, measures, start)
    if start is not None:
        _set_random_states(start.random)
    size, seed, done, steps = settings.batch_size, settings.seed, records.before, records.steps
    for inputs, labels in data.epoch(size, settings.augmentation, seed, epoch, first=done):
        logits = logits_of(inputs)
        loss = loss_of(logits, labels)
        if not records.add_loss(done, loss.detach()):
            return records.end(done + 1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        records.add_gradient(done, parameters)
        records.add_logits(done, logits.detach(), labels)
        step = Step(epoch * steps + done, epoch, loss.detach(), inputs, labels, model)
        records.add_quantities(done, measures, step)
        for observer in observers:
            observer.on_step(step)
        optimizer.step()
        done += 1
        if interrupted() and done < steps:
            break
    return records.end(done)


class _Records:
    """The records of an epoch's steps, which stay on the device until the epoch ends."""

    def __init__(
        self,
        data: ImageSet,
        batch_size: int,
        measures: Iterable[str],
        start: PartialEpoch | None,
    ) -> None:
        self._device = data.labels.device
        self._bounds = batch_bounds(len(data), batch_size)
        self.steps = len(self._bounds)
        self._losses = torch.empty(self.steps, device=self._device)
        self._grad_norms = torch.empty(self.steps, device=self._device)
        self._quantities = {name: torch.empty(self.steps, device=self._device) for name in measures}
        self._right = torch.zeros(len(data), dtype=torch.bool, device=self._device)
        self.before = self._right_before = 0
        if start is not None:
            self.before, self._right_before = len(start.losses), start.correct
            self._losses[: self.before] = start.losses.to(self._device)
            self._grad_norms[: self.before] = start.grad_norms.to(self._device)
            for name, buffer in self._quantities.items():
                buffer[: self.before] = start.quantities[name].to(self._device)
        # Views are made once: indexing a buffer costs more than writing to it.
        self._loss_at, self._grad_norm_at = self._losses.unbind(), self._grad_norms.unbind()
        self._quantity_at = {name: buffer.unbind() for name, buffer in self._quantities.items()}

    def add_loss(self, step: int, loss: Tensor) -> bool:
        """Record a step's loss; on a CPU, return False if it is not finite."""
        self._loss_at[step].copy_(loss)
        return self._device.type != "cpu" or math.isfinite(loss.item())

    def add_gradient(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Record the norm of a step's gradient."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        # torch.nn.utils.get_total_norm does the same, and spends a quarter of its time on
        # sorting tensors by device.
        norms = torch.stack(torch._foreach_norm(gradients))
        torch.linalg.vector_norm(norms, out=self._grad_norm_at[step])

    def add_logits(self, step: int, logits: Tensor, labels: Tensor) -> None:
        """Record which images of a step are classified correctly."""
        torch.eq(logits.argmax(1), labels, out=self._right[slice(*self._bounds[step])])

    def add_quantities(self, done: int, measures: Mapping[str, Quantity], step: Step) -> None:
        """Record the further quantities of a step."""
        with torch.no_grad():
            for name, measure in measures.items():
                self._quantity_at[name][done].copy_(measure(step))

    def end(self, done: int) -> EpochResult | PartialEpoch:
        """Return the records of the first `done` steps."""
        kept = _finite(self._losses[:done])
        images = self._bounds[kept - 1][1] if kept else 0
        correct = self._right_before + int(self._right[:images].sum())
        losses, grad_norms = self._losses[:kept].cpu(), self._grad_norms[:kept].cpu()
        measured = {name: buffer[:kept].cpu() for name, buffer in self._quantities.items()}
        if kept == done < self.steps:
            random = _random_states(self._device)
            return PartialEpoch(losses, grad_norms, correct, random, measured)
        accuracy, diverged = correct / images if images else math.nan, kept < done
        return EpochResult(losses, grad_norms, accuracy, images, diverged, measured)


def _finite(losses: Tensor) -> int:
    """Return how many steps there are before the first whose loss is not finite."""
    bad = torch.nonzero(~torch.isfinite(losses))
    return int(bad[0]) if len(bad) else len(losses)


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def _set_random_states(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])
    if "mps" in states:
        torch.mps.set_rng_state(states["mps"])
