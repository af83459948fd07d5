"""Curvature against the explicit Hessian of a small network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, hessian

from pj2.geometry.curvature import measure_curvature


@pytest.fixture(scope="module")
def network():
    """A network of 118 parameters with BatchNorm in eval mode, its batches and its Hessian."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(16, 4)
    ).eval()
    images, labels = torch.randn(12, 1, 4, 4), torch.randint(0, 4, (12,))
    names = [name for name, _ in model.named_parameters()]
    shapes = [parameter.shape for parameter in model.parameters()]
    sizes = [shape.numel() for shape in shapes]

    def loss(flat):
        parts = [p.view(s) for p, s in zip(flat.split(sizes), shapes, strict=True)]
        logits = functional_call(model, dict(zip(names, parts, strict=True)), (images,))
        return F.cross_entropy(logits, labels)

    flat = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    batches = [(images[:7], labels[:7]), (images[7:], labels[7:])]  # of unequal sizes
    return model, batches, hessian(loss)(flat).double().numpy()


@pytest.fixture(scope="module")
def measured(network):
    model, batches, _ = network
    return measure_curvature(
        model, batches, eigenvalues=3, trace_vectors=120, lanczos_steps=40, seed=0
    )


def test_the_ends_of_the_spectrum_are_those_of_the_explicit_hessian(network, measured):
    exact = np.linalg.eigvalsh(network[2])
    np.testing.assert_allclose(measured.largest, exact[::-1][:3], rtol=2e-3)
    np.testing.assert_allclose(measured.smallest, exact[:3], rtol=2e-2)


def test_the_trace_is_within_its_own_error(network, measured):
    error = measured.traces.std(ddof=1) / np.sqrt(len(measured.traces))
    assert abs(measured.traces.mean() - np.trace(network[2])) < 4 * error
    assert error < 0.2 * np.trace(network[2])


def test_the_density_integrates_to_one_and_has_the_spectrums_mean(network, measured):
    mass = np.trapezoid(measured.density, measured.grid)
    assert mass == pytest.approx(1.0, abs=0.05)


def test_measuring_leaves_the_model_and_the_randomness(network):
    model, batches, _ = network
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    measure_curvature(model, batches, eigenvalues=1, trace_vectors=2, lanczos_steps=3, seed=0)
    assert torch.equal(torch.get_rng_state(), random)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_same_seed_gives_the_same_numbers(network):
    model, batches, _ = network
    one, two = (
        measure_curvature(model, batches, eigenvalues=1, trace_vectors=2, lanczos_steps=3, seed=5)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.traces, two.traces)
    np.testing.assert_array_equal(one.density, two.density)


@pytest.mark.parametrize("value", [float("nan"), 1e30, 1e9])
def test_where_a_loss_is_flat_or_not_finite_there_is_no_curvature(value):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4)).eval()
    with torch.no_grad():
        model[1].weight.copy_(torch.randn(4, 16).sign() * value)
    batches = [(torch.randn(5, 1, 4, 4), torch.arange(5) % 4)]
    arguments = {"eigenvalues": 1, "trace_vectors": 2, "lanczos_steps": 3, "seed": 0}
    assert measure_curvature(model, batches, **arguments) is None
