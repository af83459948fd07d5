"""One prepared data set, made by several at once and mapped by many."""

from __future__ import annotations

import filecmp
import multiprocessing
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from pj2.config.schema import DatasetConfig
from pj2.data.layout import IMAGES_FILE, INFO_FILE
from pj2.data.open import open_prepared
from pj2.data.prepare import prepare
from tests.data.image_layouts import tiny, write_parquet

NODES, ROUNDS = 3, 4


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetConfig:
    path = write_parquet(tmp_path / "source", tiny())
    return DatasetConfig(source="parquet", path=str(path))


def started(dataset: DatasetConfig, folder: Path) -> Iterator[BaseProcess]:
    """Start processes that prepare the same data set into one folder."""
    context = multiprocessing.get_context("fork")
    for _ in range(NODES):
        process = context.Process(target=prepare, args=(dataset, folder))
        process.start()
        yield process


def test_several_that_prepare_at_once_give_one_whole_data_set(
    dataset: DatasetConfig, tmp_path: Path
) -> None:
    expected = prepare(dataset, tmp_path / "alone")["hash"]
    for number in range(ROUNDS):
        folder = tmp_path / f"together{number}"
        nodes = list(started(dataset, folder))
        for node in nodes:
            node.join()
            assert node.exitcode == 0
        assert open_prepared(folder).hash == expected
        for name in (IMAGES_FILE, INFO_FILE):
            assert filecmp.cmp(folder / name, tmp_path / "alone" / name, shallow=False)
        assert len(list(folder.iterdir())) == 2


def test_a_job_that_maps_the_data_never_sees_them_missing(
    dataset: DatasetConfig, tmp_path: Path
) -> None:
    """Others may prepare them again: what is whole is left as it is, and where it is."""
    expected = prepare(dataset, tmp_path / "data")["hash"]
    files = [tmp_path / "data" / name for name in (IMAGES_FILE, INFO_FILE)]
    before = [path.stat().st_ino for path in files]
    nodes = list(started(dataset, tmp_path / "data"))
    opened = 0
    while any(node.is_alive() for node in nodes) or not opened:
        assert open_prepared(tmp_path / "data").hash == expected
        opened += 1
    assert [node.exitcode for node in nodes] == [0] * NODES
    assert [path.stat().st_ino for path in files] == before


@pytest.mark.parametrize("name", [IMAGES_FILE, INFO_FILE])
@pytest.mark.parametrize("damage", ["removed", "cut off", "of another data set"])
def test_what_is_not_whole_is_prepared_again(
    dataset: DatasetConfig, tmp_path: Path, name: str, damage: str
) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    info = prepare(dataset, folder)
    path = folder / name
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    elif damage == "cut off":
        path.write_bytes(content[: len(content) // 2])
    else:
        prepare(
            DatasetConfig.model_validate({**dataset.model_dump(), "limit": {"train": 10}}), other
        )
        path.write_bytes((other / name).read_bytes())
    assert prepare(dataset, folder) == info
    assert path.read_bytes() == content
    assert open_prepared(folder).hash == info["hash"]


def test_other_images_never_stand_beside_the_old_description(
    dataset: DatasetConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(dataset, tmp_path / "data")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pj2.data.prepare.write_json", killed)
    fewer = DatasetConfig.model_validate({**dataset.model_dump(), "limit": {"train": 10}})
    with pytest.raises(KeyboardInterrupt):
        prepare(fewer, tmp_path / "data")
    assert not (tmp_path / "data" / INFO_FILE).exists()
