"""Parquet in the layout of the Hugging Face Hub: struct{bytes, path} and a label."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pj2.config.datasets import DATASETS, is_mnist_size, match_classes
from pj2.config.schema import Resize
from pj2.data.layout import SIDE
from pj2.data.sources.images import Decode, decode_image
from pj2.data.sources.locate import SPLITS, few
from pj2.data.sources.locate_parquet import parquet_files
from pj2.data.sources.raw import RawDataset, Split, check_labels
from pj2.errors import UserError

_IMAGE_COLUMNS = ("img", "image")
_LABEL_COLUMNS = ("label", "fine_label")
_INT64 = np.iinfo(np.int64)
_ROWS = 1000  # rows decoded at a time, so that a shard is never held twice in memory


@dataclass(frozen=True)
class _Shard:
    """One open file: its columns, and the class names its schema gives, if any."""

    path: Path
    file: pq.ParquetFile
    image: str
    label: str
    names: tuple[str, ...] | None


def read_parquet(path: str | Path, name: str, resize: Resize | None = None) -> RawDataset:
    """Read both splits of data set `name` from the folder `path`.

    Class names are those of the schema's Hugging Face metadata, else the
    catalogue's, else (custom) the labels themselves. A known data set whose
    metadata lists its classes in another order is relabelled to the official
    order. Raises UserError naming the file and row of what is missing,
    unreadable or out of range.
    """
    opened = {
        split: [_open(file) for file in files] for split, files in parquet_files(path).items()
    }
    shards = [shard for split in SPLITS for shard in opened[split]]
    classes, official = _classes(name, shards)
    decode = partial(decode_image, pad=is_mnist_size(name), resize=resize)
    parts = {shard.path: _read_shard(shard, decode) for shard in shards}
    splits = {}
    for split in SPLITS:
        read = [parts[shard.path] for shard in opened[split]]
        splits[split] = Split(
            np.concatenate([part.images for part in read]),
            np.concatenate([part.labels for part in read]),
        )
        if (splits[split].labels == -1).all():
            raise UserError(
                f"{opened[split][0].path}: the {split} split has no labels (each is -1); "
                "images with labels are needed"
            )
    if not classes:
        distinct = np.unique(splits["train"].labels)
        classes = tuple(str(label) for label in range(len(distinct)))
    for file, part in parts.items():
        check_labels(part.labels, len(classes), str(file), "row")
    if official is not None:
        splits = {
            split: Split(part.images, official[part.labels]) for split, part in splits.items()
        }
    return RawDataset(splits["train"], splits["test"], classes)


def _open(path: Path) -> _Shard:
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a readable Parquet file, perhaps cut short ({_line(error)})"
        ) from None
    columns = schema.names
    images = [column for column in columns if column in _IMAGE_COLUMNS]
    labels = [column for column in columns if column in _LABEL_COLUMNS]
    if len(images) != 1 or len(labels) != 1:
        raise UserError(
            f"{path}: the columns are {few(columns)}; one image column (img or image) and one "
            "label column (label or fine_label) are needed"
        )
    (image,), (label,) = images, labels
    kind = schema.field(image).type
    if not (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0):
        raise UserError(f"{path}: column {image} is {kind}; it must be struct<bytes, path>")
    if not pa.types.is_integer(schema.field(label).type):
        raise UserError(
            f"{path}: column {label} is {schema.field(label).type}; it must hold integers"
        )
    return _Shard(path, file, image, label, _schema_classes(schema.metadata or {}, label))


def _schema_classes(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...] | None:
    """Return the class names in Hugging Face metadata; None where there are none."""
    try:
        features: Any = json.loads(metadata[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(str(name) for name in names) if isinstance(names, list) and names else None


def _classes(
    name: str, shards: list[_Shard]
) -> tuple[tuple[str, ...], npt.NDArray[np.int64] | None]:
    """Return the class names, and the official label of each label where the two differ."""
    first = shards[0]
    for shard in shards:
        if shard.names != first.names:
            raise UserError(f"{shard.path}: its class names are not those of {first.path.name}")
    if first.names is not None and len(set(first.names)) < len(first.names):
        raise UserError(f"{first.path}: two of its classes have one name: {few(first.names)}")
    known = DATASETS[name].classes if name in DATASETS else ()
    if first.names is None or not known:
        return first.names or known, None
    labels = match_classes(name, first.names)
    if labels is None:
        raise UserError(
            f"{first.path}: the {len(first.names)} classes are {few(first.names)}; dataset.name "
            f"{name} has {len(known)}: {few(known)} (dataset.name: custom takes any classes)"
        )
    return known, np.array(labels, dtype=np.int64)


def _read_shard(shard: _Shard, decode: Decode) -> Split:
    rows = shard.file.metadata.num_rows
    images = np.empty((rows, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.empty(rows, dtype=np.int64)
    start = 0
    try:
        for batch in shard.file.iter_batches(_ROWS, columns=[f"{shard.image}.bytes", shard.label]):
            part = slice(start, start + batch.num_rows)
            _decode_batch(batch, shard, start, Split(images[part], labels[part]), decode)
            start += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{shard.path}: unreadable after row {start}, perhaps cut short ({_line(error)})"
        ) from None
    return Split(images, labels)


def _decode_batch(
    batch: pa.RecordBatch, shard: _Shard, start: int, target: Split, decode: Decode
) -> None:
    """Decode one batch of rows, which begins at row `start` of the shard, into `target`."""
    values = batch.column(shard.label)
    encoded = batch.column(shard.image).field("bytes")
    for offset, (image, label) in enumerate(
        zip(encoded.to_pylist(), values.to_pylist(), strict=True)
    ):
        place = f"{shard.path}: row {start + offset}"
        if image is None:
            raise UserError(f"{place}: no image bytes in column {shard.image}")
        if label is None:
            raise UserError(f"{place}: no label in column {shard.label}")
        if label > _INT64.max:
            raise UserError(f"{place}: label {label}; labels are 0, 1, 2 and so on")
        target.images[offset] = decode(image, place)
        target.labels[offset] = label


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
