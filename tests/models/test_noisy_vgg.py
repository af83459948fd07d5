"""The noise after BatchNorm: its distribution, and when there is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pj2.models.noisy_vgg import NoisyBatchNorm2d, ShiftingNoise
from pj2.models.registry import build_model


@pytest.fixture
def activations():
    return torch.randn(4000, 3, 2, 2, generator=torch.Generator().manual_seed(0))


def test_in_eval_mode_it_is_batch_norm(activations):
    noisy, plain = NoisyBatchNorm2d(3).eval(), nn.BatchNorm2d(3).eval()
    assert torch.equal(noisy(activations), plain(activations))


def test_without_training_the_noise_is_none(activations):
    assert torch.equal(ShiftingNoise().eval()(activations), activations)


def test_each_channel_gets_a_mean_and_a_spread_of_its_own(activations):
    """Of normal activations: variance sigma^2 + 0.1^2 of the scale, 0.1^2 / 3 of the shift."""
    torch.manual_seed(1)
    layer = NoisyBatchNorm2d(3)
    out = layer(activations).detach()
    mean, spread = out.mean((0, 2, 3)), out.std((0, 2, 3))
    error = 1.3 / 16_000**0.5
    assert mean.abs().max() < 0.5 + 5 * error
    assert 0.99 < spread.min() < spread.max() < 1.27
    # All places of a channel share them.
    assert (out.mean(0).flatten(1) - mean[:, None]).abs().max() < 5 * 1.3 / 4000**0.5
    again = layer(activations).detach().mean((0, 2, 3))
    assert (again - mean).abs().max() > 0.1  # drawn anew at every step
    # The statistics that evaluation uses are those before the noise.
    assert layer.running_mean.abs().max() < 0.05


def test_means_and_spreads_over_steps_are_those_of_the_paper(activations):
    """U(-0.5, 0.5) has a deviation of 1/sqrt(12), U(1, 1.25) a mean of 1.125."""
    torch.manual_seed(2)
    noise = ShiftingNoise()
    few = activations[:500]
    centre, scale = few.mean((0, 2, 3)), few.std((0, 2, 3))
    outs = [noise(few) for _ in range(600)]
    means = torch.stack([out.mean((0, 2, 3)) for out in outs])
    spreads = torch.stack([out.std((0, 2, 3)) for out in outs])
    assert means.std(0).tolist() == pytest.approx([12**-0.5] * 3, rel=0.1)
    # E m = 0, E s = 1.125; of the spread, sqrt(sigma^2 + 0.1^2 + 0.1^2 / 3) of unit activations.
    assert means.mean(0).tolist() == pytest.approx((1.125 * centre).tolist(), abs=0.05)
    assert (spreads / scale).mean(0).tolist() == pytest.approx([1.131] * 3, rel=0.01)


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
    control = build_model("VGG_A_Noisy", 10, seed=4).state_dict()
    plain = build_model("VGG_A", 10, seed=4).state_dict()
    weights = zip(control.values(), plain.values(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)
