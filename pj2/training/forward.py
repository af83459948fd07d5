"""A model's forward pass in a precision, as training and scoring call it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Forward(nn.Module):
    """Images float32 ``[N, 3, 32, 32]`` to logits float32 ``[N, classes]``.

    With ``bf16`` convolutions and matrix products are computed in bfloat16
    (torch's autocast); weights, gradients and the optimizer's state stay in
    fp32 (Micikevicius et al. 2018, *Mixed precision training*, section 3.1).
    """

    def __init__(self, model: nn.Module, precision: str) -> None:
        super().__init__()
        self.model = model
        self.precision = precision

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, in fp32 with either precision."""
        # The cache is off: it helps only weights that are used twice, and a CUDA
        # graph cannot use it.
        with torch.autocast(
            images.device.type,
            torch.bfloat16,
            enabled=self.precision == "bf16",
            cache_enabled=False,
        ):
            logits: Tensor = self.model(images)
        return logits.float()
