from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pj2.config.schema import DatasetConfig
from pj2.data.sources import source_files
from pj2.errors import UserError
from tests.data.image_layouts import (
    pack,
    tiny,
    write_binary_batches,
    write_image_folder,
    write_parquet,
    write_python_batches,
)


def test_each_source_names_the_files_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny()
    monkeypatch.chdir(tmp_path)
    write_parquet(Path("parquet/data"), data, shards=2)
    write_image_folder(Path("images"), data)
    python = write_python_batches(Path("cifar-10-batches-py"), data)
    pack(write_binary_batches(Path("binary"), data), Path("archive.tar.gz"))

    def files(source: str, path: str | None) -> list[str]:
        read = source_files(DatasetConfig.model_validate({"source": source, "path": path})).read
        assert all(Path(file).exists() for file in read)
        return read

    assert files("parquet", "parquet") == [
        f"parquet/data/{split}-0000{shard}-of-00002.parquet"
        for split in ("train", "test")
        for shard in (0, 1)
    ]
    assert len(files("imagefolder", "images")) == 60
    assert all(Path(file).suffix == ".png" for file in files("imagefolder", "images"))
    assert files("archive", "archive.tar.gz") == ["archive.tar.gz"]
    assert files("archive", str(python)) == [
        *(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)),
        "cifar-10-batches-py/test_batch",
    ]
    assert files("torchvision", None) == []
    assert len(files("sample", None)) == 2


@pytest.mark.parametrize("source", ["parquet", "imagefolder", "archive"])
def test_a_missing_path_is_named(tmp_path: Path, source: str) -> None:
    dataset = DatasetConfig.model_validate({"source": source, "path": str(tmp_path / "nowhere")})
    with pytest.raises(UserError, match="nowhere does not exist"):
        source_files(dataset)


def test_a_folder_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_image_folder(tmp_path / "images", tiny())

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)  # chmod would not stop root
    dataset = DatasetConfig(source="imagefolder", path=str(folder))
    with pytest.raises(UserError, match=r"images: cannot be read \(Permission denied\)"):
        source_files(dataset)


def test_preparing_never_imports_torch(tmp_path: Path) -> None:
    folder = write_parquet(tmp_path / "parquet", tiny())
    code = (
        "import sys, pj2.data.prepare\n"
        "from pj2.config.schema import DatasetConfig\n"
        "from pj2.data.sources import read_source\n"
        "read_source(DatasetConfig(source='parquet', path=sys.argv[1]))\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=60)


def test_listing_files_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from pj2.config.schema import DatasetConfig\n"
        "from pj2.data.sources import source_files\n"
        "source_files(DatasetConfig())\n"
        "sys.exit(bool({'numpy', 'pyarrow', 'PIL', 'torch'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
