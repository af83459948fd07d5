"""The training loop: one epoch of one run, and nothing about files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pj2.config.schema import Recipe
from pj2.data.batches import ImageSet, batch_bounds
from pj2.data.randomness import derive_seed
from pj2.training.loss import loss_function
from pj2.training.observers import Observers, Step

Progress = Callable[[int, int, "float | None"], None]
"""Called with the steps done, the steps of the epoch and, where it costs nothing, the loss."""


def never() -> bool:
    """Say that nothing interrupts."""
    return False


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
    model: nn.Module,
    logits_of: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    data: ImageSet,
    recipe: Recipe,
    seed: int,
    epoch: int,
    observers: Observers = (),
    progress: Progress | None = None,
    start: PartialEpoch | None = None,
    interrupted: Callable[[], bool] = never,
) -> EpochResult | PartialEpoch:
    """Train for one epoch and record every step.

    A step's loss is the minibatch mean in train mode before the update, and
    its gradient norm the Euclidean norm over all parameters. Both stay on the
    device until the epoch ends. On a CPU, where looking costs nothing, a loss
    that is not finite ends the epoch before its update.

    Args:
        model: on the device of `data`; it is put into train mode.
        logits_of: the model's forward pass, in the precision of the run; float32 logits.
        recipe: batch size, augmentation and loss.
        seed: decides batch order, augmentation and dropout together with `epoch`.
        epoch: 0-based.
        start: where an interrupted epoch stopped; model and optimizer as they were then.
        interrupted: asked between steps; once it says yes, what is done so far is returned.
    """
    device = data.labels.device
    bounds = batch_bounds(len(data), recipe.batch_size)
    losses = torch.empty(len(bounds), device=device)
    grad_norms = torch.empty(len(bounds), device=device)
    right = torch.zeros(len(data), dtype=torch.bool, device=device)
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss_of = loss_function(recipe.loss)
    torch.manual_seed(derive_seed(seed, "dropout", epoch))
    model.train()
    done = before = 0
    if start is not None:
        done, before = len(start.losses), start.correct
        losses[:done] = start.losses.to(device)
        grad_norms[:done] = start.grad_norms.to(device)
        _set_random_states(start.random)
    # Views are made once: indexing the buffers costs more than what is written to them.
    loss_at, grad_norm_at = losses.unbind(), grad_norms.unbind()
    batches = data.epoch(recipe.batch_size, recipe.augmentation, seed, epoch, first=done)
    for inputs, labels in batches:
        logits = logits_of(inputs)
        loss = loss_of(logits, labels)
        loss_at[done].copy_(loss.detach())
        visible = loss.item() if device.type == "cpu" else None
        if visible is not None and not math.isfinite(visible):
            done += 1
            break
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in parameters if p.grad is not None]
        # As torch.nn.utils.get_total_norm, less its sorting by device, a quarter of its time.
        torch.linalg.vector_norm(
            torch.stack(torch._foreach_norm(gradients)), out=grad_norm_at[done]
        )
        torch.eq(logits.detach().argmax(1), labels, out=right[slice(*bounds[done])])
        for observer in observers:
            index = epoch * len(bounds) + done
            observer.on_step(Step(index, epoch, loss.detach(), inputs, labels, model))
        optimizer.step()
        done += 1
        if progress is not None:
            progress(done, len(bounds), visible)
        if interrupted() and done < len(bounds):
            break
    kept = _finite(losses[:done])
    images = bounds[kept - 1][1] if kept else 0
    correct = before + int(right[:images].sum())
    if kept == done < len(bounds):
        random = _random_states(device)
        return PartialEpoch(losses[:done].cpu(), grad_norms[:done].cpu(), correct, random)
    return EpochResult(
        losses=losses[:kept].cpu(),
        grad_norms=grad_norms[:kept].cpu(),
        accuracy=correct / images if images else math.nan,
        images=images,
        diverged=kept < done,
    )


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
