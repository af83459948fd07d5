"""The 3x3 convolution is nn.Conv2d's, whatever way it is computed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pj2.models.conv import Conv3x3, use_plain_convolutions
from pj2.models.registry import build_model


def layers(channels_in=6, channels_out=5):
    torch.manual_seed(0)
    ours = Conv3x3(channels_in, channels_out)
    torch.manual_seed(0)
    return ours, nn.Conv2d(channels_in, channels_out, 3, padding=1)


def test_parameters_and_their_draw_are_those_of_conv2d():
    ours, theirs = layers()
    assert isinstance(ours, nn.Conv2d)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_results_and_gradients_are_those_of_conv2d(side, layout):
    ours, theirs = (layer.double().to(memory_format=layout) for layer in layers())
    images = torch.randn(7, 6, side, side, dtype=torch.float64).contiguous(memory_format=layout)
    weights = torch.randn(7, 5, side, side, dtype=torch.float64)
    found = []
    for layer in (ours, theirs):
        inputs = images.clone().requires_grad_()
        result = layer(inputs)
        (result.tanh() * weights).sum().backward()
        found.append((result, inputs.grad, layer.weight.grad, layer.bias.grad))
    for mine, other in zip(*found, strict=True):
        assert mine.shape == other.shape
        assert torch.allclose(mine, other, atol=1e-10)


def test_small_maps_take_the_matrix_product(monkeypatch):
    ours, _ = layers()
    monkeypatch.setattr(nn.Conv2d, "forward", lambda layer, images: "conv2d")
    assert ours(torch.randn(2, 6, 5, 4)) == "conv2d"
    assert ours(torch.randn(2, 6, 4, 4)).shape == (2, 5, 4, 4)
    assert ours(torch.randn(2, 6, 4, 4, device="meta")) == "conv2d"


def test_first_and_second_derivatives_are_right():
    torch.manual_seed(0)
    images = torch.randn(2, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)

    def layer(images, weight, bias):
        ours = Conv3x3(2, 3).double()
        return torch.func.functional_call(ours, {"weight": weight, "bias": bias}, (images,))

    assert torch.autograd.gradcheck(layer, (images, weight, bias))
    assert torch.autograd.gradgradcheck(layer, (images, weight, bias))


def test_autocast_is_obeyed_and_as_near_to_fp32_as_conv2d():
    ours, theirs = layers(64, 32)
    images = torch.randn(16, 64, 4, 4)
    exact = F.conv2d(images.double(), theirs.weight.double(), theirs.bias.double(), padding=1)
    exact_grad = torch.autograd.functional.vjp(
        lambda x: F.conv2d(x, theirs.weight.double(), None, padding=1), images.double(), exact
    )[1]
    errors = []
    for layer in (ours, theirs):
        inputs = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            result = layer(inputs)
        assert result.dtype == torch.bfloat16
        result.backward(exact.to(torch.bfloat16))
        assert layer.weight.grad.dtype == torch.float32
        errors.append(
            [
                (result.double() - exact).norm() / exact.norm(),
                (inputs.grad.double() - exact_grad).norm() / exact_grad.norm(),
            ]
        )
    for mine, other in zip(*errors, strict=True):
        assert mine < 1.5 * other


def test_vgg_is_the_network_of_stock_convolutions():
    """Logits and gradients of VGG_A, small maps and all, against F.conv2d in fp32."""
    model = build_model("VGG_A", 10, seed=3)
    stock = build_model("VGG_A", 10, seed=3)
    for name, module in list(stock.features.named_children()):
        if isinstance(module, Conv3x3):
            plain = nn.Conv2d(module.in_channels, module.out_channels, 3, padding=1)
            plain.load_state_dict(module.state_dict())
            setattr(stock.features, name, plain)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([1, 5, 9, 0])
    for network in (model, stock):
        F.cross_entropy(network(images), labels).backward()
    assert torch.allclose(model(images), stock(images), atol=1e-6)
    for mine, other in zip(model.parameters(), stock.parameters(), strict=True):
        assert torch.allclose(mine.grad, other.grad, atol=1e-6, rtol=1e-4)


def test_made_plain_a_model_computes_the_same():
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model = build_model("VGG_A", 10, seed=0).eval()
    expected = model(images)
    use_plain_convolutions(model)
    assert not any(isinstance(module, Conv3x3) for module in model.modules())
    torch.testing.assert_close(model(images), expected, rtol=1e-4, atol=1e-6)
