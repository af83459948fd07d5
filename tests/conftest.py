"""Small data that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pj2.data.pixels import pack
from pj2.data.prepared import PreparedData


@pytest.fixture
def data() -> PreparedData:
    """150 training and 40 test images of 10 classes; a class is a brightness, plus noise."""
    source = torch.Generator().manual_seed(0)

    def split(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.arange(count) % 10
        noise = torch.randint(0, 40, (count, 3, 32, 32), generator=source)
        images = (labels[:, None, None, None] * 20 + noise).to(torch.uint8)
        return torch.from_numpy(pack(images.permute(0, 2, 3, 1).numpy())), labels

    train_images, train_labels = split(150)
    test_images, test_labels = split(40)
    return PreparedData(
        train_images,
        train_labels,
        test_images,
        test_labels,
        mean=(0.43, 0.43, 0.43),
        std=(0.23, 0.23, 0.23),
        classes=tuple(f"class{label}" for label in range(10)),
        hash="0" * 64,
        name="custom",
        source="imagefolder",
    )


@pytest.fixture
def nvidia_smi(tmp_path_factory, monkeypatch) -> Callable[..., None]:
    """Put a program on PATH that lists GPUs with the given UUIDs, as NVIDIA's does."""
    folder: Path = tmp_path_factory.mktemp("driver")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(*uuids: str) -> None:
        lines = "".join(f"echo '{index}, {uuid}'\n" for index, uuid in enumerate(uuids))
        (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{lines}")
        (folder / "nvidia-smi").chmod(0o755)

    return install
