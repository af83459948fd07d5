"""The usual training loop: PIL transforms, NCHW, fp32, `.item()` at each step."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.workload import BATCH, pictures, settings_of
from pj2.models.conv import Conv3x3
from pj2.models.registry import build_model


class Pictures(Dataset[Any]):
    """Images decoded in memory, transformed one by one, as torchvision.datasets.CIFAR10 does."""

    def __init__(self, count: int) -> None:
        images, self.labels = pictures(count)
        self.images = [Image.fromarray(image) for image in images]
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), int(self.labels[index])


class PlainLoop:
    """One model with PyTorch's own convolutions, and its training loop."""

    def __init__(self, model: str, count: int, device: torch.device, workers: int = 0) -> None:
        settings = settings_of(model)
        self.device = device
        self.model = _stock(build_model(model, 10, settings.init)).to(device)
        kind = torch.optim.AdamW if settings.optimizer.name == "adamw" else torch.optim.Adam
        self.optimizer = kind(
            self.model.parameters(),
            lr=settings.learning_rate,
            **settings.optimizer.options,
        )
        self.criterion = nn.CrossEntropyLoss(**settings.loss.options)
        self.loader: DataLoader[Any] = DataLoader(
            Pictures(count), BATCH, shuffle=True, num_workers=workers
        )

    def epoch(self) -> float:
        """Train one epoch; return its mean loss."""
        self.model.train()
        total, correct = 0.0, 0
        for images, labels in self.loader:
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            logits = self.model(images)
            loss = self.criterion(logits, labels)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
            correct += (logits.argmax(1) == labels).sum().item()
        return total / len(self.loader)


def _stock(model: nn.Module) -> nn.Module:
    for name, module in list(model.named_modules()):
        if isinstance(module, Conv3x3):
            parent, _, child = name.rpartition(".")
            plain = nn.Conv2d(module.in_channels, module.out_channels, 3, padding=1)
            plain.load_state_dict(module.state_dict())
            setattr(model.get_submodule(parent), child, plain)
    return model
