"""Definition 2.1 on a network of two numbers, by hand."""

from __future__ import annotations

import pytest
import torch

from pj2.geometry.covariate_shift import covariate_shift
from pj2.geometry.objective import loss_and_gradient


def test_two_layers_by_hand():
    """L = ½ (v w x − y)², with layers w then v: G of v is (v w x − y) w x."""
    x, y = 2.0, 1.0

    def loss(point):
        w, v = point
        return 0.5 * (v * w * x - y).pow(2).sum()

    old = [torch.tensor([3.0]), torch.tensor([0.5])]
    new = [torch.tensor([2.0]), torch.tensor([0.4])]
    _, gradient = loss_and_gradient(loss, old)
    first, second = covariate_shift(loss, old, new, gradient, [0, 1])
    before = (0.5 * 3 * x - y) * 3 * x
    after = (0.5 * 2 * x - y) * 2 * x  # w is new, v is old
    assert second.difference == pytest.approx(abs(after - before))
    assert second.gradient_norm == pytest.approx(abs(before))
    assert second.cosine == pytest.approx(1.0)
    assert (first.difference, first.cosine) == (0.0, pytest.approx(1.0))


def test_layers_after_the_one_measured_stay_old():
    def loss(point):
        a, b, c = point
        return (a * b * c).sum() ** 2 / 2

    old = [torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0]), torch.tensor([2.0, 0.3])]
    new = [part - 0.1 for part in old]
    _, gradient = loss_and_gradient(loss, old)
    (shift,) = covariate_shift(loss, old, new, gradient, [1])
    a, b, c = new[0], old[1], old[2]
    after = (a * b * c).sum() * a * c
    assert shift.difference == pytest.approx((after - gradient[1]).norm().item(), rel=1e-6)
    cosine = torch.cosine_similarity(after, gradient[1], dim=0)
    assert shift.cosine == pytest.approx(cosine.item(), rel=1e-6)
