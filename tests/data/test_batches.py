"""Epochs of batches: every image once, in an order that seed and epoch decide."""

from __future__ import annotations

import pytest
import torch

from pj2.config.schema import AugmentationConfig
from pj2.data.batches import ImageSet, batch_bounds
from pj2.data.randomness import derive_seed, generator

STORED_SEED = 2723741169552378311  # another value would change every run that was ever made
NONE = AugmentationConfig(crop_padding=0, horizontal_flip=False)


@pytest.fixture
def images():
    """50 images that carry their index as label and brightness."""
    index = torch.arange(50)
    pixels = index.to(torch.uint8)[:, None, None, None].expand(50, 32, 32, 3).contiguous()
    return ImageSet(pixels, index, index, torch.zeros(3), torch.full((3,), 1 / 255))


def order(images, seed=0, epoch=0, augmentation=NONE, size=16):
    return [labels for _, labels in images.epoch(size, augmentation, seed, epoch)]


def test_an_epoch_shows_every_image_once_beside_its_label(images):
    batches = list(images.epoch(16, NONE, 0, 0))
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 2]
    assert sorted(torch.cat([labels for _, labels in batches]).tolist()) == list(range(50))
    for inputs, labels in batches:
        assert torch.allclose(inputs[:, 0, 0, 0], labels.float(), atol=1e-4)


def test_order_depends_on_seed_and_epoch_alone(images):
    def flat(**which):
        return torch.cat(order(images, **which))

    assert torch.equal(flat(), flat(augmentation=AugmentationConfig()))
    assert torch.equal(flat(), flat(size=10))
    assert not torch.equal(flat(), flat(epoch=1))
    assert not torch.equal(flat(), flat(seed=1))


def test_a_subset_shares_the_images_and_shows_its_own(images):
    chosen = torch.tensor([41, 3, 17, 8])
    subset = images.subset(chosen).subset(torch.tensor([2, 0]))
    assert subset.images.data_ptr() == images.images.data_ptr()
    (inputs, labels), *others = subset.in_order(8)
    assert not others
    assert labels.tolist() == [17, 41]
    assert inputs[:, 1, 5, 5].tolist() == pytest.approx([17, 41])
    shown = torch.cat([labels for _, labels in subset.epoch(2, NONE, 0, 0)])
    assert sorted(shown.tolist()) == [17, 41]


def test_a_single_left_over_image_is_dropped():
    assert batch_bounds(33, 16) == [(0, 16), (16, 32)]
    assert batch_bounds(34, 16) == [(0, 16), (16, 32), (32, 34)]
    assert batch_bounds(1, 16) == [(0, 1)]


def test_inputs_are_channels_last(images):
    inputs, _ = next(images.in_order(8))
    assert inputs.shape == (8, 3, 32, 32)
    assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_streams_are_independent_and_stable():
    seeds = {
        derive_seed(seed, stream, epoch)
        for seed in range(5)
        for stream in ("init", "order", "augmentation", "dropout")
        for epoch in range(5)
    }
    assert len(seeds) == 100
    assert derive_seed(0, "order", 3) == STORED_SEED
    assert torch.equal(
        torch.rand(4, generator=generator(1, "order", 2)),
        torch.rand(4, generator=generator(1, "order", 2)),
    )
