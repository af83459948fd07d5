"""A trained model, from the weights on disk."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pj2.config.study import RunSettings
from pj2.errors import UserError
from pj2.models.registry import build_model


def load_trained(
    path: Path, settings: RunSettings, classes: int, device: torch.device
) -> nn.Module:
    """Return a run's model with the weights in a safetensors file, channels last.

    Raises UserError if they are damaged or belong to another model.
    """
    network = build_model(settings.model, classes, architecture=settings.architecture)
    network.load_state_dict(read_weights(path, network))
    return network.to(device).to(memory_format=torch.channels_last)


def read_weights(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Raises UserError if it is damaged, or its tensors are not those of `network`.
    """
    kind = type(network).__name__
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not the weights of a {kind}: {reason}") from None
    expected = {name: value.shape for name, value in network.state_dict().items()}
    if {name: value.shape for name, value in weights.items()} != expected:
        raise UserError(f"{path}: not the weights of a {kind}: other names or shapes")
    return weights
