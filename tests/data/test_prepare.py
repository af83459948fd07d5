from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from pj2.config.schema import DatasetConfig
from pj2.data.augment import normalise
from pj2.data.prepare import canonical_order, channel_statistics, limited, prepare
from pj2.data.sources.raw import Split
from pj2.errors import UserError
from tests.data.image_layouts import (
    Tiny,
    pack,
    tiny,
    write_binary_batches,
    write_image_folder,
    write_parquet,
    write_python_batches,
)

Prepared = Callable[..., tuple[dict[str, Any], bytes]]
Complaint = Callable[..., str]


def _shuffled(data: Tiny) -> Tiny:
    order = np.random.default_rng(1).permutation(len(data.train_labels))
    return Tiny(
        data.train_images[order], data.train_labels[order], data.test_images, data.test_labels
    )


def _layouts(folder: Path, data: Tiny) -> dict[str, dict[str, str]]:
    """Write `data` in every layout; return the config of each."""
    python = write_python_batches(folder / "cifar-10-batches-py", data)
    binary = write_binary_batches(folder / "b" / "cifar-10-batches-bin", data)
    parquet = {
        "one file": write_parquet(folder / "parquet-1", data),
        "shards in data/": write_parquet(folder / "parquet-3" / "data", data, shards=3).parent,
        "image": write_parquet(folder / "parquet-image", data, image="image"),
        "no metadata": write_parquet(
            folder / "parquet-bare" / "plain_text", data, names=None
        ).parent,
        "other order": write_parquet(folder / "parquet-shuffled", _shuffled(data)),
    }
    archive = {
        "python tar": pack(python, folder / "cifar-10-python.tar.gz"),
        "python folder": python,
        "folder above": python.parent,
        "python 3": write_python_batches(folder / "py3", data, protocol=4),
        "binary tar": pack(binary, folder / "cifar-10-binary.tar.gz"),
        "binary folder": binary,
    }
    folders = {"image folder": write_image_folder(folder / "folders", data)}
    sources = {"parquet": parquet, "archive": archive, "imagefolder": folders}
    return {
        layout: {"source": source, "path": str(path)}
        for source, paths in sources.items()
        for layout, path in paths.items()
    }


def test_every_layout_of_the_same_images_prepares_to_the_same_bytes(
    tmp_path: Path, prepared: Prepared
) -> None:
    layouts = _layouts(tmp_path, tiny())
    results = {layout: prepared(**config) for layout, config in layouts.items()}
    assert len(results) == 12
    assert len({info["hash"] for info, _ in results.values()}) == 1
    assert len({content for _, content in results.values()}) == 1


def test_one_other_pixel_or_label_gives_another_hash(tmp_path: Path, prepared: Prepared) -> None:
    data = tiny()
    hashes = []
    for number in range(3):
        if number == 1:
            data.train_images[7, 3, 2, 1] ^= 1
        if number == 2:
            data.test_labels[[0, 1]] = 3, 4
            data.test_labels[2:12] = range(10)
        path = write_parquet(tmp_path / str(number), data)
        hashes.append(prepared(source="parquet", path=str(path))[0]["hash"])
    assert len(set(hashes)) == 3


def test_the_file_holds_images_in_canonical_order_with_their_own_labels(tmp_path: Path) -> None:
    data = tiny()
    path = write_parquet(tmp_path / "parquet", data)
    info = prepare(DatasetConfig(source="parquet", path=str(path)), tmp_path / "out")
    tensors = load_file(tmp_path / "out" / "dataset.safetensors")
    assert json.loads((tmp_path / "out" / "dataset.json").read_text()) == info
    for split in ("train", "test"):
        images, labels = tensors[f"{split}_images"], tensors[f"{split}_labels"]
        assert images.dtype == np.uint8
        assert images.shape[1:] == (32, 32, 3)
        assert labels.dtype == np.int64
        planes = [image.transpose(2, 0, 1).tobytes() for image in images]
        digests = [hashlib.sha256(plane).digest() for plane in planes]
        assert digests == sorted(digests)
        source_images, source_labels = data.split(split)
        expected = {
            image.transpose(2, 0, 1).tobytes(): label
            for image, label in zip(source_images, source_labels, strict=True)
        }
        assert dict(zip(planes, labels, strict=True)) == expected


