"""ImprovedCNN: six convolutions with BatchNorm, and dropout before the logits."""

from __future__ import annotations

from torch import Tensor, nn

from pj2.models.options import Activation, Width, make_activation, scaled
from pj2.models.registry import register
from pj2.registry import Probability

_STAGES = ((64, 128), (256, 256), (512, 512))


@register("ImprovedCNN")
class ImprovedCNN(nn.Module):
    """``[N, 3, 32, 32]`` images to ``[N, num_classes]`` logits; 12,906,250 parameters for 10.

    Three stages of two 3x3 convolutions, each followed by BatchNorm and ReLU,
    each stage by 2x2 max-pooling; then 1,024 hidden units with BatchNorm and
    dropout 0.5. The convolutions keep their bias, which BatchNorm makes
    redundant, so that the parameter count is the published one.

    Args:
        width: factor on the channels of the convolutions, not on the hidden units.
        batch_norm: without it, both kinds of BatchNorm are left out.
    """

    def __init__(
        self,
        num_classes: int = 10,
        width: Width = 1.0,
        activation: Activation = "relu",
        batch_norm: bool = True,
        dropout: Probability = 0.5,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in _STAGES:
            for units in stage:
                filters = scaled(units, width)
                layers.append(nn.Conv2d(channels, filters, 3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(filters))
                layers.append(make_activation(activation))
                channels = filters
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        head: list[nn.Module] = [nn.Flatten(), nn.Linear(channels * 4 * 4, 1024)]
        if batch_norm:
            head.append(nn.BatchNorm1d(1024))
        head.append(make_activation(activation))
        if dropout:
            head.append(nn.Dropout(dropout))
        self.classifier = nn.Sequential(*head, nn.Linear(1024, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images))
        return logits
