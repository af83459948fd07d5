"""A trainer's state as bytes, and back. No pickle: safetensors throughout."""

from __future__ import annotations

import torch
from safetensors.torch import load, save
from torch import Tensor

from pj2.store.store import RunStore
from pj2.training.loop import PartialEpoch
from pj2.training.trainer import Trainer
from pj2.training.trajectory import State

_RANDOM = "random."


def save_state(
    store: RunStore, trainer: Trainer, partial: PartialEpoch | None = None, seconds: float = 0.0
) -> State:
    """Keep what a trainer needs to go on, after an epoch or within one.

    `seconds` is the time that the steps of `partial` took.
    """
    return State(
        weights=store.put(save(trainer.weights())),
        optimizer=store.put(save(trainer.optimizer_state())),
        partial=store.put(_pack(partial)) if partial else None,
        steps=len(partial.losses) if partial else 0,
        seconds=seconds,
    )


def load_state(store: RunStore, trainer: Trainer, epoch: int, state: State) -> None:
    """Bring a trainer to a saved state. Raises BlobUnavailable if part of it is lost."""
    weights = load(store.read(state.weights))
    optimizer = load(store.read(state.optimizer))
    partial = _unpack(store.read(state.partial)) if state.partial else None
    trainer.restore(epoch, weights, optimizer, partial)


def _pack(partial: PartialEpoch) -> bytes:
    tensors: dict[str, Tensor] = {
        "losses": partial.losses,
        "grad_norms": partial.grad_norms,
        "correct": torch.tensor(partial.correct),
    }
    tensors |= {_RANDOM + kind: state for kind, state in partial.random.items()}
    return save(tensors)


def _unpack(data: bytes) -> PartialEpoch:
    tensors = load(data)
    return PartialEpoch(
        losses=tensors["losses"],
        grad_norms=tensors["grad_norms"],
        correct=int(tensors["correct"]),
        random={k.removeprefix(_RANDOM): v for k, v in tensors.items() if k.startswith(_RANDOM)},
    )
