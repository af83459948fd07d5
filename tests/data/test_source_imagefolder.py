from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pj2.config.datasets import DATASETS
from pj2.data.sources.imagefolder import read_image_folder
from pj2.data.sources.locate_images import image_source
from tests.data.image_layouts import CIFAR10, Tiny, png, tiny, write_image_folder, write_parquet

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
    assert line.startswith(f"{file}: not a readable 8-bit PNG, JPEG")
    file.write_bytes(png(np.zeros((28, 28), dtype=np.uint8)))
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line.startswith(f"{file}: the image is 28x28 pixels; it must be 32x32 ")
    assert "dataset.resize" in line


def _png_of_16_bits(pixels: np.ndarray) -> bytes:
    """A colour PNG of 16 bits a channel, which Pillow cannot write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_colours_of_16_bits_are_refused(folder: Path, complaint: Complaint) -> None:
    """Pillow keeps their upper bytes, which are zeros where 12 bits are used."""
    _first(folder).write_bytes(_png_of_16_bits(np.full((32, 32, 3), 255)))
    assert "8 bits" in complaint(name="custom", source="imagefolder", path=str(folder))


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_moving_images_are_refused(folder: Path, complaint: Complaint, kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(_first(folder), kind, save_all=True, append_images=frames[1:])
    assert "2 frames" in complaint(name="custom", source="imagefolder", path=str(folder))


def test_a_photo_with_a_preview_is_its_first_image(folder: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("white", "black")]
    file = _first(folder).with_suffix(".jpg")
    frames[0].save(file, "MPO", save_all=True, append_images=frames[1:])
    raw = read_image_folder(folder, "custom")
    assert (raw.train.images == 255).all(axis=(1, 2, 3)).sum() == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_images_are_turned_as_their_exif_data_say(folder: Path, kind: str) -> None:
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:16] = 255  # white above black
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: white on the right
    Image.fromarray(pixels).save(_first(folder), kind, exif=exif, quality=100)
    raw = read_image_folder(folder, "custom")
    image = raw.train.images[raw.train.labels == 1][0].astype(int)
    assert image[:, :14].max() < 20
    assert image[:, 18:].min() > 235


def test_images_of_other_kinds_and_further_down_are_read(folder: Path) -> None:
    whole = read_image_folder(folder, "custom")
    first, second = sorted((folder / "train" / "disc").iterdir())
    for file, kind in ((first, "bmp"), (second, "webp")):
        (file.parent / "a" / "b").mkdir(parents=True, exist_ok=True)
        deeper = file.parent / "a" / "b" / f"x.{kind.upper()}"
        Image.open(file).save(deeper, kind, lossless=True)
        file.unlink()
    again = read_image_folder(folder, "custom")
    assert (again.train.images == whole.train.images).all()
    assert (again.train.labels == whole.train.labels).all()


def test_what_is_not_read_is_named(folder: Path) -> None:
    left_out = [
        folder / "validation",
        folder / "train" / "loose.png",
        folder / "train" / "disc" / "scan.tiff",
        folder / "train" / "disc" / "a" / "no ending",
    ]
    (folder / "validation").mkdir()
    (folder / "train" / "disc" / "a").mkdir()
    (folder / ".hidden").mkdir()
    (folder / "train" / "disc" / "._1.png").write_bytes(b"what another system leaves")
    for path in left_out[1:]:
        path.write_bytes(png(np.zeros((32, 32), dtype=np.uint8)))
    files = image_source(folder)
    assert sorted(files.left_out) == sorted(map(str, left_out))
    assert len(files.read) == len(read_image_folder(folder, "custom").train.labels) + 3


def test_a_link_in_a_circle_and_a_link_to_nothing(folder: Path, complaint: Complaint) -> None:
    link = folder / "train" / "disc" / "again"
    link.symlink_to(folder / "train" / "disc")
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line.startswith(f"{link}: ")
    link.unlink()
    missing = folder / "train" / "disc" / "missing.png"
    missing.symlink_to("nowhere.png")
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert line.startswith(f"{missing}: cannot be read")


def test_what_is_no_file_is_not_waited_for(folder: Path) -> None:
    pipe = folder / "train" / "disc" / "pipe.png"
    os.mkfifo(pipe)
    assert image_source(folder).left_out == [str(pipe)]
    assert len(read_image_folder(folder, "custom").train.labels) == 6


def test_a_class_whose_name_is_not_utf8(tmp_path: Path, complaint: Complaint) -> None:
    data = tiny(train=4, test=2, classes=2)
    folder = write_image_folder(tmp_path / "images", data, ("cat", "caf\udce9"))
    line = complaint(name="custom", source="imagefolder", path=str(folder))
    assert "not UTF-8" in line


def test_one_class_only(tmp_path: Path, complaint: Complaint) -> None:
    data = tiny(train=6, test=3, classes=1)
    images = write_image_folder(tmp_path / "images", data)
    for source, path in (
        ("imagefolder", images),
        ("parquet", write_parquet(tmp_path / "parquet", data, names=None)),
    ):
        line = complaint(name="custom", source=source, path=str(path))
        assert "a classifier needs at least two" in line


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
