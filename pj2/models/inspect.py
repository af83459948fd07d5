"""Numbers about a model that the tables and figures state."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module) -> int:
    """Return the multiply-accumulates of one ``[1, 3, 32, 32]`` forward pass.

    Counted by torch's own counter on the meta device: convolutions and matrix
    products; a multiply-accumulate is two of its floating-point operations.
    """
    shadow = copy.deepcopy(model).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, 3, 32, 32, device="meta"))
    return int(counter.get_total_flops()) // 2


def first_convolution(model: nn.Module) -> str | None:
    """Return the state-dict name of the first convolution's weight, None without one."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            return f"{name}.weight"
    return None
