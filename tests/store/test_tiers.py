"""Folders and remote tiers: whole files, by name."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from pj2.errors import UserError
from pj2.store.manifest import Blob
from pj2.store.open import open_store
from pj2.store.tiers import Folder, open_tier


def test_every_tier_does_the_same(remote_address):
    tier = open_tier(remote_address)
    assert tier.names("blobs") == []
    assert tier.size("blobs/ab/x") is None
    with pytest.raises(FileNotFoundError):
        tier.read("blobs/ab/x", Blob.of(b"content").stated)
    tier.remove("blobs/ab/x")
    tier.write("blobs/ab/x", b"content")
    tier.write("blobs/cd/empty", b"")
    tier.write("entries/e", b"other")
    assert tier.read("blobs/ab/x", Blob.of(b"content").stated) == b"content"
    assert tier.size("blobs/ab/x") == 7
    assert tier.size("blobs/cd/empty") == 0
    assert tier.names("blobs") == ["blobs/ab/x", "blobs/cd/empty"]
    tier.write("blobs/ab/x", b"changed")
    assert tier.read("blobs/ab/x", Blob.of(b"changed").stated) == b"changed"
    tier.remove("blobs/ab/x")
    assert tier.names("blobs") == ["blobs/cd/empty"]


def test_files_in_a_folder_are_read_only(tmp_path):
    folder = Folder(tmp_path)
    before = os.umask(0o027)
    try:
        folder.write("a/b", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o440


def test_keep_writes_only_what_is_not_there(tmp_path):
    folder = Folder(tmp_path)
    assert folder.keep("x", b"content")
    os.utime(tmp_path / "x", (1, 1))
    assert not folder.keep("x", b"content")
    assert folder.used("x") > 1
    assert folder.keep("x", b"CONTENT")
    assert (tmp_path / "x").read_bytes() == b"CONTENT"


def test_half_written_files_are_seen_only_as_such(tmp_path):
    folder = Folder(tmp_path)
    folder.write("blobs/ab/x", b"content")
    (tmp_path / "blobs/ab/.tmp-killed").write_bytes(b"con")
    assert folder.names("blobs") == ["blobs/ab/x"]
    assert folder.temporaries() == ["blobs/ab/.tmp-killed"]


def test_a_failed_write_leaves_what_was_there(tmp_path):
    folder = Folder(tmp_path)
    folder.write("x", b"old")
    with pytest.raises(TypeError):
        folder.write("x", "not bytes")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert folder.temporaries() == []


def test_another_users_file_is_marked_as_used(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can act as two users")
    shared = Path(tempfile.mkdtemp())
    try:
        shared.chmod(0o777)
        folder = Folder(shared)
        folder.write("x", b"content")
        os.utime(shared / "x", (1, 1))
        os.seteuid(65534)
        try:
            folder.touch("x", b"content")
        finally:
            os.seteuid(0)
        assert folder.used("x") > 1
        assert (shared / "x").read_bytes() == b"content"
    finally:
        shutil.rmtree(shared)


@pytest.mark.parametrize("address", ["{}/tier", "file://{}/tier"])
def test_a_path_and_a_file_uri_are_folders(tmp_path, address):
    tier = open_tier(address.format(tmp_path))
    tier.write("x", b"content")
    assert (tmp_path / "tier/x").read_bytes() == b"content"


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(open_tier("~/tier")) == f"{tmp_path}/tier"


@pytest.mark.parametrize(
    ("address", "shown", "words"),
    [
        ("s3://bucket/x?regoin=eu", "s3://bucket/x?regoin=***", "unknown option regoin; known are"),
        ("s3://b?secret_key=hunter2", "s3://b?secret_key=***", "keys come from the environment"),
        ("s3://me:hunter2@b/x?region=eu", "s3://***@b/x?region=eu", "no part of the address"),
        ("s3://me:hun/ter2@b", "s3://***@b", "no part of the address"),
        ("pigeon://me:hunter2@loft?pin=hunter2", "pigeon://***@loft?pin=***", "cannot be opened"),
        ("s3:///x", "s3:///x", "no bucket"),
        ("carrier-pigeon://loft", "carrier-pigeon://loft", "cannot be opened"),
    ],
)
def test_an_address_that_cannot_be_understood_is_one_line_without_secrets(address, shown, words):
    with pytest.raises(UserError) as raised:
        open_tier(address)
    (problem,) = raised.value.problems
    assert problem.startswith(f"store.remote: {shown}: ")
    assert words in problem
    assert "hun" not in problem


def test_the_first_tier_is_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for path, words in [("s3://bucket/x", "a folder"), (str(tmp_path / "file"), "is a file")]:
        with pytest.raises(UserError, match=words):
            open_store(path)
