"""A 3x3 convolution that is fast on small maps too."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# Up to this many pixels per map, one matrix product beats oneDNN's convolution on
# a CPU: such maps are smaller than the weights, which oneDNN rearranges at every
# step. docs/log/speed.md has the measurement.
_SMALL = 16


class Conv3x3(nn.Conv2d):
    """``nn.Conv2d(channels_in, channels_out, 3, padding=1)``; ``[N, C, H, W]`` to ``[N, O, H, W]``.

    Parameters, initial weights and results are those of `nn.Conv2d`, the
    results up to rounding; maps of up to 4x4 pixels on a CPU are computed as
    one matrix product (im2col; Chellapilla, Puri and Simard 2006, section 3).
    """

    bias: Tensor

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        if images.device.type != "cpu" or images.shape[2] * images.shape[3] > _SMALL:
            return super().forward(images)
        inputs = [images, self.weight, self.bias]
        if torch.is_autocast_enabled("cpu"):
            inputs = [tensor.to(torch.get_autocast_dtype("cpu")) for tensor in inputs]
        result: Tensor = _MatrixConvolution.apply(*inputs)
        return result


def use_plain_convolutions(model: nn.Module) -> None:
    """Make every `Conv3x3` of a model an ordinary convolution, for torch.func's transforms."""
    for module in model.modules():
        if isinstance(module, Conv3x3):
            module.__class__ = nn.Conv2d  # type: ignore[assignment]


class _MatrixConvolution(torch.autograd.Function):
    """The convolution of images ``[N, C, H, W]`` with weights ``[O, C, 3, 3]`` and a bias ``[O]``.

    The backward pass is made of differentiable operations on the inputs, so
    that second derivatives (Hessian-vector products) are right as well.
    """

    @staticmethod
    def forward(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        count, _, height, width = images.shape
        rows = torch.addmm(bias, _patches(images), _flat(weight).t())
        return rows.view(count, height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        images, weight, _ = inputs
        ctx.save_for_backward(images, weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        images, weight = ctx.saved_tensors
        _, channels, height, width = images.shape
        rows = grad.permute(0, 2, 3, 1).reshape(-1, len(weight))
        taps = (rows @ _flat(weight)).view(-1, height, width, 3, 3, channels)
        # In bfloat16 the nine parts are added in fp32, as one product would add them.
        dtype = torch.promote_types(grad.dtype, torch.float32)
        padded = torch.zeros(len(images), height + 2, width + 2, channels, dtype=dtype)
        for i in range(3):
            for j in range(3):
                padded[:, i : i + height, j : j + width] += taps[:, :, :, i, j]
        grad_images = padded[:, 1:-1, 1:-1].to(grad.dtype).permute(0, 3, 1, 2)
        grad_weight = (rows.t() @ _patches(images)).view(-1, 3, 3, channels).permute(0, 3, 1, 2)
        return grad_images, grad_weight, rows.sum(0)


def _patches(images: Tensor) -> Tensor:
    """Return the 3x3 patch around every pixel, ``[N * H * W, 9 * C]``, zeros beyond the border."""
    _, channels, height, width = images.shape
    padded = nn.functional.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    taps = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return torch.cat(taps, 3).view(-1, 9 * channels)


def _flat(weight: Tensor) -> Tensor:
    """Return weights ``[O, C, 3, 3]`` as ``[O, 9 * C]``, in the order of a patch; channels last."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
