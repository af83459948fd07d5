"""BasicCNN: three convolutions and two linear layers."""

from __future__ import annotations

from torch import Tensor, nn

from pj2.models.registry import register


@register("BasicCNN")
class BasicCNN(nn.Module):
    """``[N, 3, 32, 32]`` images to ``[N, num_classes]`` logits; 1,147,466 parameters for 10.

    Each of the three 3x3 convolutions (32, 64, 128 channels, padding 1) is
    followed by ReLU and 2x2 max-pooling.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in (32, 64, 128):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(128 * 4 * 4, 512), nn.ReLU(), nn.Linear(512, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images))
        return logits
