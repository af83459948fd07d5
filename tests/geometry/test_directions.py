"""Filter normalisation against norms computed by hand."""

from __future__ import annotations

import torch

from pj2.geometry.directions import filter_normalised, random_direction
from pj2.models.registry import build_model


def test_each_filter_has_the_norm_of_its_weights():
    weights = torch.tensor([[[[3.0, 4.0]]], [[[0.0, 2.0]]]])  # two filters, norms 5 and 2
    along = torch.tensor([[[[1.0, 0.0]]], [[[1.0, 1.0]]]])
    (scaled,) = filter_normalised([along], [weights])
    expected = torch.tensor([[[[5.0, 0.0]]], [[[2**0.5, 2**0.5]]]])
    torch.testing.assert_close(scaled, expected)


def test_rows_of_fully_connected_layers_are_filters():
    weights = torch.tensor([[3.0, 4.0], [6.0, 8.0]])
    (scaled,) = filter_normalised([torch.ones(2, 2)], [weights])
    torch.testing.assert_close(scaled.norm(dim=1), torch.tensor([5.0, 10.0]))


def test_biases_and_batch_norm_stay_and_a_filter_of_zeros_does_not_explode():
    model = build_model("VGG_A_BatchNorm", 10, seed=0)
    with torch.no_grad():
        model.features[0].weight[0] = 0.0
    direction = random_direction(list(model.parameters()), seed=1)
    for (name, weights), along in zip(model.named_parameters(), direction, strict=True):
        if weights.dim() == 1:
            assert not along.any(), name
            continue
        torch.testing.assert_close(along.flatten(1).norm(dim=1), weights.flatten(1).norm(dim=1))
    assert not direction[0][0].any()


def test_models_of_equal_shapes_share_the_raw_direction():
    plain = list(build_model("VGG_A", 10, seed=0).parameters())
    normed = list(build_model("VGG_A_BatchNorm", 10, seed=0).parameters())
    ours = [d for d, p in zip(random_direction(plain, 7), plain, strict=True) if p.dim() > 1]
    theirs = [d for d, p in zip(random_direction(normed, 7), normed, strict=True) if p.dim() > 1]
    for one, two in zip(ours, theirs, strict=True):
        units = [each.flatten(1) / each.flatten(1).norm(dim=1, keepdim=True) for each in (one, two)]
        torch.testing.assert_close(*units)
    assert not torch.equal(random_direction(plain, 7)[0], random_direction(plain, 8)[0])
