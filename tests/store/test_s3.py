"""The remote tier, as a folder and as a bucket of an S3-compatible server."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import pytest

from pj2.errors import UserError
from pj2.store.manifest import Blob, read_manifest
from pj2.store.open import open_existing
from pj2.store.store import BlobUnavailable
from pj2.store.tiers import Folder, open_tier
from tests.store.made_entries import contents, new_store, predictions_entry, published


@pytest.fixture
def remote(remote_address):
    return open_tier(remote_address)


@pytest.fixture
def first(tmp_path, remote):
    return new_store(tmp_path / "first", remote)


@pytest.fixture
def second(tmp_path, remote):
    return new_store(tmp_path / "second", remote)


@pytest.fixture
def unreachable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return open_tier(f"s3://bucket/x?endpoint_override=127.0.0.1:{port}&scheme=http&region=x")


def pushed(store, **arguments):
    manifest = published(store, **arguments)
    store.push(manifest)
    return manifest


def test_an_entry_is_pushed_whole(first, remote):
    store, said = first
    manifest = pushed(store)
    expected = {blob.name for blob in manifest.blobs} | {manifest.name}
    assert set(remote.names("blobs")) | set(remote.names("entries")) == expected
    assert read_manifest(remote, manifest.name) == manifest
    for blob in manifest.blobs:
        assert remote.read(blob.name, blob.stated) == store.read(blob)
    assert store.local.names("pending") == []
    assert said == []


def test_an_empty_store_reads_through_and_holds_what_it_used(first, second, tmp_path):
    manifest = pushed(first[0])
    store, said = second
    (found,) = store.manifests(manifest.fingerprint)
    assert found == manifest
    for blob in manifest.blobs:
        assert store.has(blob)
        store.fetch(blob, tmp_path / "file")
        assert Blob.of((tmp_path / "file").read_bytes()) == blob
    store.touch(found)
    alone, also_said = new_store(tmp_path / "second")
    assert list(alone.manifests(manifest.fingerprint)) == [manifest]
    for blob in manifest.blobs:
        assert Blob.of(alone.read(blob)) == blob
    assert said == also_said == []


def test_kinds_and_generations_are_told_apart(first, second):
    store = first[0]
    older, newer = pushed(store, accuracies=[0.1]), pushed(store, accuracies=[0.1, 0.2])
    predictions = predictions_entry(store, older.blobs[0].sha256)
    store.publish(predictions)
    store.push(predictions)
    assert list(second[0].manifests(newer.fingerprint)) == [newer, older]
    assert list(second[0].manifests(predictions.fingerprint, "predictions")) == [predictions]


@pytest.mark.parametrize("damaged", [b"CONTENT", b"con"])
def test_a_damaged_remote_blob_is_reported_and_not_used(second, remote, tmp_path, damaged):
    store, said = second
    blob = Blob.of(b"content")
    remote.write(blob.name, damaged)
    with pytest.raises(BlobUnavailable):
        store.fetch(blob, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    assert len(said) == 1
    assert f"{blob.name} is damaged" in said[0]
    assert contents(tmp_path / "second") == {}
    with pytest.raises(BlobUnavailable):
        store.read(blob)


def test_a_damaged_remote_manifest_is_reported_and_not_used(first, second, remote):
    older = pushed(first[0], accuracies=[0.1])
    newer = pushed(first[0], accuracies=[0.1, 0.2])
    remote.write(newer.name, newer.content.replace(b"0.2", b"0.9"))
    store, said = second
    assert list(store.manifests(newer.fingerprint)) == [older]
    assert len(said) == 1
    assert newer.name in said[0]


@pytest.mark.parametrize("damaged", [lambda data: data[:-1] + b"!", lambda data: data[:-1]])
def test_a_damaged_remote_blob_is_replaced_once_it_was_made_again(
    first, second, remote, tmp_path, damaged
):
    manifest = pushed(first[0])
    hit = manifest.blobs[0]
    remote.write(hit.name, damaged(first[0].read(hit)))
    store, said = second
    with pytest.raises(BlobUnavailable):
        store.read(hit)
    assert len(said) == 1
    assert pushed(store) == manifest  # trained again
    third, said = new_store(tmp_path / "third", remote)
    for blob in manifest.blobs:
        assert Blob.of(third.read(blob)) == blob
    assert said == []


def test_a_damaged_remote_manifest_gives_way_to_that_of_the_run_trained_again(
    first, second, remote, tmp_path
):
    hit, other = pushed(first[0], accuracies=[0.1, 0.2]), pushed(first[0], tag="other")
    remote.write(hit.name, hit.content[:-1] + b"!")
    remote.write(other.name, other.content[:-1])
    store, said = second
    assert list(store.all_manifests()) == []
    assert len(said) == 2
    again = pushed(store, accuracies=[0.1, 0.3])
    assert again.fingerprint == hit.fingerprint
    assert set(remote.names("entries")) == {again.name, other.name}
    third, said = new_store(tmp_path / "third", remote)
    assert list(third.manifests(hit.fingerprint)) == [again]
    assert said == []


def test_a_remote_manifest_that_was_mended_meanwhile_stays(first, second, remote):
    older = pushed(first[0], accuracies=[0.1])
    remote.write(older.name, b"damaged")
    store, _ = second
    assert list(store.manifests(older.fingerprint)) == []
    remote.write(older.name, older.content)
    newer = pushed(store, accuracies=[0.1, 0.2])
    assert set(remote.names("entries")) == {older.name, newer.name}


def test_a_huge_remote_file_is_not_read(tmp_path):
    there, _ = new_store(tmp_path / "there")
    manifest = published(there)
    for name in (manifest.name, manifest.blobs[0].name):
        there.local.path(name).chmod(0o644)
        os.truncate(there.local.path(name), 40 << 30)
    store, said = new_store(tmp_path / "store", there.local)
    assert list(store.manifests(manifest.fingerprint)) == []
    with pytest.raises(BlobUnavailable):
        store.read(manifest.blobs[0])
    assert [line.rpartition(" is damaged")[0].rpartition(": ")[2] for line in said] == [
        manifest.name,
        manifest.blobs[0].name,
    ]


def test_damage_here_is_mended_from_there(first, tmp_path):
    store, said = first
    manifest = pushed(store)
    for name in (manifest.name, manifest.blobs[0].name):
        store.local.write(name, b"damaged")
    assert list(store.manifests(manifest.fingerprint)) == [manifest]
    store.fetch(manifest.blobs[0], tmp_path / "file")
    assert len(said) == 2
    assert store.local.size(manifest.blobs[0].name) == manifest.blobs[0].size


def test_a_remote_that_is_not_reachable_is_said_once_and_caught_up_later(
    tmp_path, remote, unreachable
):
    store, said = new_store(tmp_path / "first", unreachable)
    assert list(store.manifests("f" * 64)) == []
    missed = pushed(store)
    assert not store.has(Blob.of(b"never put"))
    assert list(store.manifests(missed.fingerprint)) == [missed]
    assert len(said) == 1
    assert "not reachable" in said[0]
    assert "\n" not in said[0]
    assert len(store.local.names("pending")) == 1

    later, said = new_store(tmp_path / "first", remote)
    also = pushed(later, tag="also")
    assert {missed.name, also.name} == set(remote.names("entries"))
    assert later.local.names("pending") == []
    for blob in missed.blobs:
        assert remote.read(blob.name, blob.stated)
    assert said == []


def test_a_bucket_that_is_not_there_is_not_an_empty_one(tmp_path, s3_options):
    address = f"s3://buckett/x?{s3_options}"
    store, said = new_store(tmp_path / "first", open_tier(address))
    missed = pushed(store)
    assert list(store.manifests("f" * 64)) == []
    assert said == [
        f"store {address}: not reachable (there is no bucket buckett); going on without it"
    ]
    assert len(store.local.names("pending")) == 1
    assert list(store.manifests(missed.fingerprint)) == [missed]
    for path in ("first", "absent"):
        with pytest.raises(UserError) as raised:
            open_existing(str(tmp_path / path), address)
        assert raised.value.problems == (
            f"--remote {address}: cannot be read (there is no bucket buckett)",
        )


def test_a_server_that_says_nothing_is_given_up(tmp_path, s3_options):
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        options = s3_options.replace(s3_options.partition("&")[0], f"endpoint_override={host}")
        store, said = new_store(tmp_path / "store", open_tier(f"s3://bucket/x?{options}"))
        assert list(store.manifests("f" * 64)) == []
        assert not store.has(Blob.of(b"never put"))
        pushed(store)
        server.setblocking(False)
        connections = 0
        with suppress(BlockingIOError):
            while server.accept():
                connections += 1
    assert connections == 2  # it was asked twice for one sign of life, and for nothing else
    assert len(said) == 1
    assert "not reachable" in said[0]


class LosesReads(Folder):
    """A tier that lists its files but fails to read them."""

    def read(self, name, stated):
        raise OSError("connection reset")


def test_a_remote_lost_while_reading_is_said_once(tmp_path):
    store, _ = new_store(tmp_path / "there")
    manifests = [published(store, accuracies=[0.1] * count) for count in (1, 2)]
    reader, said = new_store(tmp_path / "here", LosesReads(tmp_path / "there"))
    assert list(reader.manifests(manifests[0].fingerprint)) == []
    assert len(said) == 1
    assert "not reachable (connection reset)" in said[0]


def test_a_remote_lost_while_pushing(tmp_path, unreachable):
    store, said = new_store(tmp_path / "first", unreachable)
    pushed(store)
    pushed(store, tag="second")
    assert len(said) == 1
    assert len(store.local.names("pending")) == 2


def test_what_was_retired_before_it_was_pushed_is_let_go(tmp_path, remote, unreachable):
    store, _ = new_store(tmp_path / "first", unreachable)
    old = pushed(store, accuracies=[0.1])
    store.retire(old, [])
    later, said = new_store(tmp_path / "first", remote)
    later.push_pending()
    assert remote.names("entries") == []
    assert later.local.names("pending") == []
    assert said == []
