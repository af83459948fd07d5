from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pj2.config.datasets import DATASETS
from pj2.data.sources.imagefolder import read_image_folder
from tests.data.image_layouts import CIFAR10, Tiny, png, tiny, write_image_folder

Complaint = Callable[..., str]
SHAPES = ("square", "disc", "Cross")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_image_folder(tmp_path / "images", tiny(train=6, test=3, classes=3), SHAPES)


def _first(folder: Path) -> Path:
    return sorted((folder / "train" / "disc").iterdir())[0]


def test_custom_classes_are_numbered_in_sorted_order(folder: Path) -> None:
    raw = read_image_folder(folder, "custom")
    assert raw.classes == ("Cross", "disc", "square")
    assert np.bincount(raw.train.labels).tolist() == [2, 2, 2]


def test_known_classes_keep_their_official_labels(tmp_path: Path) -> None:
    classes = DATASETS["fashion_mnist"].classes
    folders = tuple(name.replace("/", "_").lower() for name in classes)
    labels = np.arange(10)
    grey = np.repeat(labels.astype(np.uint8)[:, None, None] + 1, 28, axis=1).repeat(28, axis=2)
    folder = write_image_folder(tmp_path / "images", Tiny(grey, labels, grey, labels), folders)
    raw = read_image_folder(folder, "fashion_mnist")
    assert raw.classes == classes
    assert (raw.train.images[:, 16, 16, 0] == raw.train.labels + 1).all()


def test_grey_palette_and_opaque_images_become_rgb(folder: Path) -> None:
    random = np.random.default_rng(0)
    grey = random.integers(0, 256, (32, 32), dtype=np.uint8)
    indexed = Image.fromarray(grey, "L").convert("RGB").quantize(16)
    rgba = np.dstack([grey, grey // 2, grey // 3, np.full_like(grey, 255)])
    for file in (folder / "train" / "disc").iterdir():
        file.unlink()
    Image.fromarray(grey, "L").save(folder / "train" / "disc" / "1.png")
    indexed.save(folder / "train" / "disc" / "2.PNG")
    Image.fromarray(rgba, "RGBA").save(folder / "train" / "disc" / "3.png")
    Image.fromarray(rgba[..., :3]).save(folder / "train" / "disc" / "4.jpeg", quality=95)
    (folder / "train" / "disc" / "._1.png").write_bytes(b"what another system leaves")
    raw = read_image_folder(folder, "custom")
    images = raw.train.images[raw.train.labels == 1]
    assert (images[0] == grey[..., None]).all()
    assert (images[1] == np.asarray(indexed.convert("RGB"))).all()
    assert (images[2] == rgba[..., :3]).all()
    assert images.shape == (4, 32, 32, 3)


def test_transparent_and_deep_images_are_refused(folder: Path, complaint: Complaint) -> None:
    file = _first(folder)
    Image.fromarray(np.full((32, 32, 4), 127, dtype=np.uint8), "RGBA").save(file)
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line.startswith(f"{file}: ")
    assert "transparent" in line
    Image.fromarray(np.zeros((32, 32), dtype=np.uint16)).save(file)
    assert "8 bits" in complaint(name="custom", source="imagefolder", path=str(folder))


def test_damaged_and_missized_images_are_named(folder: Path, complaint: Complaint) -> None:
    file = _first(folder)
    file.write_bytes(file.read_bytes()[:100])
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line.startswith(f"{file}: not a readable 8-bit PNG or JPEG image")
    file.write_bytes(png(np.zeros((28, 28), dtype=np.uint8)))
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line == f"{file}: the image is 28x28 pixels; it must be 32x32"


def test_missing_split_and_empty_split(folder: Path, complaint: Complaint) -> None:
    (folder / "test").rename(folder / "validation")
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert "has no folder test" in line
    (folder / "test").mkdir()
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line.startswith(f"{folder / 'test'}: no folders in it")


def test_empty_class(folder: Path, complaint: Complaint) -> None:
    for file in (folder / "test" / "disc").iterdir():
        file.unlink()
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line.startswith(f"{folder / 'test' / 'disc'}: no png, jpg, jpeg, bmp, webp in it")


def test_a_class_in_one_split_only(folder: Path, complaint: Complaint) -> None:
    (folder / "train" / "star").mkdir()
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert "in only one of train and test: star" in line


def test_folders_that_are_not_the_data_sets_classes(folder: Path, complaint: Complaint) -> None:
    line = complaint(name="cifar10", source="imagefolder", path=str(folder))
    assert "the 3 class folders are Cross, disc, square" in line
    assert CIFAR10[0] in line
