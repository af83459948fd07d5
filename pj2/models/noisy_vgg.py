"""VGG-A whose BatchNorm is followed by noise, so that its activations shift at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pj2.models.registry import register
from pj2.models.vgg import VGG_A

# How far the mean and the spread of the noise wander from step to step, and how much
# the noise of one activation differs from its unit's. This project's choice.
_MEAN, _SPREAD = 0.5, 1.25
_OWN_MEAN, _OWN_SPREAD = 0.1, 0.1


class NoisyBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm, then noise that is neither centred nor of unit variance; ``[N, C, H, W]`` to same.

    In train mode, each time, for each unit j (a channel at a place of the map)

        μ_j ~ U(−0.5, 0.5),  σ_j ~ U(1, 1.25),

    and for each sample i  m_ij ~ U(μ_j − 0.1, μ_j + 0.1)  and  s_ij ~ N(σ_j, 0.1);
    the activation a_ij becomes s_ij a_ij + m_ij (Santurkar et al. 2018,
    appendix, algorithm 1, whose constants are left open here: these are this
    project's). In eval mode it is BatchNorm.
    """

    def forward(self, input: Tensor) -> Tensor:
        normed: Tensor = super().forward(input)
        if not self.training:
            return normed
        unit = normed[:1].detach()
        mean = torch.empty_like(unit).uniform_(-_MEAN, _MEAN)
        spread = torch.empty_like(unit).uniform_(1.0, _SPREAD)
        each = normed.detach()
        shift = mean + torch.empty_like(each).uniform_(-_OWN_MEAN, _OWN_MEAN)
        scale = spread + torch.empty_like(each).normal_(0.0, _OWN_SPREAD)
        return scale * normed + shift


@register("VGG_A_NoisyBatchNorm")
class VGG_A_NoisyBatchNorm(VGG_A):  # noqa: N801
    """VGG_A_BatchNorm with noise after each BatchNorm; 9,756,426 parameters for 10."""

    batch_norm = True

    def _normalise(self, width: int) -> nn.Module:
        return NoisyBatchNorm2d(width)
