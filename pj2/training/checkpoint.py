"""A trainer's state as bytes, and back. No pickle: safetensors throughout.

What only a state holds is saved with a mark of its own, so no other manifest
refers to the same bytes, and they can be removed with this one: another node
may be making the same run, or another run of the same weights.
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
    """Keep what a trainer needs to go on, after an epoch or within one.

    `seconds` is the time that the steps of `partial` took. The weights after
    an epoch are saved as they are: they are part of the run's result.
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
    """Return what no manifest refers to but those that hold this very state."""
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
