"""A new folder or tar file is whole, or not there."""

from __future__ import annotations

import filecmp
import tarfile
from pathlib import Path

import pytest

from pj2.errors import UserError
from pj2.publish.place import new_folder


def fill(folder: Path, reverse: bool = False) -> None:
    for name in sorted(("b.txt", "sub/a=1.txt", "a.txt"), reverse=reverse):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with new_folder(tmp_path / "deep" / "out", "study") as folder:
        fill(folder)
        assert not (tmp_path / "deep" / "out").exists()
    assert (tmp_path / "deep" / "out" / "sub" / "a=1.txt").read_text() == "sub/a=1.txt"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_equal_files_give_an_equal_tar_file(tmp_path):
    for place, reverse in (("one", False), ("other", True)):
        with new_folder(tmp_path / f"{place}.tar", "study") as folder:
            fill(folder, reverse)
    assert filecmp.cmp(tmp_path / "one.tar", tmp_path / "other.tar", shallow=False)
    with tarfile.open(tmp_path / "one.tar") as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == [
        "study/a.txt", "study/b.txt", "study/sub/a=1.txt",
    ]  # fmt: skip
    assert {(member.mtime, member.mode, member.uid) for member in members} == {(0, 0o644, 0)}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["out", "out.tar", "link/../out", "link/../out.tar"])
def test_a_path_may_be_relative_and_go_through_a_link(tmp_path, monkeypatch, name):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to("deep/er")
    monkeypatch.chdir(tmp_path)
    with new_folder(Path(name), "study") as folder:
        assert folder == folder.resolve()  # an index file elsewhere may name what is in it
        fill(folder)
    assert Path(name).exists()


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_nothing_is_left_of_what_failed(tmp_path, name):
    def interrupted() -> None:
        with new_folder(tmp_path / name, "study") as folder:
            fill(folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_is_there_is_not_overwritten(tmp_path, make):
    make(tmp_path / "out")
    with (
        pytest.raises(UserError, match="out: exists already, and is not overwritten"),
        new_folder(tmp_path / "out", "study"),
    ):
        pass


def test_a_name_that_promises_another_format_is_refused(tmp_path):
    with (
        pytest.raises(UserError, match=r"out\.tar\.gz: expected a folder, or a file"),
        new_folder(tmp_path / "out.tar.gz", "study"),
    ):
        pass
    assert not list(tmp_path.iterdir())
