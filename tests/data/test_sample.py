from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pj2.config.datasets import DATASETS
from pj2.data.sources import locate, sample
from pj2.data.sources.locate import SAMPLE_FOLDER, sample_files
from pj2.data.sources.locate_parquet import parquet_files
from pj2.errors import UserError
from pj2.store.files import sha256_file


def test_the_sample_is_balanced_and_prepares_to_its_known_content(
    prepared: Callable[..., tuple[dict[str, Any], bytes]],
) -> None:
    info, _ = prepared(source="sample")
    assert (info["train_images"], info["test_images"]) == (5000, 1000)
    assert set(info["per_class"]["train"].values()) == {500}
    assert set(info["per_class"]["test"].values()) == {100}
    assert info["hash"] == "9892e4c7543c5bc528aae5faef3f52fe9a9ceb555577dba8692d0761bc8ce841"


def test_the_checksums_are_those_of_the_files_and_of_the_readme() -> None:
    readme = (SAMPLE_FOLDER / "README.md").read_text()
    sums = (SAMPLE_FOLDER / "SHA256SUMS").read_text()
    for file in sample_files():
        line = f"{sha256_file(file)}  {file.name}"
        assert line in sums
        assert line in readme


def test_the_schema_is_that_of_the_hub() -> None:
    for file in sample_files():
        schema = pq.read_schema(file)
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        assert features["img"] == {"_type": "Image"}
        assert tuple(features["label"]["names"]) == DATASETS["cifar10"].classes
        assert str(schema.field("img").type) == "struct<bytes: binary, path: string>"
        assert str(schema.field("label").type) == "int64"


def test_the_rows_are_shuffled() -> None:
    labels = pq.read_table(sample_files()[0], columns=["label"])["label"].to_numpy()
    assert 0.05 < (np.diff(labels) == 0).mean() < 0.15


@pytest.mark.parametrize("change", ["edited", "missing"])
def test_a_changed_sample_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    for file in (*sample_files(), SAMPLE_FOLDER / "SHA256SUMS"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damaged = tmp_path / "test-00000-of-00001.parquet"
    if change == "edited":
        content = bytearray(damaged.read_bytes())
        content[1000] ^= 1
        damaged.write_bytes(content)
    else:
        damaged.unlink()
    monkeypatch.setattr(locate, "SAMPLE_FOLDER", tmp_path)
    monkeypatch.setattr(sample, "SAMPLE_FOLDER", tmp_path)
    with pytest.raises(UserError, match=damaged.name):
        sample.read_sample()


def test_every_image_of_the_sample_occurs_in_the_full_copy() -> None:
    full = os.environ.get("PJ2_TEST_CIFAR10", "")
    if not full or not Path(full).is_dir():
        pytest.skip("PJ2_TEST_CIFAR10 names no folder with a full copy of CIFAR-10 in Parquet")
    files = parquet_files(full)
    for split, bundled in zip(("train", "test"), sample_files(), strict=True):
        everything = {row for file in files[split] for row in _rows(file)}
        drawn = _rows(bundled)
        assert len(set(drawn)) == len(drawn)
        assert set(drawn) <= everything


def _rows(file: Path) -> list[tuple[bytes, int]]:
    table = pq.read_table(file).to_pydict()
    return [
        (hashlib.sha256(image["bytes"]).digest(), label)
        for image, label in zip(table["img"], table["label"], strict=True)
    ]
