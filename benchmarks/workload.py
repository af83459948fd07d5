"""The measured data and recipes: those of the published study, on synthetic images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from pj2.config.study import RunSettings
from pj2.data.content import content_hash
from pj2.data.layout import IMAGES_FILE, INFO_FILE
from pj2.data.prepared import PreparedData
from pj2.store.records import write_record

MODELS = ("BasicCNN", "ImprovedCNN", "ResidualCNN", "VGG_A", "VGG_A_BatchNorm")
BATCH = 128
# Batches in a timed epoch: some seconds for each model.
BATCHES = {"BasicCNN": 48, "ImprovedCNN": 3, "ResidualCNN": 3, "VGG_A": 8, "VGG_A_BatchNorm": 8}


def settings_of(model: str) -> RunSettings:
    """Return the published recipe of a model."""
    vgg = model.startswith("VGG")
    return RunSettings.model_validate(
        {
            "model": model,
            "learning_rate": 1e-3,
            "seed": 0,
            "optimizer": {"name": "adam"} if vgg else {"name": "adamw", "weight_decay": 5e-4},
            "loss": {"label_smoothing": 0.1 if model == "ImprovedCNN" else 0.0},
            "init": "xavier" if vgg else "default",
            "batch_size": BATCH,
        }
    )


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images uint8 [N, 32, 32, 3] and labels int64 [N], with equally many of each class."""
    images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return images, np.arange(count) % 10


def prepared(train: int, test: int = 1000) -> PreparedData:
    """Return synthetic data in the form that training takes."""
    splits = []
    for count in (train, test):
        images, labels = pictures(count)
        splits += [torch.from_numpy(images), torch.from_numpy(labels)]
    train_images, train_labels, test_images, test_labels = splits
    return PreparedData(
        train_images,
        train_labels,
        test_images,
        test_labels,
        mean=(0.5, 0.5, 0.5),
        std=(0.3, 0.3, 0.3),
        classes=tuple(map(str, range(10))),
        hash="0" * 64,
        name="custom",
        source="imagefolder",
    )


def write_prepared(folder: Path, train: int, test: int = 1000) -> Path:
    """Write synthetic data in the form of `pj2 prepare`."""
    data = prepared(train, test)
    tensors = {
        "train_images": data.train_images.numpy(), "train_labels": data.train_labels.numpy(),
        "test_images": data.test_images.numpy(), "test_labels": data.test_labels.numpy(),
    }  # fmt: skip
    folder.mkdir(parents=True)
    save_file(tensors, folder / IMAGES_FILE)
    information = {
        "name": data.name, "source": data.source, "classes": list(data.classes),
        "train_images": train, "test_images": test, "mean": list(data.mean), "std": list(data.std),
        "hash": content_hash(tensors, len(data.classes)), "source_digest": "0" * 64,
        "per_class": {split: dict.fromkeys(data.classes, 0) for split in ("train", "test")},
    }  # fmt: skip
    write_record(folder / INFO_FILE, information)
    return folder
