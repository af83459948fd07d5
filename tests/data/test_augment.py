"""The batched crop and flip is torchvision's, image by image and in distribution."""

from __future__ import annotations

import itertools

import pytest
import torch
from scipy.stats import chisquare
from torchvision.transforms import v2
from torchvision.transforms.functional import crop, hflip, normalize, pad, to_tensor

from pj2.data import augment
from pj2.data.augment import Crops, crop_and_flip, draw_crops, normalise

EVERY = list(itertools.product(range(9), range(9), (False, True)))


@pytest.fixture
def images():
    source = torch.Generator().manual_seed(3)
    size = (len(EVERY), 32, 32, 3)
    # No zeros, so that the padding's black is seen wherever it is.
    return torch.randint(1, 256, size, generator=source, dtype=torch.uint8)


def planes(images):
    """uint8 [N, 3, 32, 32], as torchvision has them."""
    return images.permute(0, 3, 1, 2)


@pytest.mark.parametrize("copied", [("cpu",), ()], ids=["copied", "gathered, as on a GPU"])
def test_every_offset_and_flip_gives_torchvisions_image(images, monkeypatch, copied):
    monkeypatch.setattr(augment, "_COPIES_STRETCHES", copied)
    top, left, flip = (torch.tensor(column) for column in zip(*EVERY, strict=True))
    crops = Crops(top, left, flip)
    found = crop_and_flip(images, torch.arange(len(EVERY)), crops, padding=4)
    for image, (i, j, mirrored), ours in zip(planes(images), EVERY, planes(found), strict=True):
        expected = crop(pad(image, 4), i, j, 32, 32)
        assert torch.equal(ours, hflip(expected) if mirrored else expected)
    for index in range(len(EVERY)):  # alone, an image is the last of its canvas too
        alone = crop_and_flip(images, torch.tensor([index]), crops[index : index + 1], padding=4)
        assert torch.equal(alone[0], found[index])


def test_draws_are_uniform_and_independent():
    count = 162 * 400
    crops = draw_crops(count, 4, True, torch.Generator().manual_seed(0))
    cell = (crops.top * 9 + crops.left) * 2 + crops.flip
    observed = torch.bincount(cell, minlength=162)
    assert len(observed) == 162
    assert chisquare(observed.numpy()).pvalue > 1e-4


def test_the_distribution_is_that_of_torchvisions_transform():
    """One marked pixel at the centre shows where each crop came from."""
    marked = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    marked[:, 16, 12] = 255
    image = planes(marked)[0]
    theirs = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()])
    count = 8100
    torch.manual_seed(0)
    reference = torch.stack([theirs(image) for _ in range(count)])
    crops = draw_crops(count, 4, True, torch.Generator().manual_seed(1))
    ours = planes(crop_and_flip(marked, torch.zeros(count, dtype=torch.int64), crops, 4))

    def places(batch):
        counts = torch.zeros(1024)
        where = batch[:, 0].flatten(1).argmax(1)
        return counts.index_add(0, where, torch.ones(count))

    first, second = places(reference), places(ours)
    assert torch.equal(first > 0, second > 0)
    both = first + second
    seen = both > 0
    statistic = ((first - second)[seen] ** 2 / both[seen]).sum()  # two-sample chi-square
    degrees = int(seen.sum()) - 1
    assert abs(statistic - degrees) < 5 * (2 * degrees) ** 0.5


def test_padding_is_black_before_normalisation():
    image = torch.full((1, 32, 32, 3), 200, dtype=torch.uint8)
    corner = Crops(torch.tensor([0]), torch.tensor([0]), torch.tensor([False]))
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.3])
    found = normalise(crop_and_flip(image, torch.tensor([0]), corner, 4), mean, std)
    assert found[0, :, 0, 0].tolist() == pytest.approx((-mean / std).tolist(), abs=1e-6)


def test_normalise_is_torchvisions(images):
    mean, std = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
    picture = images[0].numpy()
    expected = normalize(to_tensor(picture), mean, std)
    found = normalise(images[:1], torch.tensor(mean), torch.tensor(std))[0]
    assert torch.allclose(found, expected, atol=1e-6)
    assert normalise(images, torch.tensor(mean), torch.tensor(std)).is_contiguous(
        memory_format=torch.channels_last
    )


def test_turning_the_flip_off_keeps_the_crops():
    on = draw_crops(50, 4, True, torch.Generator().manual_seed(0))
    off = draw_crops(50, 4, False, torch.Generator().manual_seed(0))
    assert torch.equal(on.top, off.top)
    assert torch.equal(on.left, off.left)
    assert on.flip.any()
    assert not off.flip.any()


def test_without_padding_or_flip_images_are_as_they_were(images):
    crops = draw_crops(len(images), 0, False, torch.Generator().manual_seed(0))
    rows = torch.arange(len(images)).flip(0)
    assert torch.equal(crop_and_flip(images, rows, crops, 0), images.flip(0))
