"""Random crop and flip, with and without normalisation, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.measure import Measurement, interleave
from benchmarks.plain_loop import Pictures
from benchmarks.workload import BATCH, prepared
from pj2.config.schema import AugmentationConfig
from pj2.data.augment import crop_and_flip, draw_crops
from pj2.training.device import prepare_device

_OURS, _THEIRS = 20_480, 2_048


def measure(repeats: int) -> Iterator[Measurement]:
    """Compare our augmentation with torchvision's transforms and with fancy indexing."""
    prepare_device(torch.device("cpu"), 1)
    images = prepared(_OURS).train
    pictures = Pictures(_THEIRS)
    draws = draw_crops(_OURS, 4, True, torch.Generator().manual_seed(0))

    def whole() -> int:
        return sum(len(y) for _, y in images.epoch(BATCH, AugmentationConfig(), 0, 0))

    def crop() -> int:
        for start in range(0, _OURS, 1024):
            part = slice(start, start + 1024)
            crop_and_flip(images.images, images.rows[part], draws[part], 4)
        return _OURS

    def indexing() -> int:
        planes = images.images[:_THEIRS].permute(0, 3, 1, 2)
        padded = torch.nn.functional.pad(planes, (4, 4, 4, 4))
        rows = torch.arange(_THEIRS)[:, None, None, None]
        channels, span = torch.arange(3)[None, :, None, None], torch.arange(32)
        for start in range(0, _THEIRS, BATCH):
            part = slice(start, start + BATCH)
            down = draws.top[part, None, None, None] + span[None, None, :, None]
            across = draws.left[part, None, None, None] + span[None, None, None, :]
            cut = padded[rows[part], channels, down, across]
            torch.where(draws.flip[part, None, None, None], cut.flip(3), cut)
        return _THEIRS

    def transforms() -> int:
        return sum(1 for place in range(_THEIRS) if pictures[place])

    variants = {
        "ours, crop and flip": crop,
        "ours, with order and normalisation": whole,
        "PIL and torchvision, with normalisation": transforms,
        "fancy indexing, crop and flip": indexing,
    }
    samples = interleave({name: _rate(action) for name, action in variants.items()}, repeats)
    compare = [("ours, with order and normalisation", "PIL and torchvision, with normalisation")]
    yield Measurement("Augmentation on one core", "32x32 images", "images/s", samples, compare)


def _rate(action: Callable[[], int]) -> Callable[[], float]:
    def once() -> float:
        started = time.process_time()
        return action() / (time.process_time() - started)

    return once
