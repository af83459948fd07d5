"""What each way to make a square keeps of an image, and where it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pj2.config.schema import DatasetConfig
from pj2.data.layout import prepared_folder
from pj2.data.sources.images import resized
from tests.data.image_layouts import Tiny, png, tiny, write_image_folder, write_parquet

Prepared = Callable[..., tuple[dict[str, Any], bytes]]
WAYS = ("crop", "pad", "stretch")
BLACK, GREY, WHITE = 0, 100, 255


def _wide() -> np.ndarray:
    """128 x 64: a white quarter, a grey half, a white quarter."""
    pixels = np.full((64, 128, 3), WHITE, dtype=np.uint8)
    pixels[:, 32:96] = GREY
    return pixels


def test_crop_keeps_the_middle() -> None:
    assert (resized(_wide(), "crop") == GREY).all()


def test_pad_keeps_proportions_and_adds_black() -> None:
    image = resized(_wide(), "pad")
    assert (image[:8] == BLACK).all()
    assert (image[24:] == BLACK).all()
    assert (image[8:24, :6] == WHITE).all()
    assert (image[8:24, 10:22] == GREY).all()


def test_stretch_keeps_all_of_it() -> None:
    image = resized(_wide(), "stretch")
    assert (image[:, :6] == WHITE).all()
    assert (image[:, 10:22] == GREY).all()
    assert (image[:, 26:] == WHITE).all()


@pytest.mark.parametrize("way", WAYS)
def test_tall_images_are_treated_as_wide_ones(way: str) -> None:
    tall = resized(np.ascontiguousarray(_wide().transpose(1, 0, 2)), way)
    assert (tall == resized(_wide(), way).transpose(1, 0, 2)).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (31, 33), (32, 5), (200, 3)])
def test_any_size_gets_a_square(way: str, height: int, width: int) -> None:
    image = resized(np.full((height, width, 3), GREY, dtype=np.uint8), way)
    assert image.shape == (32, 32, 3)
    assert (image[image != BLACK] == GREY).all()
    assert (image != BLACK).any()
    assert way == "pad" or (image == GREY).all()


def test_fine_stripes_become_grey_instead_of_another_pattern() -> None:
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 254
    assert np.abs(resized(stripes, "stretch").astype(int) - 127).max() < 10


@pytest.mark.parametrize("way", WAYS)
def test_images_of_32x32_stay_as_they_are(tmp_path: Path, prepared: Prepared, way: str) -> None:
    path = str(write_image_folder(tmp_path / "images", tiny()))
    _, content = prepared(source="imagefolder", path=path)
    assert prepared(source="imagefolder", path=path, resize=way)[1] == content


def test_images_of_several_sizes_are_read_from_both_layouts(
    tmp_path: Path, prepared: Prepared
) -> None:
    sizes = [(40, 30), (32, 32), (64, 20), (100, 100)]
    images = np.empty(len(sizes), dtype=object)
    random = np.random.default_rng(0)
    for number, size in enumerate(sizes):
        images[number] = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    data = Tiny(images, np.array([0, 1, 0, 1]), images, np.array([0, 1, 0, 1]))
    folder = write_image_folder(tmp_path / "images", data, ("cat", "dog"))
    parquet = write_parquet(tmp_path / "parquet", data, names=("cat", "dog"))
    hashes = set()
    for way in WAYS:
        one, other = (
            prepared(name="custom", source=source, path=str(path), resize=way)[0]["hash"]
            for source, path in (("imagefolder", folder), ("parquet", parquet))
        )
        assert one == other
        hashes.add(one)
    assert len(hashes) == 3


def test_each_way_is_another_data_set() -> None:
    folders = {
        prepared_folder(DatasetConfig(name="custom", source="imagefolder", path="x", resize=way))
        for way in (None, *WAYS)
    }
    assert len(folders) == 4


@pytest.mark.parametrize("source", ["sample", "torchvision", "archive"])
def test_it_belongs_to_images_of_ones_own(source: str) -> None:
    with pytest.raises(ValueError, match="are 32x32 already"):
        DatasetConfig(source=source, path="x", resize="crop")


def test_a_photo_is_turned_before_it_is_cropped(tmp_path: Path, prepared: Prepared) -> None:
    """Turned, the photo is white on the right; its upper half alone would be white."""
    folder = write_image_folder(
        tmp_path / "images", tiny(train=4, test=2, classes=2), ("cat", "dog")
    )
    pixels = np.zeros((64, 96, 3), dtype=np.uint8)
    pixels[:32] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "train" / "cat" / "photo.png").write_bytes(png(pixels))
    Image.fromarray(pixels).save(folder / "train" / "cat" / "photo.png", exif=exif)
    options = {"name": "custom", "source": "imagefolder", "path": str(folder), "resize": "crop"}
    _, content = prepared(**options)
    turned = np.rot90(pixels, -1)
    assert resized(np.ascontiguousarray(turned), "crop").tobytes() in content
