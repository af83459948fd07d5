from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pj2.config.datasets import DATASETS
from pj2.data.sources.parquet import read_parquet
from tests.data.image_layouts import CIFAR10, Tiny, parquet_table, png, tiny, write_parquet

Complaint = Callable[..., str]
TEST = "test-00000-of-00001.parquet"


@pytest.fixture
def data() -> Tiny:
    return tiny()


@pytest.fixture
def folder(tmp_path: Path, data: Tiny) -> Path:
    return write_parquet(tmp_path / "parquet", data)


def _rewrite_test(folder: Path, data: Tiny, **changed: Any) -> None:
    """Write the test shard again with one image or one label changed."""
    encoded: list[bytes | None] = [png(image) for image in data.test_images]
    labels: list[int | None] = data.test_labels.tolist()
    if "image" in changed:
        encoded[13] = changed["image"]
    if "label" in changed:
        labels[13] = changed["label"]
    pq.write_table(parquet_table(encoded, labels), folder / TEST)


def test_class_names_in_another_order_are_brought_to_the_official_one(
    tmp_path: Path, data: Tiny
) -> None:
    reversed_labels = Tiny(
        data.train_images, 9 - data.train_labels, data.test_images, 9 - data.test_labels
    )
    folder = write_parquet(tmp_path / "reversed", reversed_labels, names=CIFAR10[::-1])
    raw = read_parquet(folder, "cifar10")
    assert raw.classes == CIFAR10
    assert (raw.train.labels == data.train_labels).all()
    assert (raw.test.images == data.test_images).all()


def test_cifar100_is_read_from_fine_label_under_its_published_spelling(tmp_path: Path) -> None:
    data = tiny(train=200, test=100, classes=100)
    classes = DATASETS["cifar100"].classes
    published = tuple("cra" if name == "crab" else name for name in classes)
    folder = write_parquet(tmp_path / "parquet", data, label="fine_label", names=published)
    raw = read_parquet(folder, "cifar100")
    assert raw.classes == classes
    assert (raw.train.labels == data.train_labels).all()


def test_a_custom_data_set_takes_its_names_or_numbers_its_labels(tmp_path: Path) -> None:
    data = tiny(train=6, test=3, classes=3)
    named = write_parquet(tmp_path / "named", data, names=("oak", "elm", "ash"))
    bare = write_parquet(tmp_path / "bare", data, names=None)
    assert read_parquet(named, "custom").classes == ("oak", "elm", "ash")
    assert read_parquet(bare, "custom").classes == ("0", "1", "2")


def test_fashion_mnist_is_padded_and_replicated(tmp_path: Path) -> None:
    grey = np.arange(20 * 28 * 28, dtype=np.uint8).reshape(20, 28, 28)
    labels = np.arange(20) % 10
    folder = write_parquet(
        tmp_path / "parquet", Tiny(grey, labels, grey, labels), image="image", names=None
    )
    images = read_parquet(folder, "fashion_mnist").test.images
    assert images.shape == (20, 32, 32, 3)
    assert (images[:, 2:30, 2:30] == grey[..., None]).all()
    assert images.sum(dtype=int) == 3 * grey.sum(dtype=int), "the border must be zeros"


def test_missing_path(tmp_path: Path, complaint: Complaint) -> None:
    line = complaint(source="parquet", path=str(tmp_path / "nowhere"))
    assert line.startswith(f"dataset.path: {tmp_path / 'nowhere'} does not exist")


def test_missing_split(folder: Path, complaint: Complaint) -> None:
    (folder / TEST).unlink()
    assert "has no test*.parquet" in complaint(source="parquet", path=str(folder))


def test_a_file_instead_of_a_folder(folder: Path, complaint: Complaint) -> None:
    assert "is a file" in complaint(source="parquet", path=str(folder / TEST))


