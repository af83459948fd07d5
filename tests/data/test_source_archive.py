from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pj2.config.datasets import DATASETS
from pj2.data.sources.archive import read_archive
from pj2.data.sources.unpickle import load_batch
from pj2.errors import UserError
from tests.data.image_layouts import (
    Tiny,
    pack,
    planes,
    python2_pickle,
    tiny,
    write_binary_batches,
    write_python_batches,
)

Complaint = Callable[..., str]


@pytest.fixture
def data() -> Tiny:
    return tiny()


@pytest.mark.parametrize("protocol", [None, 0, 1, 2, 3, 4, 5])
def test_pickles_of_python_2_and_3_are_read(
    tmp_path: Path, data: Tiny, protocol: int | None
) -> None:
    folder = write_python_batches(tmp_path / "cifar-10-batches-py", data, protocol)
    raw = read_archive(folder, "cifar10")
    assert (raw.train.images == data.train_images).all()
    assert (raw.train.labels == data.train_labels).all()
    assert (raw.test.images == data.test_images).all()


@pytest.mark.parametrize("kind", ["python", "binary"])
def test_cifar100_takes_the_fine_label(tmp_path: Path, kind: str) -> None:
    data = tiny(train=200, test=100, classes=100)
    folder = tmp_path / f"cifar-100-{kind}"
    folder.mkdir()
    for split in ("train", "test"):
        images, labels = data.split(split)
        if kind == "python":
            batch = {
                "data": planes(images),
                "fine_labels": labels.tolist(),
                "coarse_labels": [0] * len(labels),
            }
            (folder / split).write_bytes(pickle.dumps(batch))
        else:
            both = np.stack([np.zeros_like(labels), labels], axis=1).astype(np.uint8)
            records = np.concatenate([both, planes(images)], axis=1)
            (folder / f"{split}.bin").write_bytes(records.tobytes())
    raw = read_archive(pack(folder, tmp_path / "archive.tar.gz"), "cifar100")
    assert raw.classes == DATASETS["cifar100"].classes
    assert (raw.train.labels == data.train_labels).all()
    assert (raw.test.images == data.test_images).all()


class _Call:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def _named(module: str, name: str, argument: str) -> bytes:
    text = argument.encode()
    return (
        b"c"
        + f"{module}\n{name}\n".encode()
        + b"X"
        + len(text).to_bytes(4, "little")
        + (text + b"\x85R.")
    )


@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "builtins.open"])
def test_a_pickle_that_calls_a_function_is_refused_and_not_run(
    tmp_path: Path, data: Tiny, complaint: Complaint, function: str
) -> None:
    marker = tmp_path / "executed"
    calls = {
        "os.system": (__import__("os").system, f"touch {marker}"),
        "builtins.eval": (eval, f"open({str(marker)!r}, 'w')"),
        "builtins.open": (open, str(marker), "w"),
    }
    folder = write_python_batches(tmp_path / "cifar-10-batches-py", data)
    batch = {
        b"data": planes(data.test_images),
        b"labels": [0],
        b"x": _Call(*calls[function]),
    }
    (folder / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    line = complaint(source="archive", path=str(folder))
    assert line.startswith(f"{folder}/test_batch: refused to load the pickle, which asks for ")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "fromfile"),
        ("_codecs", "lookup"),
        ("pj2.data.sources.unpickle", "load_batch"),
    ],
)
def test_only_the_listed_names_are_answered(module: str, name: str) -> None:
    with pytest.raises(UserError, match="refused to load the pickle"):
        load_batch(_named(module, name, "x"), "batch")


def test_arrays_of_objects_are_refused() -> None:
    batch = {"data": np.array([[1, None]], dtype=object)}
    with pytest.raises(UserError, match="not integers"):
        load_batch(pickle.dumps(batch, protocol=2), "batch")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}", pickle.dumps([1])])
def test_a_file_that_is_no_batch_is_named(content: bytes) -> None:
    with pytest.raises(UserError, match=r"^batch: not a readable pickled batch"):
        load_batch(content, "batch")


