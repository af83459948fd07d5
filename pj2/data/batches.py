"""A split of the prepared data as batches for one device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pj2.config.schema import AugmentationConfig
from pj2.data.augment import crop_and_flip, draw_crops, normalise
from pj2.data.randomness import generator

# How many images are augmented at once: several batches, since each training step
# replaces what augmentation needs in the processor's caches.
_TOGETHER = 1024


@dataclass(frozen=True)
class ImageSet:
    """Some of the images of a split, kept as bytes, and the constants that normalise them.

    ``images``: uint8 ``[M, 32, 32, 3]``, the whole split, which subsets share
    and must not write to; ``rows``: int64 ``[N]``, which of them belong to the
    set, on the CPU; ``labels``: int64 ``[N]``; ``mean`` and ``std``: float32
    ``[3]``; all but the rows on one device.
    """

    images: Tensor
    rows: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> ImageSet:
        """Return the same set on another device."""
        return ImageSet(
            self.images.to(device),
            self.rows,
            self.labels.to(device),
            self.mean.to(device),
            self.std.to(device),
        )

    def subset(self, indices: Tensor) -> ImageSet:
        """Return the images at `indices` (int64), in that order."""
        chosen = indices.to(self.labels.device)
        return replace(self, rows=self.rows[indices.cpu()], labels=self.labels[chosen])

    def inputs(self, images: Tensor) -> Tensor:
        """Normalise bytes into a model's input: float32, channels last."""
        return normalise(images, self.mean, self.std)

    def epoch(
        self,
        batch_size: int,
        augmentation: AugmentationConfig,
        seed: int,
        epoch: int,
        first: int = 0,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch of augmented training batches, in the order `seed` decides.

        The batches before `first` are skipped, which does not change the others.

        The last batch is smaller where the sizes do not divide, as it is in a
        DataLoader; a single left-over image is dropped, since BatchNorm has no
        variance to compute from it.
        """
        padding = augmentation.crop_padding
        order = torch.randperm(len(self), generator=generator(seed, "order", epoch))
        crops = draw_crops(
            len(self),
            padding,
            augmentation.horizontal_flip,
            generator(seed, "augmentation", epoch),
        )
        bounds = batch_bounds(len(self), batch_size)[first:]
        together = max(1, _TOGETHER // batch_size)
        for group in (bounds[i : i + together] for i in range(0, len(bounds), together)):
            start, stop = group[0][0], group[-1][1]
            chosen = order[start:stop]
            rows = self.rows[chosen]
            inputs = self.inputs(crop_and_flip(self.images, rows, crops[start:stop], padding))
            labels = self.labels[chosen.to(self.labels.device)]
            for begin, end in group:
                yield inputs[begin - start : end - start], labels[begin - start : end - start]

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all images once, in order, without augmentation."""
        for start in range(0, len(self), batch_size):
            part = slice(start, start + batch_size)
            rows = self.rows[part].to(self.images.device)
            yield self.inputs(self.images.index_select(0, rows)), self.labels[part]


def batch_bounds(count: int, batch_size: int) -> list[tuple[int, int]]:
    """Return where each training batch of an epoch starts and stops."""
    bounds = [(s, min(s + batch_size, count)) for s in range(0, count, batch_size)]
    if len(bounds) > 1 and bounds[-1][1] - bounds[-1][0] == 1:
        bounds.pop()
    return bounds
