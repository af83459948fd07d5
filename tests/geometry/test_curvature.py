"""Curvature against the explicit Hessian of a small network."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, hessian, replace_all_batch_norm_modules_

from pj2.exhibits.curvature.density import common_width, density, fault
from pj2.geometry.curvature import lanczos, measure_curvature, quadrature


@pytest.fixture(scope="module", params=["running", "batch"])
def network(request):
    """A small network with BatchNorm in eval mode, its batches and its Hessian."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(16, 4)
    ).eval()
    parts = 7, 5  # of unequal sizes
    if request.param == "batch":
        replace_all_batch_norm_modules_(model)
        parts = (12,)
    images, labels = torch.randn(12, 1, 4, 4), torch.randint(0, 4, (12,))
    names = [name for name, _ in model.named_parameters()]
    shapes = [parameter.shape for parameter in model.parameters()]
    sizes = [shape.numel() for shape in shapes]

    def loss(flat):
        parts = [p.view(s) for p, s in zip(flat.split(sizes), shapes, strict=True)]
        logits = functional_call(model, dict(zip(names, parts, strict=True)), (images,))
        return F.cross_entropy(logits, labels)

    flat = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    batches = list(zip(images.split(parts), labels.split(parts), strict=True))
    return model, batches, hessian(loss)(flat).double().numpy()


@pytest.fixture(scope="module")
def measured(network):
    model, batches, _ = network
    return measure_curvature(model, batches, eigenvalues=3, vectors=20, lanczos_steps=40, seed=0)


def test_the_ends_of_the_spectrum_are_those_of_the_explicit_hessian(network, measured):
    exact = np.linalg.eigvalsh(network[2])
    np.testing.assert_allclose(measured.largest, exact[::-1][:3], rtol=2e-3)
    np.testing.assert_allclose(measured.smallest, exact[:3], rtol=2e-2)


def test_the_trace_is_within_its_own_error(network, measured):
    error = np.std(measured.traces, ddof=1) / np.sqrt(len(measured.traces))
    assert abs(np.mean(measured.traces) - np.trace(network[2])) < 4 * error
    # The variance of one estimate is at most twice the squared Frobenius norm.
    assert error < 1.5 * np.sqrt(2 / len(measured.traces)) * np.linalg.norm(network[2])


def test_the_density_integrates_to_one_and_has_the_spectrums_mean(network, measured):
    exact = np.linalg.eigvalsh(network[2])
    about = {"config": {"lanczos_steps": 40}}
    part = asdict(measured) | {"about": about}
    width = common_width([part])
    grid, drawn = density(part, width)
    assert fault(part, width, grid, drawn) == ""
    assert np.trapezoid(drawn, grid) == pytest.approx(1.0, abs=1e-6)
    error = np.std(measured.traces, ddof=1) / np.sqrt(len(measured.traces)) / len(exact)
    assert abs(np.trapezoid(drawn * grid, grid) - exact.mean()) < 4 * error
    bumps = np.exp(-0.5 * ((grid - exact[:, None]) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    assert np.trapezoid(abs(drawn - bumps.mean(0)), grid) < 0.1  # of at most 2


def test_lanczos_is_the_gauss_quadrature_of_the_explicit_hessian(network):
    """So many steps have the moments of the start's spectral measure, to twice as many."""
    exact = torch.from_numpy((network[2] + network[2].T) / 2)
    start = torch.randint(0, 2, (len(exact),), generator=torch.Generator().manual_seed(1)) * 2 - 1
    nodes, masses = quadrature(*lanczos(exact, start.double(), 6))
    unit = start.double() / len(exact) ** 0.5
    for power in range(12):
        moment = unit @ torch.linalg.matrix_power(exact, power) @ unit
        assert masses @ nodes**power == pytest.approx(moment.item(), rel=1e-9)


def test_a_mean_far_below_the_range_is_kept():
    """In float32 the eigenvalues of the small matrix would err by more than this mean."""
    nodes, masses = quadrature(np.array([1e-7, 500.0, 400.0]), np.array([1e-2, 300.0]))
    assert masses @ nodes == pytest.approx(1e-7, rel=1e-3)


def test_measuring_leaves_the_model_and_the_randomness(network):
    model, batches, _ = network
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    measure_curvature(model, batches, eigenvalues=1, vectors=2, lanczos_steps=3, seed=0)
    assert torch.equal(torch.get_rng_state(), random)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_same_seed_gives_the_same_numbers(network):
    model, batches, _ = network
    one, two = (
        measure_curvature(model, batches, eigenvalues=1, vectors=2, lanczos_steps=3, seed=5)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.traces, two.traces)
    np.testing.assert_array_equal(one.nodes, two.nodes)


@pytest.mark.parametrize("value", [float("nan"), 1e30, 1e9])
def test_where_a_loss_is_flat_or_not_finite_there_is_no_curvature(value):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4)).eval()
    with torch.no_grad():
        model[1].weight.copy_(torch.randn(4, 16).sign() * value)
    batches = [(torch.randn(5, 1, 4, 4), torch.arange(5) % 4)]
    arguments = {"eigenvalues": 1, "vectors": 2, "lanczos_steps": 3, "seed": 0}
    assert measure_curvature(model, batches, **arguments) is None
