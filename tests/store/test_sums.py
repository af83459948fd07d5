"""Sums tell the files that were made from those that were edited; sha256sum reads them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pj2.store.sums import edited, read_sums, sums_path, write_sums
from pj2.store.verified import VerifiedFiles

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def made(tmp_path):
    """Sums and the files of a job."""
    files = [tmp_path / "tables" / name for name in ("t.csv", "t.md")]
    files[0].parent.mkdir()
    for file, text in zip(files, ("abc", "other"), strict=True):
        file.write_text(text)
    sums = sums_path(tmp_path, "tables/t.csv")
    write_sums(sums, files)
    return sums, files


def test_sums_are_those_of_sha256sum(made):
    sums, files = made
    assert read_sums(sums)["../../tables/t.csv"] == ABC
    check = ["sha256sum", "--check", "--strict", sums.name]
    assert not subprocess.run(check, cwd=sums.parent, check=False).returncode
    assert edited(sums, files) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda sums, one, other: one.write_text("abd"), ["t.csv"]),
        (lambda sums, one, other: one.write_text(""), ["t.csv"]),
        (lambda sums, one, other: shutil.copy(one, other), ["t.md"]),
        (lambda sums, one, other: one.unlink(), []),  # which Snakemake sees
        (lambda sums, one, other: os.utime(one), []),
        (lambda sums, one, other: sums.write_text(""), ["t.csv", "t.md"]),
        (lambda sums, one, other: sums.write_bytes(b"\xff\x00"), ["t.csv", "t.md"]),
        (lambda sums, one, other: sums.write_text(f"{ABC}  t.csv\n"), ["t.csv", "t.md"]),
    ],
    ids=["edited", "emptied", "swapped", "deleted", "touched", "no sums", "damaged", "others"],
)
def test_only_files_that_hold_something_else_are_told(made, change, found, tmp_path):
    sums, files = made
    files_seen = VerifiedFiles(tmp_path / "verified.json")
    assert edited(sums, files, files_seen.sha256) == []
    change(sums, *files)
    lines = edited(sums, files, files_seen.sha256)
    assert [line.split(" is damaged")[0].rpartition("/")[2] for line in lines] == found


def test_without_sums_no_file_passes(made):
    sums, files = made
    sums.unlink()
    (line,) = edited(sums, files)
    assert line.startswith(f"{sums} is missing")
    for file in files:
        file.unlink()
    assert edited(sums, files) == []
