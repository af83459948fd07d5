"""Saves a trainer's state to blobs, and loads it. No pickle: safetensors throughout.

A blob that only one state needs is saved with a unique mark, so no other
manifest refers to the same bytes and the blob can be removed with its manifest.
Without the mark, another node's run could share the blob: the same run, or one
with equal weights.
"""

from __future__ import annotations

import uuid

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pj2.runs.trajectory import State
from pj2.store.manifest import Blob
from pj2.store.store import BlobUnavailable, RunStore
from pj2.training.loop import PartialEpoch
from pj2.training.trainer import Trainer

_RANDOM = "random."
_QUANTITY = "quantity."


def save_state(
    store: RunStore, trainer: Trainer, partial: PartialEpoch | None = None, seconds: float = 0.0
) -> State:
    """Save what a trainer needs to continue, after an epoch or within one.

    `seconds` is the time that the steps of `partial` took. The weights after
    an epoch get no mark: they are part of the run's result.
    """
    own = {"state": uuid.uuid4().hex}
    return State(
        weights=store.put(save(trainer.weights(), own if partial else None)),
        optimizer=store.put(save(trainer.optimizer_state(), own)),
        partial=store.put(save(_pack(partial), own)) if partial else None,
        steps=len(partial.losses) if partial else 0,
        seconds=seconds,
    )


def own_blobs(state: State) -> set[Blob]:
    """Return the blobs to which only the manifests of this very state refer."""
    within = {state.partial, state.weights} if state.partial else set()
    return {blob for blob in (state.optimizer, *within) if blob}


def load_state(store: RunStore, trainer: Trainer, epoch: int, state: State) -> None:
    """Bring a trainer to a saved state. Raises BlobUnavailable if part of it is lost."""
    weights, optimizer = _load(store, state.weights), _load(store, state.optimizer)
    partial = _unpack(_load(store, state.partial)) if state.partial else None
    trainer.restore(epoch, weights, optimizer, partial)


def _pack(partial: PartialEpoch) -> dict[str, Tensor]:
    return {
        "losses": partial.losses,
        "grad_norms": partial.grad_norms,
        "correct": torch.tensor(partial.correct),
        **{_RANDOM + kind: state for kind, state in partial.random.items()},
        **{_QUANTITY + name: values for name, values in partial.quantities.items()},
    }


def _load(store: RunStore, blob: Blob) -> dict[str, Tensor]:
    try:
        return load(store.read(blob))
    except SafetensorError as error:
        raise BlobUnavailable(f"no tensors: {error}") from None


def _unpack(tensors: dict[str, Tensor]) -> PartialEpoch:
    return PartialEpoch(
        losses=tensors["losses"],
        grad_norms=tensors["grad_norms"],
        correct=int(tensors["correct"]),
        random=_below(_RANDOM, tensors),
        quantities=_below(_QUANTITY, tensors),
    )


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
