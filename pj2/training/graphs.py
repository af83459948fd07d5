"""CUDA graphs: the launches of a forward and a backward pass, recorded once and replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pj2.training.forward import Forward

Logits = Callable[[Tensor], Tensor]
"""Images float32 ``[N, 3, 32, 32]`` to logits float32 ``[N, classes]``."""

# A fraction of the gradient's norm. A right graph runs the same kernels, so its
# results are nearly equal; those of a wrong graph are far off.
_TOLERANCE = 0.02


def with_cuda_graph(
    forward: Forward,
    images: Tensor,
    labels: Tensor,
    say: Callable[[str], None] = print,
    capture: Callable[..., Any] = torch.cuda.make_graphed_callables,
) -> Logits:
    """Return `forward` with a CUDA graph for batches of the size of `images`.

    The graph is used only if one step with it gives the loss and gradients of
    the step without it. If it cannot be captured or they differ, this returns
    `forward` itself and passes the reason to `say`. Weights, BatchNorm's
    statistics, gradients and random state are left as they were.

    Args:
        forward: in train mode, on the device of `images`.
        images: a batch, float32 ``[N, 3, 32, 32]``; `labels` int64 ``[N]``.
        capture: records the graph of a module, given the module and its arguments.
    """
    with _undisturbed(forward):
        try:
            graphed = capture(Forward(forward.model, forward.precision), (images.clone(),))
            distance = _distance(
                _gradients(graphed, forward, images, labels),
                _gradients(forward, forward, images, labels),
            )
        except RuntimeError as error:
            say(f"no CUDA graph: {str(error).splitlines()[0]}")
            return forward
    if not distance < _TOLERANCE:
        say(f"no CUDA graph: its gradients are {distance:.1%} off those without it")
        return forward

    def logits(batch: Tensor) -> Tensor:
        result: Tensor = (graphed if batch.shape == images.shape else forward)(batch)
        return result

    return logits


def _gradients(logits: Logits, forward: Forward, images: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the loss and the gradients of one step, from a fixed random state."""
    torch.manual_seed(0)
    forward.zero_grad(set_to_none=True)
    loss = F.cross_entropy(logits(images), labels)
    loss.backward()
    gradients = [p.grad.clone() for p in forward.parameters() if p.grad is not None]
    return [loss.detach().clone(), *gradients]


def _distance(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """Return the norm of the difference relative to `theirs`; infinite if shapes differ."""
    if [t.shape for t in ours] != [t.shape for t in theirs]:
        return float("inf")
    pairs = list(zip(ours, theirs, strict=True))
    difference = sum(float((mine - other).double().square().sum()) for mine, other in pairs)
    return float((difference / sum(float(t.double().square().sum()) for t in theirs)) ** 0.5)


@contextmanager
def _undisturbed(forward: Forward) -> Iterator[None]:
    """Put back what trial steps change: BatchNorm's statistics, gradients, random states."""
    buffers = {name: value.clone() for name, value in forward.named_buffers()}
    devices = {p.device for p in forward.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            forward.zero_grad(set_to_none=True)
            with torch.no_grad():
                for name, value in forward.named_buffers():
                    value.copy_(buffers[name])
