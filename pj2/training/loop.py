"""The training loop: one epoch of one run, and nothing about files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pj2.config.study import RunSettings
from pj2.data.batches import ImageSet, batch_bounds
from pj2.data.randomness import derive_seed
from pj2.training.loss import loss_function
from pj2.training.observers import Observers, Step


def never() -> bool:
    """Say that nothing interrupts."""
    return False


class Learner(NamedTuple):
    """A model on its device, what gives its float32 logits in a run's precision, its optimizer."""

    model: nn.Module
    logits_of: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer


@dataclass(frozen=True)
class PartialEpoch:
    """An epoch that was interrupted between two steps, so that it can go on there.

    ``losses`` and ``grad_norms``: float32 ``[steps done]`` on the CPU;
    ``correct``: images classified rightly so far; ``random``: the random
    states that dropout has reached, by kind of device.
    """

    losses: Tensor
    grad_norms: Tensor
    correct: int
    random: dict[str, Tensor] = field(repr=False)


@dataclass(frozen=True)
class EpochResult:
    """What one epoch recorded.

    ``losses`` and ``grad_norms``: float32 ``[steps]`` on the CPU, up to and
    without the first step whose loss was not finite; ``accuracy``: share of
    the augmented training images classified rightly, in train mode;
    ``diverged``: whether such a step came.
    """

    losses: Tensor
    grad_norms: Tensor
    accuracy: float
    images: int
    diverged: bool

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
    its gradient norm the Euclidean norm over all parameters. Both stay on the
    device until the epoch ends. On a CPU, where looking costs nothing, a loss
    that is not finite ends the epoch before its update.

    Args:
        learner: on the device of `data`; its model is put into train mode.
        settings: batch size, augmentation, loss, and the seed: it decides batch order,
            augmentation and dropout together with `epoch`.
        epoch: 0-based.
        start: where an interrupted epoch stopped; model and optimizer as they were then.
        interrupted: asked between steps; once it says yes, what is done so far is returned.
    """
    model, logits_of, optimizer = learner
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss_of = loss_function(settings.loss)
    torch.manual_seed(derive_seed(settings.seed, "dropout", epoch))
    model.train()
    records = _Records(data, settings.batch_size, start)
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
        for observer in observers:
            index = epoch * steps + done
            observer.on_step(Step(index, epoch, loss.detach(), inputs, labels, model))
        optimizer.step()
        done += 1
        if interrupted() and done < steps:
            break
    return records.end(done)


class _Records:
    """What the steps of an epoch leave on the device, where it stays until the epoch ends."""

    def __init__(self, data: ImageSet, batch_size: int, start: PartialEpoch | None) -> None:
        self._device = data.labels.device
        self._bounds = batch_bounds(len(data), batch_size)
        self.steps = len(self._bounds)
        self._losses = torch.empty(self.steps, device=self._device)
        self._grad_norms = torch.empty(self.steps, device=self._device)
        self._right = torch.zeros(len(data), dtype=torch.bool, device=self._device)
        self.before = self._right_before = 0
        if start is not None:
            self.before, self._right_before = len(start.losses), start.correct
            self._losses[: self.before] = start.losses.to(self._device)
            self._grad_norms[: self.before] = start.grad_norms.to(self._device)
        # Views are made once: indexing the buffers costs more than what is written to them.
        self._loss_at, self._grad_norm_at = self._losses.unbind(), self._grad_norms.unbind()

    def add_loss(self, step: int, loss: Tensor) -> bool:
        """Keep a step's loss; return False if it is seen not to be finite."""
        self._loss_at[step].copy_(loss)
        return self._device.type != "cpu" or math.isfinite(loss.item())

    def add_gradient(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Keep the norm of a step's gradient."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        # As torch.nn.utils.get_total_norm, less its sorting by device, a quarter of its time.
        norms = torch.stack(torch._foreach_norm(gradients))
        torch.linalg.vector_norm(norms, out=self._grad_norm_at[step])

    def add_logits(self, step: int, logits: Tensor, labels: Tensor) -> None:
        """Keep which images of a step are classified rightly."""
        torch.eq(logits.argmax(1), labels, out=self._right[slice(*self._bounds[step])])

    def end(self, done: int) -> EpochResult | PartialEpoch:
        """Return what was recorded of so many steps."""
        kept = _finite(self._losses[:done])
        images = self._bounds[kept - 1][1] if kept else 0
        correct = self._right_before + int(self._right[:images].sum())
        losses, grad_norms = self._losses[:kept].cpu(), self._grad_norms[:kept].cpu()
        if kept == done < self.steps:
            return PartialEpoch(losses, grad_norms, correct, _random_states(self._device))
        accuracy = correct / images if images else math.nan
        return EpochResult(losses, grad_norms, accuracy, images, diverged=kept < done)


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
