"""ResidualCNN: a small ResNet for 32x32 images."""

from __future__ import annotations

from torch import Tensor, nn

from pj2.models.options import Activation, Width, make_activation, scaled
from pj2.models.registry import register

_STAGES = ((64, 1), (128, 2), (256, 2))  # channels, stride of the first block
_BLOCKS_PER_STAGE = 2


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm and a shortcut (He et al. 2016, section 3.2).

    ``[N, in, H, W]`` to ``[N, out, H / stride, W / stride]``. The shortcut is
    the identity, or a 1x1 convolution with BatchNorm where the shape changes; without
    one the block is the two convolutions alone.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        stride: int,
        activation: Activation,
        shortcut: bool,
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            make_activation(activation),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module | None = nn.Identity() if shortcut else None
        if shortcut and (stride != 1 or channels_in != channels_out):
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )
        self.activation = make_activation(activation)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.residual(inputs)
        if self.shortcut is not None:
            outputs = outputs + self.shortcut(inputs)
        activated: Tensor = self.activation(outputs)
        return activated


@register("ResidualCNN")
class ResidualCNN(nn.Module):
    """``[N, 3, 32, 32]`` images to ``[N, num_classes]`` logits; 2,816,074 parameters for 10.

    The 8x8 maps are averaged in 2x2 windows. Adaptive pooling would compute the
    same, but its backward pass on CUDA is not deterministic.

    Args:
        width: factor on the channels of every convolution.
        shortcut: whether blocks have shortcuts; without them it is a plain network.
    """

    def __init__(
        self,
        num_classes: int = 10,
        width: Width = 1.0,
        activation: Activation = "relu",
        shortcut: bool = True,
    ) -> None:
        super().__init__()
        channels = scaled(64, width)
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            make_activation(activation),
        )
        blocks: list[nn.Module] = []
        for units, first_stride in _STAGES:
            for index in range(_BLOCKS_PER_STAGE):
                stride = first_stride if index == 0 else 1
                channels_out = scaled(units, width)
                blocks.append(ResidualBlock(channels, channels_out, stride, activation, shortcut))
                channels = channels_out
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(channels * 4 * 4, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.blocks(self.stem(images)))
        return logits
