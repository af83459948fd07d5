"""A prepared data set in memory, for training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pj2.data.batches import ImageSet


@dataclass(frozen=True)
class PreparedData:
    """A prepared data set; the tensors are memory-mapped and must not be written to.

    `train_images` and `test_images` are uint8 [N, 32, 32, 3], the labels int64 [N].
    `mean` and `std` are the training split's, per channel, as fractions 0..1. `classes`
    is in label order. `hash` is the content hash.
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    hash: str
    name: str
    source: str

    @property
    def train(self) -> ImageSet:
        """The training split, before any validation images are set aside."""
        return self._image_set(self.train_images, self.train_labels)

    @property
    def test(self) -> ImageSet:
        """The test split."""
        return self._image_set(self.test_images, self.test_labels)

    def _image_set(self, images: torch.Tensor, labels: torch.Tensor) -> ImageSet:
        mean = torch.tensor(self.mean, dtype=torch.float32)
        std = torch.tensor(self.std, dtype=torch.float32)
        return ImageSet(images, torch.arange(len(labels)), labels, mean, std)
