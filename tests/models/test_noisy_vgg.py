"""The noise after BatchNorm: its distribution, and when there is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pj2.models.noisy_vgg import NoisyBatchNorm2d
from pj2.models.registry import build_model


@pytest.fixture
def activations():
    return torch.randn(4000, 3, 2, 2, generator=torch.Generator().manual_seed(0))


def test_in_eval_mode_it_is_batch_norm(activations):
    noisy, plain = NoisyBatchNorm2d(3).eval(), nn.BatchNorm2d(3).eval()
    assert torch.equal(noisy(activations), plain(activations))


def test_each_unit_gets_a_mean_and_a_spread_of_its_own(activations):
    torch.manual_seed(1)
    layer = NoisyBatchNorm2d(3)
    out = layer(activations).detach()
    mean, spread = out.mean(0).flatten(), out.std(0).flatten()
    # Of a normal activation: variance sigma^2 + 0.1^2 of the scale, 0.1^2 / 3 of the shift.
    assert mean.abs().max() < 0.5 + 5 * 1.3 / 4000**0.5
    assert 0.95 < spread.min() < spread.max() < 1.32
    assert mean.std() > 0.1
    again = layer(activations).detach().mean(0).flatten()
    assert (again - mean).abs().max() > 0.1  # drawn anew at every step
    # The statistics that evaluation uses are those before the noise.
    assert layer.running_mean.abs().max() < 0.05


def test_the_noise_follows_the_seed(activations):
    outs = []
    for _ in range(2):
        torch.manual_seed(3)
        outs.append(NoisyBatchNorm2d(3)(activations))
    assert torch.equal(*outs)


def test_it_starts_from_the_weights_of_its_sibling():
    noisy = build_model("VGG_A_NoisyBatchNorm", 10, seed=4).state_dict()
    plain = build_model("VGG_A_BatchNorm", 10, seed=4).state_dict()
    assert noisy.keys() == plain.keys()
    assert all(torch.equal(noisy[name], plain[name]) for name in plain)
