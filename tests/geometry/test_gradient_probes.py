"""Probes against closed forms, and the promise that they leave no trace."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pj2.geometry.objective import batch_objective, loss_and_gradient
from pj2.geometry.probes import probe_direction, step_lengths
from pj2.models.registry import build_model


def quadratic(dtype):
    """L(θ) = ½ θᵀHθ + bᵀθ over two parts of 6 and 4 numbers, a point, H and b."""
    source = torch.Generator().manual_seed(0)
    root = torch.randn(10, 10, generator=source, dtype=torch.float64)
    hessian = ((root + root.T) / 2).to(dtype)  # of either sign
    linear = torch.randn(10, generator=source, dtype=torch.float64).to(dtype)
    flat = torch.randn(10, generator=source, dtype=torch.float64).to(dtype)

    def loss(point):
        theta = torch.cat([part.flatten() for part in point])
        return 0.5 * theta @ hessian @ theta + linear @ theta

    return loss, [flat[:6].view(2, 3), flat[6:]], hessian, linear


def flat(point):
    return torch.cat([part.flatten() for part in point])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_on_a_quadratic_every_quantity_is_the_closed_form(dtype, tolerance):
    loss, point, hessian, linear = quadratic(dtype)
    start, gradient = loss_and_gradient(loss, point)
    theta = flat(point)
    torch.testing.assert_close(flat(gradient), hessian @ theta + linear)
    lengths = step_lengths(0.1, 0.5, 4, 8)
    found = probe_direction(loss, point, (start.item(), gradient), gradient, lengths)
    slope, curve = flat(gradient).double(), (hessian @ flat(gradient)).double()
    squared, bend = (slope @ slope).item(), (slope @ curve).item()
    expected = start.item() - lengths * squared + 0.5 * lengths**2 * bend
    np.testing.assert_allclose(found.losses, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(
        found.gradient_distances, lengths * curve.norm().item(), rtol=tolerance
    )
    assert found.smoothness == pytest.approx((curve.norm() / slope.norm()).item(), rel=tolerance)
    assert found.gradient_norm == pytest.approx(slope.norm().item(), rel=tolerance)


def test_another_direction_has_its_own_norm():
    loss, point, hessian, _ = quadratic(torch.float64)
    start, gradient = loss_and_gradient(loss, point)
    other = [torch.ones_like(part) for part in point]
    found = probe_direction(loss, point, (start.item(), gradient), other, np.array([0.2, 0.4]))
    expected = (hessian @ flat(other)).norm() / flat(other).norm()
    assert found.smoothness == pytest.approx(expected.item(), rel=1e-10)


def test_step_lengths_are_even_in_their_logarithm():
    lengths = step_lengths(0.1, 0.5, 4, 4)
    np.testing.assert_allclose(lengths, [0.05, 0.1, 0.2, 0.4])


@pytest.fixture(params=["VGG_A_BatchNorm", "ImprovedCNN"])
def batch(request):
    """A model in train mode, the second with dropout, and a batch."""
    model = build_model(request.param, 10, seed=0).train()
    source = torch.Generator().manual_seed(1)
    images = torch.randn(8, 3, 32, 32, generator=source)
    return model, images, torch.arange(8)


def test_the_loss_is_the_models_own_in_train_mode(batch):
    model, images, labels = batch
    smoothed = partial(F.cross_entropy, label_smoothing=0.1)
    objective = batch_objective(model, images, labels, smoothed, seed=3)
    found = objective(list(model.parameters()))
    torch.manual_seed(3)
    expected = smoothed(model(images), labels)
    torch.testing.assert_close(found, expected)


def test_looking_around_leaves_model_gradients_and_randomness_bit_for_bit(batch):
    model, images, labels = batch
    F.cross_entropy(model(images), labels).backward()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    slopes = [parameter.grad.clone() for parameter in model.parameters()]
    random = torch.get_rng_state()
    point = list(model.parameters())
    objective = batch_objective(model, images, labels, F.cross_entropy, seed=3)
    loss, gradient = loss_and_gradient(objective, point)
    lengths = step_lengths(0.1, 0.5, 4, 3)
    probe_direction(objective, point, (loss.item(), gradient), gradient, lengths)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    for parameter, slope in zip(model.parameters(), slopes, strict=True):
        assert torch.equal(parameter.grad, slope)
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training


def test_every_point_sees_the_same_dropout_mask_and_statistics(batch):
    model, images, labels = batch
    objective = batch_objective(model, images, labels, F.cross_entropy, seed=3)
    point = list(model.parameters())
    assert torch.equal(objective(point), objective(point))