def test_missing_shard(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_parquet(tmp_path / "shards", data, shards=3)
    (folder / "train-00001-of-00003.parquet").unlink()
    assert "shard 00001 is missing" in complaint(source="parquet", path=str(folder))


def test_two_sets_of_shards(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_parquet(tmp_path / "shards", data, shards=3)
    write_parquet(folder, data, shards=2)
    assert "different sets of shards" in complaint(source="parquet", path=str(folder))


@pytest.mark.parametrize(
    "names",
    [
        ["train.parquet", "train (1).parquet"],
        ["train.parquet", "train-00000-of-00001.parquet"],
        ["train-00000-of-00001-0aa2de2ec6e1fa7d.parquet", "train-00000-of-00001-90b4.parquet"],
        ["train-00000-of-00001.parquet", "train-00000-of-00001 copy.parquet"],
        ["train-00000-of-00001.parquet", "train_old-00000-of-00001.parquet"],
        ["train-00000-of-00001.parquet", "train-00001-of-00001.parquet"],
        ["train.parquet", "TRAIN2.PARQUET"],
        ["train-00000-of-00002-0aa2de2ec6e1fa7d.parquet"],
        ["train-00000-of-99999999999999999999.parquet"],
        ["train-00000-of-00000.parquet"],
        ["train.parquet", "data/train.parquet"],
    ],
)
def test_files_that_are_not_one_whole_set(
    folder: Path, complaint: Complaint, names: list[str]
) -> None:
    """Rows would be counted twice, or be missing."""
    original = (folder / "train-00000-of-00001.parquet").rename(folder / "original")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(original, folder / name)
    line = complaint(source="parquet", path=str(folder))
    assert str(folder) in line


@pytest.mark.parametrize("name", ["train-{}-of-00002-0aa2de2ec6e1fa7d", "Train-{}-of-2"])
def test_one_set_of_shards_as_the_hub_names_it(tmp_path: Path, data: Tiny, name: str) -> None:
    folder = write_parquet(tmp_path / "parquet", data, shards=2)
    for number in range(2):
        shard = folder / f"train-{number:05d}-of-00002.parquet"
        shard.rename(folder / f"{name.format(f'{number:05d}')}.parquet")
    assert len(read_parquet(folder, "cifar10").train.labels) == 40


@pytest.mark.parametrize("kept", [0, 3, 2000, -5])
def test_truncated_file(folder: Path, complaint: Complaint, kept: int) -> None:
    content = (folder / TEST).read_bytes()
    (folder / TEST).write_bytes(content[:kept])
    line = complaint(source="parquet", path=str(folder))
    assert line.startswith(f"{folder / TEST}: not a readable Parquet file")


def test_damaged_pages(folder: Path, complaint: Complaint) -> None:
    content = bytearray((folder / TEST).read_bytes())
    content[4:2000] = bytes(1996)
    (folder / TEST).write_bytes(content)
    assert complaint(source="parquet", path=str(folder)).startswith(f"{folder / TEST}: ")


@pytest.mark.parametrize("damage", ["not an image", "truncated", "one bit", "absent"])
def test_damaged_image(folder: Path, data: Tiny, complaint: Complaint, damage: str) -> None:
    content = bytearray(png(data.test_images[13]))
    content[500] ^= 1
    _rewrite_test(
        folder,
        data,
        image={
            "not an image": b"hello",
            "truncated": png(data.test_images[13])[:900],
            "one bit": bytes(content),
            "absent": None,
        }[damage],
    )
    line = complaint(source="parquet", path=str(folder))
    assert line.startswith(f"{folder / TEST}: row 13: ")


def test_image_of_another_size(folder: Path, data: Tiny, complaint: Complaint) -> None:
    _rewrite_test(folder, data, image=png(np.zeros((32, 48, 3), dtype=np.uint8)))
    line = complaint(source="parquet", path=str(folder))
    expected = f"{folder / TEST}: row 13: the image is 48x32 pixels; it must be 32x32 "
    assert line.startswith(expected)
    assert "dataset.resize" in line


@pytest.mark.parametrize("label", [10, -1, 2**40])
def test_label_out_of_range(folder: Path, data: Tiny, complaint: Complaint, label: int) -> None:
    _rewrite_test(folder, data, label=label)
    line = complaint(source="parquet", path=str(folder))
    expected = f"row 13: label {label}; labels of 10 classes are 0 to 9"
    assert line == f"{folder / TEST}: {expected}"


def test_a_label_beyond_64_bits(folder: Path, data: Tiny, complaint: Complaint) -> None:
    encoded: list[bytes | None] = [png(image) for image in data.test_images]
    labels = pa.array([2**63 + 5, *data.test_labels.tolist()[1:]], pa.uint64())
    table = parquet_table(encoded, data.test_labels.tolist()).set_column(1, "label", labels)
    pq.write_table(table, folder / TEST)
    line = complaint(source="parquet", path=str(folder))
    assert line.startswith(f"{folder / TEST}: row 0: label {2**63 + 5}")


def test_a_split_without_labels(tmp_path: Path, complaint: Complaint) -> None:
    """Public test sets often have -1 for every label; it is no class of its own."""
    data = tiny(train=6, test=3, classes=3)
    data.test_labels[:] = -1
    folder = write_parquet(tmp_path / "parquet", data, names=None)
    line = complaint(name="custom", source="parquet", path=str(folder))
    assert line.startswith(f"{folder / TEST}: the test split has no labels")


def test_labels_that_count_from_one(tmp_path: Path, complaint: Complaint) -> None:
    data = tiny(train=6, test=3, classes=3)
    data.train_labels += 1
    data.test_labels += 1
    folder = write_parquet(tmp_path / "parquet", data, names=None)
    line = complaint(name="custom", source="parquet", path=str(folder))
    assert "label 3; labels of 3 classes are 0 to 2" in line


def test_missing_label(folder: Path, data: Tiny, complaint: Complaint) -> None:
    _rewrite_test(folder, data, label=None)
    assert "row 13: no label" in complaint(source="parquet", path=str(folder))


def test_a_class_without_images(folder: Path, data: Tiny, complaint: Complaint) -> None:
    labels = [8 if label == 9 else label for label in data.test_labels.tolist()]
    pq.write_table(parquet_table([png(image) for image in data.test_images], labels), folder / TEST)
    line = complaint(source="parquet", path=str(folder))
    assert "the test split has no image of truck" in line


def test_classes_of_another_data_set(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    letters = write_parquet(tmp_path / "letters", data, names=tuple("abcdefghij"))
    line = complaint(source="parquet", path=str(letters))
    assert "the 10 classes are a, b, c, d, e and 5 more" in line


def test_two_classes_of_one_name(tmp_path: Path, data: Tiny, complaint: Complaint) -> None:
    folder = write_parquet(tmp_path / "twins", data, names=tuple("abcdefghia"))
    line = complaint(name="custom", source="parquet", path=str(folder))
    assert "two of its classes have one name" in line


def test_wrong_columns(folder: Path, data: Tiny, complaint: Complaint) -> None:
    encoded: list[bytes | None] = [png(image) for image in data.test_images]
    labels: list[int | None] = data.test_labels.tolist()
    pq.write_table(parquet_table(encoded, labels, image="picture"), folder / TEST)
    assert "the columns are picture, label" in complaint(source="parquet", path=str(folder))
    pq.write_table(pa.table({"img": encoded, "label": labels}), folder / TEST)
    assert "column img is binary" in complaint(source="parquet", path=str(folder))
    for column, twin in (("img", "image"), ("label", "fine_label")):
        table = parquet_table(encoded, labels)
        pq.write_table(table.append_column(twin, table[column]), folder / TEST)
        line = complaint(source="parquet", path=str(folder))
        assert f"the columns are img, label, {twin}; one " in line
    text = parquet_table(encoded, labels).set_column(1, "label", pa.array(["cat"] * 20))
    pq.write_table(text, folder / TEST)
    assert "column label is string" in complaint(source="parquet", path=str(folder))
