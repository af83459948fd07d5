"""The official CIFAR-10 and CIFAR-100 files, Python or binary, packed or unpacked.

Format: https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pj2.config.datasets import DATASETS
from pj2.data.layout import SIDE
from pj2.data.sources.locate import ARCHIVES, SPLITS, Layout, complete_layout, existing, unpacked
from pj2.data.sources.raw import RawDataset, Split, check_labels
from pj2.data.sources.unpickle import load_batch
from pj2.errors import UserError

_CHUNK = 1 << 20  # bytes
_PIXELS = 3 * SIDE * SIDE  # red, green, blue planes, each row by row

_Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]  # pixels [N, 3072], labels [N]


def read_archive(path: str | Path, name: str) -> RawDataset:
    """Read the official files of `name` from a .tar.gz or the folder it unpacks to.

    Raises UserError naming the file, and the image in it, that is missing, cut
    short, damaged or labelled out of range.
    """
    source = existing(path)
    if source.is_dir():
        folder, layout = unpacked(source, name)
        wanted = [file for split in SPLITS for file in layout.files[split]]
        contents = {file: (folder / file).read_bytes() for file in wanted}
        place = f"{folder}/"
    else:
        contents = _unpack(source, name)
        layout = complete_layout(contents.keys(), name, str(source))
        place = f"{source}: "
    classes = DATASETS[name].classes
    splits = {}
    for split in SPLITS:
        batches = [
            _read_batch(contents.pop(file), layout, len(classes), place + file)
            for file in layout.files[split]
        ]
        splits[split] = Split(
            np.concatenate([batch.images for batch in batches]),
            np.concatenate([batch.labels for batch in batches]),
        )
    return RawDataset(splits["train"], splits["test"], classes)


def _unpack(path: Path, name: str) -> dict[str, bytes]:
    """Return the content of every batch file in a tar archive, by base name."""
    wanted = {
        file for layout in ARCHIVES[name] for files in layout.files.values() for file in files
    }
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                base = member.name.rsplit("/", 1)[-1]
                file = archive.extractfile(member) if base in wanted and member.isfile() else None
                if file is not None:
                    if base in contents:
                        raise UserError(f"{path}: {member.name}: a second {base}; keep one of them")
                    contents[base] = file.read()
            # tarfile stops before the end, where gzip verifies the checksum of everything.
            while archive.fileobj is not None and archive.fileobj.read(_CHUNK):
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk or its permissions, not the archive
        raise UserError(
            f"{path}: not a readable tar archive, perhaps cut short "
            f"({str(error).splitlines()[0] or type(error).__name__})"
        ) from None
    return contents


def _read_batch(content: bytes, layout: Layout, classes: int, place: str) -> Split:
    if layout.label_bytes:
        pixels, labels = _binary_batch(content, layout.label_bytes, place)
    else:
        pixels, labels = _python_batch(content, layout.label_key, place)
    check_labels(labels, classes, place, "image")
    return Split(pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels)


def _binary_batch(content: bytes, label_bytes: int, place: str) -> _Batch:
    record = label_bytes + _PIXELS
    images, rest = divmod(len(content), record)
    if rest or not images:
        raise UserError(
            f"{place}: {len(content)} bytes end within image {images}; a batch has {record} bytes "
            "for each image"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(images, record)
    return records[:, label_bytes:], records[:, label_bytes - 1].astype(np.int64)


def _is_small_int(value: object) -> bool:
    return type(value) is int and abs(value) < 2**31


def _python_batch(content: bytes, label_key: str, place: str) -> _Batch:
    batch = load_batch(content, place)
    pixels, labels = batch.get("data"), batch.get(label_key)
    if not (
        isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 2
    ) or pixels.shape[1:] != (_PIXELS,):
        kind = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else "missing"
        raise UserError(f"{place}: data is {kind}; it must be uint8 (images, {_PIXELS})")
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    if not isinstance(labels, list) or not all(_is_small_int(label) for label in labels):
        raise UserError(f"{place}: {label_key} is missing or not a list of integers")
    if len(labels) != len(pixels):
        raise UserError(f"{place}: {len(labels)} labels for {len(pixels)} images")
    return pixels, np.array(labels, dtype=np.int64)
