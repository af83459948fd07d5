"""Whatever lies in a folder: each file is read or named, or one line says what is wrong."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from pj2.config.schema import DatasetConfig
from pj2.data.prepare import prepare
from pj2.data.sources import source_files
from pj2.errors import UserError
from tests.data.image_layouts import parquet_table, png

# The same examples every time: a test that fails by chance says nothing of a change.
BOUNDED = settings(max_examples=100, deadline=None, derandomize=True)

KINDS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "large", "grey", "cut short", "empty", "text")
ENDINGS = (".png", ".PNG", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tiff", ".txt", "")
PLACES = ("train/{0}", "train/{1}", "test/{0}", "test/{1}/a/b", "train", "", "validation/{0}")
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1)
# Most names are ordinary, so that most folders can be read.
CLASSES = st.lists(
    st.sampled_from(["cat", "dog", "2", "caf\udce9"]) | NAME, min_size=2, max_size=2, unique=True
)
FILES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(KINDS), st.sampled_from(ENDINGS)),
    max_size=6,
)


def _content(kind: str, number: int) -> bytes:
    if kind in ("empty", "text"):
        return b"" if kind == "empty" else b"some words"
    size = (40, 30) if kind == "large" else (32, 32)
    image = Image.new("L" if kind == "grey" else "RGB", size, number)
    buffer = io.BytesIO()
    image.save(buffer, kind if kind.isupper() else "PNG")
    return buffer.getvalue()[:60] if kind == "cut short" else buffer.getvalue()


def _prepare(dataset: DatasetConfig, output: Path) -> int | None:
    """Return how many images were prepared, None if one line a problem refused them."""
    try:
        info = prepare(dataset, output)
    except UserError as error:
        for line in error.problems:
            assert len(line.splitlines()) == 1, line
            assert "dataset." in line or str(dataset.path) in line
        return None
    return int(info["train_images"] + info["test_images"])


def _check_each_file(dataset: DatasetConfig, images: int, files: Sequence[Path]) -> None:
    """Check that each of the files is read once or named, by itself or by a folder above it."""
    source = source_files(dataset)
    assert len(set(source.read)) == len(source.read)
    assert not set(source.read) & set(source.left_out)
    for file in files:
        named = {str(file), *map(str, file.parents)} & {*source.read, *source.left_out}
        assert named, f"{file} is neither read nor named"


@BOUNDED
@given(
    classes=CLASSES,
    files=FILES,
    resize=st.sampled_from([None, None, "crop", "pad"]),
    whole=st.sampled_from([True, True, True, False]),
)
@example(classes=["cat", "a\nb"], files=[("test/{0}", "PNG", ".png")], resize=None, whole=False)
@example(classes=["cat", "caf\udce9"], files=[], resize=None, whole=True)
def test_any_image_folder(
    tmp_path_factory: pytest.TempPathFactory,
    classes: list[str],
    files: list[tuple[str, str, str]],
    resize: str | None,
    whole: bool,
) -> None:
    root = tmp_path_factory.mktemp("images")
    placed = []
    basis = [
        (f"{split}/{{{number}}}", "PNG", ".png")
        for split in ("train", "test")
        for number in range(2)
    ]
    for number, (place, kind, ending) in enumerate([*basis, *files]):
        file = root / place.format(*classes) / f"{number}{ending}"
        if ".." in file.parts or any(len(os.fsencode(part)) > 200 for part in file.parts):
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_content(kind, number))
        if not any(part.startswith(".") for part in file.relative_to(root).parts):
            placed.append(file)
    dataset = DatasetConfig.model_validate(
        {"name": "custom", "source": "imagefolder", "path": str(root), "resize": resize}
    )
    images = _prepare(dataset, root.with_name(f"{root.name}-out"))
    if images is not None:
        _check_each_file(dataset, images, placed)
        assert images == len(source_files(dataset).read)


WHOLE = (
    ("train.parquet", "test.parquet"),
    ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "Test.PARQUET"),
    ("train-00000-of-00001-0a2f.parquet", "test-00000-of-00001.parquet"),
    ("data/train (1).parquet", "data/test.parquet"),
    ("test.parquet",),
)
BESIDE = st.sampled_from(
    [
        *("train.parquet", "train (1).parquet", "train-00001-of-00002-1a2f.parquet"),
        *("train-00002-of-00002.parquet", "test-00001-of-00002.parquet", "validation.parquet"),
        *("notes.txt", ".train.parquet", "data/other.parquet", "plain_text/test.parquet"),
        *("other/train.parquet", "data/train.parquet.bak"),
    ]
)
LABELS = (pa.int64(), pa.uint64(), pa.int8(), pa.string())


def _write_rows(file: Path, first: int, kind: pa.DataType, labels: list[int | None]) -> None:
    encoded: list[bytes | None] = [
        png(np.full((32, 32, 3), first + row, dtype=np.uint8)) for row in range(len(labels))
    ]
    table = parquet_table(encoded, [0] * len(labels), names=None)
    values = [str(label) for label in labels] if kind == pa.string() else labels
    pq.write_table(table.set_column(1, "label", pa.array(values, kind)), file)


@BOUNDED
@given(
    whole=st.sampled_from(WHOLE),
    beside=st.lists(BESIDE, max_size=2),
    kind=st.sampled_from([*[pa.int64()] * 4, *LABELS]),
    odd=st.sampled_from([*[0] * 8, 1, 2, -1, 100, 2**63, None]),
    rows=st.sampled_from([2, 4, 4, 1, 0]),
)
@example(whole=WHOLE[0], beside=[], kind=pa.uint64(), odd=2**63, rows=4)
@example(whole=WHOLE[0], beside=[], kind=pa.int64(), odd=0, rows=0)
def test_any_parquet_files(
    tmp_path_factory: pytest.TempPathFactory,
    whole: tuple[str, ...],
    beside: list[str],
    kind: pa.DataType,
    odd: int | None,
    rows: int,
) -> None:
    root = tmp_path_factory.mktemp("parquet")
    names = sorted({*whole, *beside})
    labels = [odd, *(row % 2 for row in range(1, rows))][:rows]
    if kind != pa.string() and odd is not None:
        try:
            pa.array(labels, kind)
        except (pa.ArrowInvalid, OverflowError):
            labels = [0, 1] * 2
    for number, name in enumerate(names):
        (root / name).parent.mkdir(exist_ok=True)
        _write_rows(root / name, 10 * number, kind, labels)
    dataset = DatasetConfig(name="custom", source="parquet", path=str(root))
    images = _prepare(dataset, root.with_name(f"{root.name}-out"))
    if images is not None:
        looked_in = ("data", "plain_text", root.name)
        placed = [
            root / name
            for name in names
            if (root / name).parent.name in looked_in and name.lower().endswith(".parquet")
            if not name.startswith(".")
        ]
        _check_each_file(dataset, images, placed)
        assert images == len(source_files(dataset).read) * len(labels)