def test_truncated_python_batch(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_python_batches(tmp_path / "cifar-10-batches-py", data)
    content = (folder / "data_batch_3").read_bytes()
    (folder / "data_batch_3").write_bytes(content[:9000])
    line = complaint(source="archive", path=str(folder))
    assert line.startswith(f"{folder}/data_batch_3: not a readable pickled batch")


def test_python_batch_of_another_shape(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_python_batches(tmp_path / "cifar-10-batches-py", data)
    pixels = planes(data.test_images)
    labels = data.test_labels.tolist()
    (folder / "test_batch").write_bytes(python2_pickle(pixels[:, :784], "labels", labels))
    assert "must be uint8 (images, 3072)" in complaint(source="archive", path=str(folder))
    (folder / "test_batch").write_bytes(python2_pickle(pixels, "fine_labels", labels))
    assert "labels is missing" in complaint(source="archive", path=str(folder))
    (folder / "test_batch").write_bytes(python2_pickle(pixels, "labels", labels[1:]))
    assert "19 labels for 20 images" in complaint(source="archive", path=str(folder))
    labels[5] = 10
    (folder / "test_batch").write_bytes(python2_pickle(pixels, "labels", labels))
    line = complaint(source="archive", path=str(folder))
    assert line.startswith(f"{folder}/test_batch: image 5: label 10")


def test_truncated_binary_batch(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_binary_batches(tmp_path / "cifar-10-batches-bin", data)
    file = folder / "data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-100])
    line = complaint(source="archive", path=str(folder))
    assert line.startswith(f"{file}: {8 * 3073 - 100} bytes end within image 7")


def test_wrong_label_in_binary_batch(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_binary_batches(tmp_path / "cifar-10-batches-bin", data)
    file = folder / "test_batch.bin"
    content = bytearray(file.read_bytes())
    content[3 * 3073] = 200
    file.write_bytes(content)
    line = complaint(source="archive", path=str(folder))
    assert line == f"{file}: image 3: label 200; labels of 10 classes are 0 to 9"


def test_missing_batch(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_binary_batches(tmp_path / "cifar-10-batches-bin", data)
    (folder / "data_batch_4.bin").unlink()
    archive = pack(folder, tmp_path / "archive.tar.gz")
    for path in (folder, archive):
        line = complaint(source="archive", path=str(path))
        assert line.startswith(f"{path}: data_batch_4.bin is missing")


def test_truncated_damaged_and_foreign_archives(
    tmp_path: Path, data: Tiny, complaint: Complaint
) -> None:
    folder = write_binary_batches(tmp_path / "cifar-10-batches-bin", data)
    archive = pack(folder, tmp_path / "archive.tar.gz")
    whole = archive.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    for content in (whole[: len(whole) // 2], bytes(damaged), b"<html>not found</html>", b""):
        archive.write_bytes(content)
        line = complaint(source="archive", path=str(archive))
        assert line.startswith(f"{archive}: not a readable tar archive")
    archive.write_bytes(whole)
    assert "no batches of CIFAR-100" in complaint(
        name="cifar100", source="archive", path=str(archive)
    )


def test_an_archive_with_two_files_of_one_name(
    tmp_path: Path, data: Tiny, complaint: Complaint
) -> None:
    """Which of them tar hands out last is no reason to read it."""
    folder = write_binary_batches(tmp_path / "cifar-10-batches-bin", data)
    (folder / "old").mkdir()
    shutil.copy(folder / "data_batch_1.bin", folder / "old" / "data_batch_2.bin")
    archive = pack(folder, tmp_path / "archive.tar.gz")
    line = complaint(source="archive", path=str(archive))
    assert line.startswith(f"{archive}: cifar-10-batches-bin/")
    assert "a second data_batch_2.bin" in line


def test_a_folder_without_batches(tmp_path: Path, complaint: Complaint) -> None:
    line = complaint(source="archive", path=str(tmp_path))
    assert line.startswith(f"{tmp_path}: no batches of CIFAR-10; ")
    assert "cifar-10-batches-py" in line
