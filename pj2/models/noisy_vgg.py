"""VGG-A with noise that makes its activations shift at every step, with and without BatchNorm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pj2.models.registry import register
from pj2.models.vgg import VGG_A

# Santurkar et al. 2018, appendix A.2.1: how much the mean and the spread of the noise vary
# from step to step, and how much the noise of one activation differs from its channel's.
_MEAN, _SPREAD = 0.5, 1.25
_OWN_MEAN, _OWN_SPREAD = 0.1, 0.1


class ShiftingNoise(nn.Module):
    """Noise that is neither centred nor of unit variance; ``[N, C, H, W]`` to same.

    In train mode each forward pass draws, for each channel j,

        μ_j ~ U(−0.5, 0.5),  σ_j ~ U(1, 1.25),

    and for each of its activations i, at every place of every image,
    m_ij ~ U(μ_j − 0.1, μ_j + 0.1)  and  s_ij ~ N(σ_j, 0.1); the activation a_ij becomes
    s_ij a_ij + m_ij. In eval mode it is unchanged. (Santurkar et al. 2018, algorithm 1, with
    the constants of appendix A.2.1; height and width count as part of the batch, as there.)
    """

    def forward(self, activations: Tensor) -> Tensor:
        if not self.training:
            return activations
        each = activations.detach()
        channel = each[:1, :, :1, :1]
        mean = torch.empty_like(channel).uniform_(-_MEAN, _MEAN)
        spread = torch.empty_like(channel).uniform_(1.0, _SPREAD)
        shift = mean + torch.empty_like(each).uniform_(-_OWN_MEAN, _OWN_MEAN)
        scale = spread + torch.empty_like(each).normal_(0.0, _OWN_SPREAD)
        return scale * activations + shift


class NoisyBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm, then `ShiftingNoise`; its parameters have the names of BatchNorm's."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.noise = ShiftingNoise()

    def forward(self, input: Tensor) -> Tensor:
        noisy: Tensor = self.noise(super().forward(input))
        return noisy


@register("VGG_A_NoisyBatchNorm")
class VGG_A_NoisyBatchNorm(VGG_A):  # noqa: N801
    """VGG_A_BatchNorm with noise after each BatchNorm; 9,756,426 parameters for 10."""

    def _normalise(self, channels: int) -> list[nn.Module]:
        return [NoisyBatchNorm2d(channels)]


@register("VGG_A_Noisy")
class VGG_A_Noisy(VGG_A):  # noqa: N801
    """VGG_A with the same noise after each convolution; 9,750,922 parameters for 10.

    It is the control of VGG_A_NoisyBatchNorm, and shows the effect of the noise alone
    (Santurkar et al. 2018, appendix A.2.1).
    """

    def _normalise(self, channels: int) -> list[nn.Module]:
        return [ShiftingNoise()]
