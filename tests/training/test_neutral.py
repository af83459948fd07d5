"""The engine computes what a plain loop computes, in fp32, step by step.

The plain loop is that of PyTorch's tutorials: one image at a time through
torchvision's transforms, NCHW, stock convolutions, an optimizer without fusion.
Only the random draws are the engine's. Each step starts from the engine's
weights, since training would enlarge a difference in the last bit to any size.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.functional import crop, hflip, normalize, pad, to_tensor

from pj2.config.study import RunSettings
from pj2.data.augment import draw_crops
from pj2.data.randomness import derive_seed, generator
from pj2.models.conv import Conv3x3
from pj2.models.registry import build_model
from pj2.training.observers import Step
from pj2.training.trainer import Trainer

# Sums in another order change the last bits of a loss and of an update; of a gradient
# also which side of zero a ReLU's input falls on, now and then.
LOSS, GRADIENT, UPDATE = 5e-6, 2e-2, 1e-6
OPTIMIZERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def stock(model: nn.Module) -> nn.Module:
    """Replace the project's convolutions by PyTorch's."""
    for name, module in list(model.named_modules()):
        if isinstance(module, Conv3x3):
            parent, _, child = name.rpartition(".")
            plain = nn.Conv2d(module.in_channels, module.out_channels, 3, padding=1)
            setattr(model.get_submodule(parent), child, plain)
    return model.train()


class PlainLoop:
    """An observer that computes every step again, the plain way, and keeps the differences."""

    def __init__(self, settings: RunSettings, data, kept: Tensor) -> None:
        self.settings, self.data, self.kept = settings, data, kept
        self.model = stock(build_model(settings.model, 10))
        self.optimizer = OPTIMIZERS[settings.optimizer.name](
            self.model.parameters(),
            settings.learning_rate,
            foreach=False,
            fused=False,
            **settings.optimizer.options,
        )
        self.order = torch.randperm(len(kept), generator=generator(settings.seed, "order", 0))
        self.draws = draw_crops(len(kept), 4, True, generator(settings.seed, "augmentation", 0))
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed(settings.seed, "dropout", 0))
            self.random = torch.get_rng_state()
        self.losses: list[tuple[float, float]] = []
        self.gradients: list[float] = []
        self.updates: list[float] = []

    def on_step(self, step: Step) -> None:
        weights = dict(step.model.named_parameters())
        if step.index:  # where the plain update led, and where the engine's did
            self.updates += [
                _distance(p, weights[name]) for name, p in self.model.named_parameters()
            ]
        self.model.load_state_dict(step.model.state_dict())
        images, labels = self.batch(step.index)
        with torch.random.fork_rng():
            torch.set_rng_state(self.random)
            logits = self.model(images)
            self.random = torch.get_rng_state()
        smoothing = self.settings.loss.label_smoothing
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.losses.append((step.loss.item(), loss.item()))
        found = [weights[name].grad for name, _ in self.model.named_parameters()]
        plain = [p.grad for p in self.model.parameters()]
        self.gradients.append(
            _distance(
                torch.cat([g.flatten() for g in found]), torch.cat([g.flatten() for g in plain])
            )
        )
        for mine, engine in zip(self.model.parameters(), found, strict=True):
            mine.grad.copy_(engine)
        self.optimizer.step()

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        size, pictures = self.settings.batch_size, self.data.train_images.numpy()
        images, chosen = [], []
        for place in range(index * size, min((index + 1) * size, len(self.kept))):
            chosen.append(int(self.kept[self.order[place]]))
            image = pad(to_tensor(pictures[chosen[-1]]), 4)
            image = crop(image, int(self.draws.top[place]), int(self.draws.left[place]), 32, 32)
            image = hflip(image) if self.draws.flip[place] else image
            images.append(normalize(image, self.data.mean, self.data.std))
        return torch.stack(images), self.data.train_labels[chosen]


def _distance(one: Tensor, other: Tensor) -> float:
    return ((one - other).detach().norm() / other.detach().norm().clamp_min(1e-12)).item()


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("BasicCNN", {"optimizer": {"name": "adamw", "weight_decay": 5e-4}}),
        ("ImprovedCNN", {"loss": {"label_smoothing": 0.1}}),
        ("ResidualCNN", {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True}}),
        ("VGG_A", {"init": "xavier"}),
        ("VGG_A_BatchNorm", {"init": "xavier"}),
    ],
)
def test_every_step_is_that_of_a_plain_loop(data, model, changes):
    settings = RunSettings(
        **{"model": model, "learning_rate": 1e-3, "seed": 3, "batch_size": 27, **changes}
    )
    trainer = Trainer(settings, data, torch.device("cpu"))
    plain = PlainLoop(settings, data, trainer.train.rows)
    recorded = trainer.train_epoch([plain])
    assert recorded.losses.tolist() == [ours for ours, _ in plain.losses]
    assert len(plain.losses) == 5
    for ours, theirs in plain.losses:
        assert ours == pytest.approx(theirs, rel=LOSS)
    assert max(plain.gradients) < GRADIENT
    assert max(plain.updates) < UPDATE
