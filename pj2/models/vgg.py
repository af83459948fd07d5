"""VGG-A for 32x32 images, with and without BatchNorm."""

from __future__ import annotations

from torch import Tensor, nn

from pj2.models.conv import Conv3x3
from pj2.models.options import Activation, Width, make_activation, scaled
from pj2.models.registry import register
from pj2.registry import Probability

# Simonyan and Zisserman 2015, table 1, column A; 0 is 2x2 max-pooling.
_LAYERS_A = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)


@register("VGG_A")
class VGG_A(nn.Module):  # noqa: N801 - the name under which the study publishes it
    """``[N, 3, 32, 32]`` images to ``[N, num_classes]`` logits; 9,750,922 parameters for 10.

    The eight 3x3 convolutions of configuration A, each followed by ReLU; the
    classifier is narrowed to 512 hidden units, since the maps end at 1x1.

    Args:
        width: factor on the channels of every convolution and the classifier's hidden units.
        dropout: after each of the two hidden layers of the classifier.
    """

    def __init__(
        self,
        num_classes: int = 10,
        width: Width = 1.0,
        activation: Activation = "relu",
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for units in _LAYERS_A:
            if units == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            convolution = Conv3x3(channels, scaled(units, width))
            channels = convolution.out_channels
            layers += [convolution, *self._normalise(channels), make_activation(activation)]
        self.features = nn.Sequential(*layers)
        head: list[nn.Module] = [nn.Flatten()]
        for _ in range(2):
            head += [nn.Linear(channels, channels), make_activation(activation)]
            if dropout:
                head.append(nn.Dropout(dropout))
        self.classifier = nn.Sequential(*head, nn.Linear(channels, num_classes))

    def _normalise(self, channels: int) -> list[nn.Module]:
        """Return the layers between a convolution and its ReLU."""
        return []

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images))
        return logits


@register("VGG_A_BatchNorm")
class VGG_A_BatchNorm(VGG_A):  # noqa: N801
    """VGG_A with BatchNorm between each convolution and its ReLU; 9,756,426 parameters for 10."""

    def _normalise(self, channels: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(channels)]
