"""A CUDA graph is used only where it gives the gradients of the step without it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pj2.models.registry import build_model
from pj2.training.forward import Forward
from pj2.training.graphs import with_cuda_graph


@pytest.fixture
def forward():
    """BatchNorm has statistics that trial steps would change, dropout draws."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(), nn.Linear(3600, 10)
    )
    return Forward(model, "fp32").train()


@pytest.fixture
def batch():
    source = torch.Generator().manual_seed(1)
    return torch.randn(6, 3, 32, 32, generator=source), torch.arange(6)


class Recorded(nn.Module):
    """Stands for a captured graph; it takes batches of one size, and counts them."""

    def __init__(self, module, images, factor=1.0):
        super().__init__()
        self.module, self.shape, self.factor, self.calls = module, images.shape, factor, 0

    def forward(self, images):
        assert images.shape == self.shape
        self.calls += 1
        return self.module(images) * self.factor


def capture_with(factor, made):
    def capture(module, arguments):
        module(*arguments).sum().backward()  # a capture runs the module, too
        made.append(Recorded(module, *arguments, factor))
        return made[0]

    return capture


def test_a_graph_that_agrees_is_used_for_whole_batches(forward, batch):
    made, said = [], []
    logits = with_cuda_graph(forward, *batch, said.append, capture_with(1.0, made))
    tried = made[0].calls
    torch.manual_seed(5)
    found = logits(batch[0])
    torch.manual_seed(5)
    assert torch.equal(found, forward(batch[0]))
    assert logits(batch[0][:2]).shape == (2, 10)
    assert made[0].calls == tried + 1
    assert said == []


def test_a_graph_that_computes_something_else_is_refused(forward, batch):
    said = []
    assert with_cuda_graph(forward, *batch, said.append, capture_with(1.1, [])) is forward
    assert len(said) == 1
    assert "gradients" in said[0]


def test_where_nothing_can_be_captured_the_step_is_as_it_was(forward, batch):
    said = []

    def capture(module, arguments):
        raise RuntimeError("CUDA error: operation not permitted\nwhen the stream is capturing")

    assert with_cuda_graph(forward, *batch, said.append, capture) is forward
    assert said == ["no CUDA graph: CUDA error: operation not permitted"]


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_trying_changes_neither_statistics_nor_gradients_nor_random_state(forward, batch, factor):
    state = {name: value.clone() for name, value in forward.state_dict().items()}
    random = torch.get_rng_state()
    with_cuda_graph(forward, *batch, [].append, capture_with(factor, []))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(forward.state_dict()[name], value) for name, value in state.items())
    assert all(p.grad is None for p in forward.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ["BasicCNN", "ImprovedCNN", "VGG_A_BatchNorm"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_on_a_gpu_a_graph_is_captured_and_trains_as_without(name, precision):
    device = torch.device("cuda")
    images = torch.randn(64, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (64,), device=device)
    losses = []
    for graphed in (False, True):
        model = build_model(name, 10).to(device).to(memory_format=torch.channels_last).train()
        forward, said = Forward(model, precision).train(), []
        logits = with_cuda_graph(forward, images, labels, said.append) if graphed else forward
        assert said == []
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        torch.manual_seed(0)
        for _ in range(5):
            loss = F.cross_entropy(logits(images), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
