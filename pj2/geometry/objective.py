"""The loss on one fixed batch, as a function of a model's parameters alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

Point = Sequence[Tensor]
"""A value for each parameter of a model, in the order of ``model.parameters()``."""

Objective = Callable[[Point], Tensor]
"""From a point to a scalar loss that can be differentiated."""


def batch_objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    seed: int = 0,
) -> Objective:
    """Return the loss (fp32) of a batch, in the mode that `model` is in.

    The model is left as it is: BatchNorm in train mode normalises with the
    batch's statistics and updates copies of its running ones. Whatever the
    model draws, such as a dropout mask, is the same at every point, and the
    global random state stays where it was.

    Args:
        images: float32 ``[N, 3, H, W]``, as the model takes them.
        labels: int64 ``[N]``.
        loss_of: logits ``[N, classes]`` and labels to a scalar.
        seed: decides what the model draws.
    """
    names = [name for name, _ in model.named_parameters()]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    devices = [images.device] if images.device.type == "cuda" else []

    def loss_at(point: Point) -> Tensor:
        state = dict(zip(names, point, strict=True))
        state |= {name: buffer.clone() for name, buffer in buffers.items()}
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            logits: Tensor = functional_call(model, state, (images,))
        return loss_of(logits.float(), labels)

    return loss_at


def loss_and_gradient(objective: Objective, point: Point) -> tuple[Tensor, list[Tensor]]:
    """Return the loss at a point, and its derivative for each part of the point."""
    with torch.enable_grad():
        leaves = [part.detach().requires_grad_() for part in point]
        loss = objective(leaves)
        gradient = torch.autograd.grad(loss, leaves)
    return loss.detach(), list(gradient)


def norm(vector: Point) -> Tensor:
    """Return the Euclidean norm over all parts together."""
    return nn.utils.get_total_norm(vector)


def moved(point: Point, direction: Point, length: float) -> list[Tensor]:
    """Return ``point - length * direction``."""
    parts = zip(point, direction, strict=True)
    return [(part - length * along).detach() for part, along in parts]


@contextmanager
def watched_inputs(
    modules: Mapping[str, nn.Module], see: Callable[[str, Tensor], None]
) -> Iterator[None]:
    """Call `see` with the name and the input of each module that is applied in this context."""

    def hook(name: str, _: nn.Module, given: tuple[Any, ...]) -> None:
        see(name, given[0])

    hooks = [
        module.register_forward_pre_hook(partial(hook, name)) for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()
