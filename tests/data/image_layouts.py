"""A tiny ten-class data set, written in every layout that a source reads."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pj2.config.datasets import DATASETS

CIFAR10 = DATASETS["cifar10"].classes


@dataclass
class Tiny:
    """Images uint8 [N, 32, 32, 3] and labels [N] of both splits."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return getattr(self, f"{name}_images"), getattr(self, f"{name}_labels")

    def batches(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The official CIFAR-10 batches: five of training images and one of test images."""
        parts = zip(
            np.array_split(self.train_images, 5), np.array_split(self.train_labels, 5), strict=True
        )
        named = {f"data_batch_{number}": part for number, part in enumerate(parts, start=1)}
        return {**named, "test_batch": (self.test_images, self.test_labels)}


def tiny(train: int = 40, test: int = 20, classes: int = 10, seed: int = 0) -> Tiny:
    """Random images; the labels count through the classes, shuffled."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (train + test, 32, 32, 3), dtype=np.uint8)
    return Tiny(
        images[:train],
        random.permutation(np.arange(train) % classes),
        images[train:],
        random.permutation(np.arange(test) % classes),
    )


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def parquet_table(
    encoded: list[bytes | None],
    labels: list[int | None],
    *,
    image: str = "img",
    label: str = "label",
    names: tuple[str, ...] | None = CIFAR10,
) -> pa.Table:
    structs = pa.array(
        [{"bytes": content, "path": None} for content in encoded],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    table = pa.table({image: structs, label: pa.array(labels, pa.int64())})
    if names is None:
        return table
    features = {image: {"_type": "Image"}, label: {"names": list(names), "_type": "ClassLabel"}}
    return table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )


def write_parquet(folder: Path, data: Tiny, *, shards: int = 1, **columns: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        images, labels = data.split(split)
        table = parquet_table([png(image) for image in images], labels.tolist(), **columns)
        size = -(-len(table) // shards)
        for shard in range(shards):
            name = f"{split}-{shard:05d}-of-{shards:05d}.parquet"
            pq.write_table(table.slice(shard * size, size), folder / name)
    return folder


def write_image_folder(folder: Path, data: Tiny, classes: tuple[str, ...] = CIFAR10) -> Path:
    for split in ("train", "test"):
        images, labels = data.split(split)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = folder / split / classes[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(image))
    return folder


def planes(images: np.ndarray) -> np.ndarray:
    """The rows of the official batches: red, green and blue planes, [N, 3072]."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def python2_pickle(pixels: np.ndarray, key: str, labels: list[int]) -> bytes:
    """The opcodes that Python 2's cPickle wrote for the official batches."""

    def string(text: str) -> bytes:
        return b"U" + bytes([len(text)]) + text.encode()

    def integer(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    shape = integer(pixels.shape[0]) + integer(pixels.shape[1]) + b"\x86"
    dtype = b"cnumpy\ndtype\n" + string("u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + string("|") + b"NNN" + integer(-1) + integer(-1) + b"K\x00tb"
    content = pixels.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string("b")
    array += b"\x87R(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(content)) + content
    array += b"tb"
    numbers = b"](" + b"".join(integer(label) for label in labels) + b"e"
    return b"\x80\x02}(" + string("data") + array + string(key) + numbers + b"u."


def write_python_batches(folder: Path, data: Tiny, protocol: int | None = None) -> Path:
    """Official CIFAR-10 batches; by Python 2 unless a protocol of Python 3 is given."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (images, labels) in data.batches().items():
        if protocol is None:
            content = python2_pickle(planes(images), "labels", labels.tolist())
        else:
            batch = {b"data": planes(images), b"labels": labels.tolist(), b"filenames": [b"a.png"]}
            content = pickle.dumps(batch, protocol)
        (folder / name).write_bytes(content)
    return folder


def write_binary_batches(folder: Path, data: Tiny) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (images, labels) in data.batches().items():
        records = np.concatenate([labels[:, None].astype(np.uint8), planes(images)], axis=1)
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return folder


def pack(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, arcname=folder.name)
    return archive


def idx_gz(path: Path, array: np.ndarray) -> Path:
    """The gzipped IDX format of the MNIST family, unsigned bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))
    return path
