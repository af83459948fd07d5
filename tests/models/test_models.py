"""Every model: exact size, gradients everywhere, and stored values."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pj2.config.catalogue import MODELS
from pj2.models.inspect import count_macs, count_parameters, first_convolution
from pj2.models.registry import build_model

# Counted by hand from the layer tables: parameters, and multiply-accumulates of
# the convolutions and matrix products of one 32x32 image.
SIZES = {
    "BasicCNN": (1_147_466, 11_375_616),
    "ImprovedCNN": (12_906_250, 538_650_624),
    "ResidualCNN": (2_816_074, 421_240_832),
    "VGG_A": (9_750_922, 153_293_824),
    "VGG_A_BatchNorm": (9_756_426, 153_293_824),
    "VGG_A_NoisyBatchNorm": (9_756_426, 153_293_824),
    "VGG_A_Noisy": (9_750_922, 153_293_824),
}


def inputs(count: int = 2) -> torch.Tensor:
    """A fixed pattern that no random generator is needed for."""
    values = torch.arange(count * 3 * 32 * 32, dtype=torch.float32)
    return torch.sin(values * 0.37).reshape(count, 3, 32, 32)


def test_every_registered_model_is_tested():
    """Here, or in a file of its own, as `pj2 new-model` writes one."""
    assert set(SIZES) <= set(MODELS.modules())
    for name, module in MODELS.modules().items():
        own = Path(__file__).with_name(f"test_{module.rpartition('.')[2]}.py")
        assert name in SIZES or own.exists(), name


@pytest.mark.parametrize("name", SIZES)
def test_size(name):
    model = build_model(name, num_classes=10)
    assert (count_parameters(model), count_macs(model)) == SIZES[name]


@pytest.mark.parametrize("name", SIZES)
def test_forward_and_backward(name):
    model = build_model(name, num_classes=7)
    logits = model(inputs(3))
    assert logits.shape == (3, 7)
    F.cross_entropy(logits, torch.tensor([0, 3, 6])).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name


@pytest.mark.parametrize("name", SIZES)
def test_first_convolution_reads_the_image(name):
    model = build_model(name, num_classes=10)
    assert model.state_dict()[first_convolution(model)].shape[1:] == (3, 3, 3)


@pytest.mark.parametrize("name", SIZES)
def test_seed_alone_decides_the_weights(name):
    torch.manual_seed(123)
    first = build_model(name, 10, seed=5).state_dict()
    torch.manual_seed(321)
    again = build_model(name, 10, seed=5).state_dict()
    other = build_model(name, 10, seed=6).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_building_leaves_the_global_random_state_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    build_model("BasicCNN", 10, seed=9)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", SIZES)
def test_xavier(name):
    model = build_model(name, 10, init="xavier")
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight = module.weight
            fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(weight)
            expected = (2 / (fan_in + fan_out)) ** 0.5
            # Standard error of a standard deviation is sigma / sqrt(2 n); five of them.
            tolerance = 5 * expected / (2 * weight.numel()) ** 0.5
            assert weight.std(correction=0).item() == pytest.approx(expected, abs=tolerance)
            assert module.bias is None or not module.bias.any()


def test_vgg_pair_differs_by_batch_norm_only():
    plain = build_model("VGG_A", 10)
    normed = build_model("VGG_A_BatchNorm", 10)
    kinds = [type(module) for module in normed.features]
    assert [kind for kind in kinds if kind is not nn.BatchNorm2d] == [
        type(module) for module in plain.features
    ]
    for before, after in pairwise(kinds):
        if before is nn.Conv2d:
            assert after is nn.BatchNorm2d


# Logits of the first fixed image in evaluation mode, seed 0, PyTorch's initial
# weights, after one training-mode pass that moves BatchNorm's running statistics.
STORED_LOGITS = {
    "BasicCNN": [0.044796, 0.013419, 0.029166, -0.057141],
    "ImprovedCNN": [0.025625, -0.017829, -0.016197, 0.034546],
    "ResidualCNN": [0.021538, 0.018602, -0.010486, 0.010068],
    "VGG_A": [-0.0276, 0.03973, 0.024326, 0.021249],
    "VGG_A_BatchNorm": [-0.026994, 0.040918, 0.023458, 0.019992],
    "VGG_A_NoisyBatchNorm": [-0.026487, 0.040904, 0.023341, 0.020081],
    "VGG_A_Noisy": [-0.0276, 0.03973, 0.024326, 0.021249],  # VGG_A's: evaluation has no noise
}


@pytest.mark.parametrize("name", SIZES)
def test_stored_logits(name):
    model = build_model(name, 10, seed=0)
    torch.manual_seed(0)  # of the noise and the dropout in that pass
    with torch.no_grad():
        model(inputs(8))
        logits = model.eval()(inputs())[0, :4]
    assert logits.tolist() == pytest.approx(STORED_LOGITS[name], abs=2e-5)


# Counted by hand: without BatchNorm a scale and a shift less for each of the 1,984
# channels and 1,024 hidden units; half the filters in each convolution.
VARIANTS = [
    ("BasicCNN", {"batch_norm": True}, 1_147_466 + 2 * (32 + 64 + 128)),
    ("BasicCNN", {"width": 0.5}, 3 * 16 * 9 + 16 + 16 * 32 * 9 + 32 + 32 * 64 * 9 + 64
     + 64 * 16 * 512 + 512 + 512 * 10 + 10),
    ("BasicCNN", {"activation": "gelu", "dropout": 0.3}, 1_147_466),
    ("ImprovedCNN", {"batch_norm": False}, 12_906_250 - 2 * (64 + 128 + 256 * 2 + 512 * 2 + 1024)),
    ("ImprovedCNN", {"dropout": 0.0}, 12_906_250),
    ("ResidualCNN", {"activation": "silu"}, 2_816_074),
    # The projections of the second and third stage, each with its BatchNorm.
    ("ResidualCNN", {"shortcut": False}, 2_816_074 - 64 * 128 - 256 - 128 * 256 - 512),
    ("VGG_A", {"dropout": 0.5, "activation": "elu"}, 9_750_922),
    ("VGG_A", {"width": 0.25}, 27 * 16 + 16 + 9 * (16 * 32 + 32 * 64 + 64 * 64 + 64 * 128
     + 3 * 128 * 128) + 32 + 2 * 64 + 4 * 128 + 2 * (128 * 128 + 128) + 128 * 10 + 10),
    ("VGG_A_BatchNorm", {"width": 2.0}, 27 * 128 + 128 + 9 * (128 * 256 + 256 * 512 + 512 * 512
     + 512 * 1024 + 3 * 1024**2) + 256 + 2 * 512 + 4 * 1024 + 2 * (1024**2 + 1024)
     + 1024 * 10 + 10 + 2 * (128 + 256 + 2 * 512 + 4 * 1024)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "parameters"), VARIANTS)
def test_options(name, options, parameters):
    model = build_model(name, 10, architecture=options)
    assert count_parameters(model) == parameters
    logits = model(inputs(3))
    F.cross_entropy(logits, torch.tensor([0, 3, 6])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    rates = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    expected = options.get("dropout", 0.5 if name == "ImprovedCNN" else 0)
    assert rates == [expected] * len(rates)
    assert bool(rates) == bool(expected)


def test_an_activation_replaces_every_relu():
    for name in ("BasicCNN", "ImprovedCNN", "ResidualCNN", "VGG_A"):
        kinds = [
            type(m) for m in build_model(name, 10, architecture={"activation": "tanh"}).modules()
        ]
        plain = [type(m) for m in build_model(name, 10).modules()]
        assert kinds == [nn.Tanh if kind is nn.ReLU else kind for kind in plain]


def test_variants_of_a_model_share_the_initial_weights_that_they_share_in_shape():
    """BatchNorm and dropout draw nothing, so that an ablation begins at the same point."""
    normed = [p for p in build_model("ImprovedCNN", 10, seed=3).parameters() if p.dim() > 1]
    plain = build_model("ImprovedCNN", 10, seed=3, architecture={"batch_norm": False})
    others = [p for p in plain.parameters() if p.dim() > 1]
    assert all(torch.equal(one, other) for one, other in zip(normed, others, strict=True))
