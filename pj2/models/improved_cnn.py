"""ImprovedCNN: six convolutions with BatchNorm, and dropout before the logits."""

from __future__ import annotations

from torch import Tensor, nn

from pj2.models.registry import register

_STAGES = ((64, 128), (256, 256), (512, 512))


@register("ImprovedCNN")
class ImprovedCNN(nn.Module):
    """``[N, 3, 32, 32]`` images to ``[N, num_classes]`` logits; 12,906,250 parameters for 10.

    Three stages of two 3x3 convolutions, each followed by BatchNorm and ReLU,
    each stage by 2x2 max-pooling; then 1,024 hidden units with BatchNorm and
    dropout 0.5. The convolutions keep their bias, which BatchNorm makes
    redundant, so that the parameter count is the published one.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in _STAGES:
            for width in stage:
                layers += [
                    nn.Conv2d(channels, width, 3, padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(512 * 4 * 4, 1024),
            nn.BatchNorm1d(1024),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(1024, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images))
        return logits
