"""Hashes that are remembered as long as a file is the same."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress

import pytest

from pj2.store import verified
from pj2.store.records import write_record
from pj2.store.verified import VerifiedFiles


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture
def hashed(monkeypatch):
    """The files that were read; files that are seconds old count as settled."""
    read = []

    def sha256_file(path):
        read.append(os.path.basename(path))
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()

    monkeypatch.setattr(verified, "sha256_file", sha256_file)
    monkeypatch.setattr(verified, "_SETTLED_NANOSECONDS", -(10**9))
    return read


def test_a_file_is_hashed_once_by_all_processes(tmp_path, file, hashed):
    cache = tmp_path / ".pj2" / "verified.json"
    digest = hashlib.sha256(b"some bytes").hexdigest()
    files = VerifiedFiles(cache)
    assert files.sha256(file) == files.sha256(str(file)) == digest
    files.save()
    assert VerifiedFiles(cache).sha256(file) == digest
    assert hashed == ["weights"]


def test_one_file_under_two_names(tmp_path, file, hashed, monkeypatch):
    files = VerifiedFiles(tmp_path / "verified.json")
    files.sha256(file)
    monkeypatch.chdir(tmp_path)
    files.sha256("./weights")
    assert hashed == ["weights"]


def test_it_is_saved_where_it_was_read(tmp_path, file, hashed, monkeypatch):
    """Snakemake goes back to the folder that it was started in before it ends."""
    monkeypatch.chdir(tmp_path)
    files = VerifiedFiles()
    files.sha256(file)
    (tmp_path / "started here").mkdir()
    monkeypatch.chdir(tmp_path / "started here")
    files.save()
    assert list((tmp_path / "started here").iterdir()) == []
    assert (tmp_path / ".pj2" / "verified.json").exists()


def test_damage_of_the_same_size_and_time_is_seen(tmp_path, file, hashed):
    files = VerifiedFiles(tmp_path / "verified.json")
    files.sha256(file)
    times = file.stat()
    file.write_bytes(b"some bytez")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # ctime tells
    assert files.sha256(file) == hashlib.sha256(b"some bytez").hexdigest()


def test_a_file_that_was_replaced_is_hashed_again(tmp_path, file, hashed):
    files = VerifiedFiles(tmp_path / "verified.json")
    files.sha256(file)
    other = tmp_path / "other"
    other.write_bytes(b"more bytes")
    other.replace(file)
    assert files.sha256(file) == hashlib.sha256(b"more bytes").hexdigest()


def test_a_file_that_was_just_written_is_not_remembered(tmp_path, file):
    files = VerifiedFiles(tmp_path / "verified.json")
    files.sha256(file)
    files.save()
    assert not (tmp_path / "verified.json").exists()


def test_a_missing_file_is_an_error_and_is_forgotten(tmp_path, file, hashed):
    cache = tmp_path / "verified.json"
    files = VerifiedFiles(cache)
    files.sha256(file)
    other = tmp_path / "other"
    other.write_bytes(b"")
    files.sha256(other)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        files.sha256(file)
    files.save()
    assert list(json.loads(cache.read_text())["files"]) == [str(other)]


def test_nothing_new_is_not_written(tmp_path, file, hashed):
    cache = tmp_path / "verified.json"
    files = VerifiedFiles(cache)
    files.sha256(file)
    files.save()
    before = cache.stat().st_ino
    again = VerifiedFiles(cache)
    again.sha256(file)
    again.save()
    files.save()
    assert cache.stat().st_ino == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"NAME": 1}',
        b'{"NAME": [1, 2]}',
        b'{"NAME": [1, 2, 3, 4, 5]}',
        b'{"NAME": [null, 2, 3, 4, "0"]}',
    ],
)
def test_a_damaged_cache_is_ignored_and_written_anew(tmp_path, file, hashed, content):
    cache = tmp_path / "verified.json"
    cache.write_bytes(content.replace(b"NAME", str(file).encode()))
    with suppress(ValueError):  # the digest is the right one, whatever it says
        write_record(cache, {"files": json.loads(cache.read_bytes())})
    files = VerifiedFiles(cache)
    digest = hashlib.sha256(b"some bytes").hexdigest()
    assert files.sha256(file) == digest
    files.save()
    assert VerifiedFiles(cache).sha256(file) == digest
    assert hashed == ["weights"]


def test_a_hash_that_somebody_wrote_into_the_cache_is_not_believed(tmp_path, file, hashed):
    cache = tmp_path / "verified.json"
    files = VerifiedFiles(cache)
    digest = files.sha256(file)
    files.save()
    cache.write_text(cache.read_text().replace(digest, "0" * 64))
    assert VerifiedFiles(cache).sha256(file) == digest


def test_where_nothing_can_be_written_nothing_is_said(tmp_path, file, hashed):
    files = VerifiedFiles(file / "no folder" / "verified.json")
    files.sha256(file)
    files.save()
