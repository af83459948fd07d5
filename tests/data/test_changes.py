"""What makes prepared data outdated: other content, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pj2.config.schema import DatasetConfig
from pj2.data.changes import is_outdated
from pj2.data.prepare import prepare
from pj2.errors import UserError
from pj2.store import verified
from tests.data.image_layouts import png, tiny, write_image_folder, write_parquet

Outdated = Callable[[], bool]
LONG_AGO = 1_577_836_800


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory; what was hashed is remembered, as of files that are seconds old."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verified, "_SETTLED_NANOSECONDS", -(10**9))


def _prepared(source: str, path: str) -> Outdated:
    """Prepare a data set; return what says whether it is outdated, which it is not yet."""
    for file in Path(path).rglob("*"):
        os.utime(file, (LONG_AGO, LONG_AGO))
    dataset = DatasetConfig.model_validate({"name": "custom", "source": source, "path": path})
    prepare(dataset, Path("out"))

    def outdated() -> bool:
        return is_outdated("out", dataset)

    assert not outdated()
    return outdated


def _keep_times(file: Path, content: bytes) -> None:
    """Write over a file as a tool that preserves times does."""
    file.write_bytes(content)
    os.utime(file, (LONG_AGO, LONG_AGO))


def test_an_image_overwritten_in_place() -> None:
    write_image_folder(Path("images"), tiny())
    outdated = _prepared("imagefolder", "images")
    first, second = sorted(Path("images/train/cat").iterdir())[:2]
    original = first.read_bytes()
    _keep_times(first, second.read_bytes())
    assert outdated()
    _keep_times(first, original)
    assert not outdated(), "it is the content that counts"


def test_an_image_added_or_deleted_or_of_another_class() -> None:
    write_image_folder(Path("images"), tiny())
    outdated = _prepared("imagefolder", "images")
    file = next(Path("images/train/cat").iterdir())
    moved = Path("images/train/dog/moved.png")
    file.rename(moved)
    assert outdated()
    moved.rename(file)
    assert not outdated()
    added = file.with_name("added.png")
    added.write_bytes(png(tiny(seed=1).train_images[0]))
    assert outdated()
    added.unlink()
    file.unlink()
    assert outdated()


def test_a_path_that_leads_to_another_folder() -> None:
    for name, seed in (("one", 0), ("two", 1)):
        write_image_folder(Path(name), tiny(seed=seed))
        for file in Path(name).rglob("*"):
            os.utime(file, (LONG_AGO, LONG_AGO))
    Path("images").symlink_to("one")
    outdated = _prepared("imagefolder", "images")
    Path("images").unlink()
    Path("images").symlink_to("two")
    assert outdated()


def test_a_parquet_file_replaced_by_an_older_one() -> None:
    write_parquet(Path("parquet"), tiny())
    write_parquet(Path("other"), tiny(seed=1))
    outdated = _prepared("parquet", "parquet")
    older = Path("other/train-00000-of-00001.parquet")
    os.utime(older, (LONG_AGO - 1000, LONG_AGO - 1000))
    shutil.copy2(older, Path("parquet"))
    assert outdated()


def test_the_same_files_with_other_times_or_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    write_image_folder(Path("images"), tiny())
    outdated = _prepared("imagefolder", "images")
    for file in Path("images").rglob("*"):
        file.touch()
    assert not outdated()
    shutil.copytree(".", "../elsewhere")
    monkeypatch.chdir("../elsewhere")
    assert not outdated()


def test_unchanged_files_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    write_image_folder(Path("images"), tiny())
    outdated = _prepared("imagefolder", "images")

    def refuse(path: str) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(verified, "sha256_file", refuse)
    assert not outdated()


def test_data_that_do_not_say_what_they_were_made_from(tmp_path: Path) -> None:
    write_image_folder(Path("images"), tiny())
    outdated = _prepared("imagefolder", "images")
    info = Path("out/dataset.json")
    info.write_text(info.read_text().replace("source_digest", "something_else"))
    with pytest.raises(UserError, match=r"dataset\.json: was edited or damaged"):
        outdated()
    info.unlink()
    assert not outdated(), "there are none, so they are prepared in any case"
