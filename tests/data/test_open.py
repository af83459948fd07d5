from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pj2.config.schema import DatasetConfig
from pj2.data.open import open_prepared
from pj2.data.prepare import prepare
from pj2.errors import UserError
from pj2.store.records import write_record
from tests.data.image_layouts import tiny, write_parquet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = write_parquet(tmp_path / "parquet", tiny())
    prepare(DatasetConfig(source="parquet", path=str(path)), tmp_path / "prepared")
    return tmp_path / "prepared"


def test_what_was_prepared_is_opened(folder: Path) -> None:
    data = open_prepared(folder)
    info = json.loads((folder / "dataset.json").read_text())
    assert data.train_images.shape == (40, 32, 32, 3)
    assert data.train_images.dtype == torch.uint8
    assert data.test_labels.dtype == torch.int64
    assert data.test_labels.bincount().tolist() == [2] * 10
    mean = data.train_images.double().mean(dim=(0, 1, 2)) / 255
    assert data.mean == pytest.approx(mean.tolist(), rel=1e-12)
    assert (data.name, data.source, data.hash) == ("cifar10", "parquet", info["hash"])
    assert data.classes == tuple(info["classes"])


@pytest.mark.parametrize("name", ["dataset.safetensors", "dataset.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str, damage: str) -> None:
    file = folder / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(UserError, match=f"{name}: ") as caught:
        open_prepared(folder)
    assert "\n" not in str(caught.value)


def test_images_of_another_preparation_are_refused(folder: Path) -> None:
    info = json.loads((folder / "dataset.json").read_text())
    write_record(folder / "dataset.json", {**info, "train_images": 39})
    with pytest.raises(UserError, match="counts 39"):
        open_prepared(folder)


def test_a_flipped_byte_in_the_images_is_seen(folder: Path) -> None:
    file = folder / "dataset.safetensors"
    content = bytearray(file.read_bytes())
    content[-5000] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="damaged: not the images that"):
        open_prepared(folder)
