"""Moments of activations against closed forms."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pj2.geometry.moments import CHANNELS, activation_moments
from pj2.geometry.objective import batch_objective
from pj2.models.registry import build_model


def moments_of(model, images, seed=0):
    labels = torch.zeros(len(images), dtype=torch.int64)
    point = [parameter.detach() for parameter in model.parameters()]
    objective = batch_objective(model, images, labels, F.cross_entropy, seed)
    return activation_moments(model, objective, point)


@pytest.fixture
def images():
    return torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_of_a_convolution_by_hand():
    """Two images of two pixels, of which the convolution makes 2x + 1, and -x."""
    convolution = nn.Conv2d(1, 2, 1)
    convolution.weight.data = torch.tensor([2.0, -1.0]).view(2, 1, 1, 1)
    convolution.bias.data = torch.tensor([1.0, 0.0])
    model = nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(4, 2), nn.ReLU())
    pixels = torch.tensor([0.0, 1.0, 2.0, 5.0]).view(2, 1, 1, 2)
    ((mean, variance),) = moments_of(model, pixels).values()  # not of the linear layer's
    # Of x the mean is 2 and the variance (4 + 1 + 0 + 9) / 4.
    assert mean.tolist() == [5.0, -2.0]
    assert variance.tolist() == [4 * 3.5, 3.5]


def test_behind_batch_norm_they_are_its_bias_and_the_square_of_its_weight(images):
    model = build_model("VGG_A_BatchNorm", 10, architecture={"width": 0.1})
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.data.uniform_(0.5, 2.0)
        norm.bias.data.normal_()
    found = moments_of(model, images)
    assert len(found) == 8
    for norm, (mean, variance) in zip(norms[:4], found.values(), strict=False):
        assert mean.tolist() == pytest.approx(norm.bias[:CHANNELS].tolist(), abs=1e-5)
        # BatchNorm divides by the root of variance + 1e-5: more than 1% of none here.
        assert variance.tolist() == pytest.approx(
            norm.weight[:CHANNELS].square().tolist(), rel=0.01
        )


def test_over_steps_noise_moves_them_as_its_constants_say(images):
    """Behind BatchNorm a has mean 0 and variance 1; with the noise, s a + m with

    mean μ ~ U(−0.5, 0.5), and variance σ² + 0.1² + 0.1² / 3 with σ ~ U(1, 1.25).
    """
    model = build_model("VGG_A_NoisyBatchNorm", 10, architecture={"width": 0.1})
    steps = [next(iter(moments_of(model, images, seed).values())) for seed in range(150)]
    means, variances = (torch.stack(each) for each in zip(*steps, strict=True))
    assert means.abs().max() < 0.51
    assert means.mean().item() == pytest.approx(0, abs=0.05)
    assert means.std().item() == pytest.approx(12**-0.5, rel=0.06)
    own = 0.1**2 + 0.1**2 / 3
    assert 1.0 + own - 0.02 < variances.min().item() < 1.05
    assert 1.5 < variances.max().item() < 1.25**2 + own + 0.02
    # E σ² of U(a, b) is (a² + ab + b²) / 3.
    assert variances.mean().item() == pytest.approx((1 + 1.25 + 1.25**2) / 3 + own, rel=0.02)


def test_they_leave_the_model_as_it_was(images):
    model = build_model("VGG_A_BatchNorm", 10, architecture={"width": 0.1})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    moments_of(model, images[:8])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_pre_hooks for module in model.modules())
