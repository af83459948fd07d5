"""Definition 2.1 on networks of a few numbers, by hand, and which layers come before which."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pj2.geometry.covariate_shift import covariate_shift, predecessors
from pj2.geometry.objective import batch_objective, loss_and_gradient
from pj2.models.registry import build_model
from pj2.training.probing import weight_layers


def test_two_layers_by_hand():
    """L = ½ (v w x − y)², with layers w then v: G of v is (v w x − y) w x."""
    x, y = 2.0, 1.0

    def loss(point):
        w, v = point
        return 0.5 * (v * w * x - y).pow(2).sum()

    old = [torch.tensor([3.0]), torch.tensor([0.5])]
    new = [torch.tensor([2.0]), torch.tensor([0.4])]
    _, gradient = loss_and_gradient(loss, old)
    first, second = covariate_shift(loss, old, new, gradient, {0: set(), 1: {0}})
    before = (0.5 * 3 * x - y) * 3 * x
    after = (0.5 * 2 * x - y) * 2 * x  # w is new, v is old
    assert second.difference == pytest.approx(abs(after - before))
    assert second.cosine == pytest.approx(1.0)
    assert (first.difference, first.cosine) == (0.0, pytest.approx(1.0))


def test_layers_after_the_one_measured_stay_old():
    def loss(point):
        a, b, c = point
        return (a * b * c).sum() ** 2 / 2

    old = [torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0]), torch.tensor([2.0, 0.3])]
    new = [part - 0.1 for part in old]
    _, gradient = loss_and_gradient(loss, old)
    (shift,) = covariate_shift(loss, old, new, gradient, {1: {0}})
    a, b, c = new[0], old[1], old[2]
    after = (a * b * c).sum() * a * c
    assert shift.difference == pytest.approx((after - gradient[1]).norm().item(), rel=1e-6)
    cosine = torch.cosine_similarity(after, gradient[1], dim=0)
    assert shift.cosine == pytest.approx(cosine.item(), rel=1e-6)


def test_a_shortcut_comes_after_the_layers_before_its_block_alone():
    """L = ½ z², z = c b a x + s a x: of s, ∂L/∂s = z a x, with a new and b, c old."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in ("a", "b", "c", "s", "end"):
                self.add_module(name, nn.Linear(1, 1, bias=False))

        def forward(self, inputs):
            inside = self.a(inputs)
            return self.end(self.c(self.b(inside)) + self.s(inside))

    model, x = Block(), torch.tensor([[2.0]])
    old = [torch.tensor([[value]]) for value in (0.5, 2.0, 3.0, 1.0, 1.0)]
    new = [torch.tensor([[value]]) for value in (0.4, 1.0, 1.0, 0.2, 0.3)]
    objective = batch_objective(model, x, torch.tensor([0]), lambda out, _: out.square().sum() / 2)
    before = predecessors(model, objective, old, weight_layers(model))
    assert before == {0: set(), 1: {0}, 2: {0, 1}, 3: {0}, 4: {0, 1, 2, 3}}
    _, gradient = loss_and_gradient(objective, old)
    shifts = dict(zip("abcse", covariate_shift(objective, old, new, gradient, before), strict=True))

    def slopes(a, b, c, s):
        z = (c * b + s) * a * 2
        return {"c": z * b * a * 2, "s": z * a * 2}

    now = slopes(0.5, 2, 3, 1)
    assert shifts["s"].difference == pytest.approx(abs(slopes(0.4, 2, 3, 1)["s"] - now["s"]))
    assert shifts["c"].difference == pytest.approx(abs(slopes(0.4, 1, 3, 1)["c"] - now["c"]))


def before_each_layer(name):
    model = build_model(name, 10, architecture={"width": 0.05})
    point = [parameter.detach() for parameter in model.parameters()]
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([0, 1])
    objective = batch_objective(model, images, labels, F.cross_entropy)
    names = [name for name, _ in model.named_parameters()]
    return names, predecessors(model, objective, point, weight_layers(model))


@pytest.mark.parametrize("name", ["VGG_A_NoisyBatchNorm", "ImprovedCNN"])
def test_without_branches_all_parameters_before_a_layer_come_before_it(name):
    _, found = before_each_layer(name)
    assert found == {place: set(range(place)) for place in found}


def test_the_blocks_of_a_residual_network():
    names, found = before_each_layer("ResidualCNN")

    def places(*starts):
        return {place for place, name in enumerate(names) if name.startswith(starts)}

    before = {names[place]: of for place, of in found.items()}
    block = "blocks.2"
    outside = places("stem", "blocks.0", "blocks.1")
    first = places(f"{block}.residual.0", f"{block}.residual.1")
    assert before[f"{block}.residual.0.weight"] == outside
    assert before[f"{block}.shortcut.0.weight"] == outside
    assert before[f"{block}.residual.3.weight"] == outside | first
    assert before["blocks.3.residual.0.weight"] == outside | places(block)