def test_equal_images_with_different_labels_are_ordered_by_label() -> None:
    images = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    _, labels = canonical_order(Split(images, np.array([2, 0, 1])))
    assert labels.tolist() == [0, 1, 2]


def test_statistics_are_those_of_the_training_split(tmp_path: Path, prepared: Prepared) -> None:
    data = tiny()
    info, _ = prepared(source="parquet", path=str(write_parquet(tmp_path / "parquet", data)))
    fractions = data.train_images.reshape(-1, 3) / 255
    assert info["mean"] == pytest.approx(fractions.mean(axis=0), rel=1e-12)
    assert info["std"] == pytest.approx(fractions.std(axis=0), rel=1e-12)
    assert info["per_class"]["train"] == dict.fromkeys(info["classes"], 4)
    assert info["per_class"]["test"] == dict.fromkeys(info["classes"], 2)


def test_a_constant_channel_is_not_divided_by_its_standard_deviation_of_zero() -> None:
    images = np.full((2, 32, 32, 3), 255, dtype=np.uint8)
    images[0, ..., 1] = 0
    mean, std = channel_statistics(images)
    assert (mean, std) == ([1.0, 0.5, 1.0], [1.0, 0.5, 1.0])
    constants = (torch.tensor(each, dtype=torch.float32) for each in (mean, std))
    floats = normalise(torch.from_numpy(images), *constants)
    expected = torch.tensor([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    assert torch.allclose(floats[:, :, 0, 0], expected, atol=1e-6)


def test_a_limit_keeps_the_first_images_of_each_class_whatever_the_layout(
    tmp_path: Path, prepared: Prepared
) -> None:
    data = tiny()
    limit = {"train": 20, "test": 10}
    parquet = write_parquet(tmp_path / "parquet", data)
    folders = write_image_folder(tmp_path / "folders", data)
    info, content = prepared(source="parquet", path=str(parquet), limit=limit)
    assert prepared(source="imagefolder", path=str(folders), limit=limit)[1] == content
    assert info["train_images"] == 20
    assert info["limit"] == limit
    assert set(info["per_class"]["train"].values()) == {2}
    whole = prepare(DatasetConfig(source="parquet", path=str(parquet)), tmp_path / "whole")
    assert whole["hash"] != info["hash"]
    images = load_file(tmp_path / "whole" / "dataset.safetensors")["train_images"]
    assert content.count(images[0].tobytes()) == 1, "the first image of its class must be kept"


@pytest.mark.parametrize(
    ("available", "limit", "expected"),
    [
        ([5, 5, 5], 9, [3, 3, 3]),
        ([5, 5, 5], 11, [4, 4, 3]),
        ([1, 5, 5], 9, [1, 4, 4]),
        ([1, 2, 9], 12, [1, 2, 9]),
    ],
)
def test_a_limit_is_spread_as_evenly_as_the_classes_allow(
    available: list[int], limit: int, expected: list[int]
) -> None:
    labels = np.repeat(np.arange(3), available)
    chosen = limited(labels, 3, limit, "dataset.limit.train")
    assert np.bincount(labels[chosen], minlength=3).tolist() == expected
    assert (np.diff(chosen) > 0).all()


def test_a_limit_above_what_exists_is_named(tmp_path: Path, complaint: Complaint) -> None:
    path = write_parquet(tmp_path / "parquet", tiny())
    line = complaint(source="parquet", path=str(path), limit={"test": 21})
    assert line == "dataset.limit.test: 21 is more than the 20 images there are"


def test_a_limit_that_leaves_classes_out_is_named(tmp_path: Path, complaint: Complaint) -> None:
    path = write_parquet(tmp_path / "parquet", tiny())
    line = complaint(source="parquet", path=str(path), limit={"test": 9})
    assert line.startswith("dataset.limit.test: 9 is fewer than the 10 classes")


def test_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaint: Complaint
) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("pj2.data.prepare.save_file", full)
    path = write_parquet(tmp_path / "parquet", tiny())
    with pytest.raises(UserError, match=r"cannot be written .*No space left"):
        prepare(DatasetConfig(source="parquet", path=str(path)), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_failed_preparation_leaves_the_old_one_whole(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "parquet", tiny())
    good = DatasetConfig(source="parquet", path=str(path))
    prepare(good, tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    (path / "test-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError):
        prepare(good, tmp_path / "out")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    assert set(before) == {"dataset.safetensors", "dataset.json"}
