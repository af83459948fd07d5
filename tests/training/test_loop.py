"""The loop's numbers: stored losses, divergence, observers that change nothing."""

from __future__ import annotations

import math

import pytest
import torch

from pj2.config.study import RunSettings
from pj2.models.registry import build_model
from pj2.training.loop import Learner, train_epoch
from pj2.training.optimizer import make_optimizer


@pytest.fixture
def images(data):
    return data.train


def epoch(images, learning_rate=1e-3, observers=(), epochs=1, **recipe):
    own = {"model": "BasicCNN", "learning_rate": learning_rate, "seed": 0, "batch_size": 32}
    settings = RunSettings(**{**own, "optimizer": {"name": "adamw"}, **recipe})
    model = build_model("BasicCNN", 10, seed=0).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model.parameters(), settings.optimizer, learning_rate)
    for number in range(epochs):
        learner = Learner(model, model, optimizer)
        result = train_epoch(learner, images, settings, number, observers)
    return model, result


# The second epoch's losses, recorded once on a CPU in fp32; a change meant to be
# neutral must keep them.
STORED_LOSSES = [1.70658, 1.80052, 1.68307, 1.70834, 1.71791]


def test_stored_losses(images):
    _, second_epoch = epoch(images, epochs=2)
    assert second_epoch.losses.tolist() == pytest.approx(STORED_LOSSES, abs=1e-4)


def test_a_step_is_the_loss_before_its_update(images):
    """With one batch an epoch, epoch 0's loss is that of the initial weights."""
    plain = {"crop_padding": 0, "horizontal_flip": False}
    _, result = epoch(images, batch_size=len(images), augmentation=plain)
    model = build_model("BasicCNN", 10, seed=0)
    expected = torch.nn.functional.cross_entropy(model(images.inputs(images.images)), images.labels)
    assert result.losses.tolist() == pytest.approx([expected.item()], abs=1e-5)


def test_gradient_norm_is_over_all_parameters(images):
    seen = []

    class Observer:
        def on_step(self, step):
            squares = [(p.grad.double() ** 2).sum() for p in step.model.parameters()]
            seen.append(math.sqrt(sum(squares)))

    _, result = epoch(images, observers=[Observer()])
    assert result.grad_norms.tolist() == pytest.approx(seen, rel=1e-4)


def test_watching_changes_no_bit(images):
    class Observer:
        def __init__(self):
            self.steps = []

        def on_step(self, step):
            self.steps.append((step.index, step.epoch, len(step.labels)))

    observer = Observer()
    watched, with_observer = epoch(images, observers=[observer], epochs=2)
    alone, without = epoch(images, epochs=2)
    assert torch.equal(with_observer.losses, without.losses)
    for name, value in alone.state_dict().items():
        assert torch.equal(watched.state_dict()[name], value)
    assert observer.steps == [(i, i // 5, 32 if i % 5 < 4 else 22) for i in range(10)]


def test_a_loss_that_is_not_finite_ends_the_epoch_before_its_update(images):
    _, result = epoch(images, learning_rate=1e12, optimizer={"name": "sgd"})
    assert result.diverged
    assert 0 < len(result.losses) < 5
    assert torch.isfinite(result.losses).all()
    assert len(result.grad_norms) == len(result.losses)


def test_label_smoothing_reaches_the_loss(images):
    _, plain = epoch(images)
    _, smooth = epoch(images, loss={"label_smoothing": 0.5})
    assert smooth.losses[0] != plain.losses[0]
    assert smooth.losses[0].item() == pytest.approx(plain.losses[0].item(), abs=0.05)
