"""BasicCNN: three convolutions and two linear layers."""

from __future__ import annotations

from torch import Tensor, nn

from pj2.models.options import Activation, Width, make_activation, scaled
from pj2.models.registry import register
from pj2.registry import Probability


@register("BasicCNN")
class BasicCNN(nn.Module):
    """``[N, 3, 32, 32]`` images to ``[N, num_classes]`` logits; 1,147,466 parameters for 10.

    Each of the three 3x3 convolutions (32, 64, 128 channels, padding 1) is
    followed by ReLU and 2x2 max-pooling; 512 hidden units.

    Args:
        width: factor on the channels of the convolutions, not on the hidden units.
        batch_norm: BatchNorm between each convolution and its activation.
        dropout: before the logits.
    """

    def __init__(
        self,
        num_classes: int = 10,
        width: Width = 1.0,
        activation: Activation = "relu",
        batch_norm: bool = False,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for units in (32, 64, 128):
            filters = scaled(units, width)
            layers.append(nn.Conv2d(channels, filters, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(filters))
            layers += [make_activation(activation), nn.MaxPool2d(2)]
            channels = filters
        self.features = nn.Sequential(*layers)
        head: list[nn.Module] = [
            nn.Flatten(),
            nn.Linear(channels * 4 * 4, 512),
            make_activation(activation),
        ]
        if dropout:
            head.append(nn.Dropout(dropout))
        self.classifier = nn.Sequential(*head, nn.Linear(512, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images))
        return logits
