"""The store hands out what it verified, and fails in one line."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from pj2.store.manifest import Blob, Manifest
from pj2.store.store import BlobUnavailable
from tests.store.made_entries import (
    contents,
    files_below,
    flip_byte,
    mount,
    new_store,
    published,
    run_entry,
)

TIMES = 12


def names(manifests):
    return [manifest.name for manifest in manifests]


def test_what_was_published_is_found_and_fetched(store, said, tmp_path):
    blob = store.put(b"content")
    manifest = Manifest("run", "f" * 64, {"settings": {}}, {"blob": blob.as_json()}, 1)
    assert store.publish(manifest)
    again, _ = new_store(tmp_path / "store")
    assert list(again.manifests("f" * 64)) == [manifest]
    assert list(again.manifests("f" * 64, "predictions")) == []
    assert list(again.manifests("e" * 64)) == []
    again.fetch(blob, tmp_path / "out/file")
    assert (tmp_path / "out/file").read_bytes() == again.read(blob) == b"content"
    assert said == []
    assert sorted(contents(store.local.root)) == sorted([blob.name, manifest.name])
    for path in files_below(store.local.root):
        assert stat.S_IMODE(path.stat().st_mode) == 0o444 & ~umask()


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


def test_a_fetched_file_can_be_written_to_without_harm(store, tmp_path):
    blob = store.put(b"content")
    store.fetch(blob, tmp_path / "file")
    (tmp_path / "file").write_bytes(b"changed")
    assert store.read(blob) == b"content"


def test_the_most_advanced_manifest_comes_first(store):
    made = [published(store, accuracies=[0.1] * count) for count in (1, 3, 2)]
    within = Manifest("run", made[0].fingerprint, made[0].inputs, made[2].body, epochs=2, steps=5)
    store.publish(within)
    found = names(store.manifests(made[0].fingerprint))
    assert found == names([made[1], within, made[2], made[0]])


@pytest.mark.parametrize("damage", [flip_byte, lambda path: os.truncate(path, 3)])
@pytest.mark.parametrize("use", ["fetch", "read"])
def test_a_damaged_blob_is_set_aside_and_put_again_heals(store, said, tmp_path, damage, use):
    blob = store.put(b"content")
    damage(store.local.path(blob.name))

    def get():
        if use == "read":
            return store.read(blob)
        store.fetch(blob, tmp_path / "file")
        return (tmp_path / "file").read_bytes()

    with pytest.raises(BlobUnavailable):
        get()
    assert not (tmp_path / "file").exists()
    assert len(said) == 1
    assert f"{blob.name} is damaged; it is not used, and was set aside" in said[0]
    (path,) = files_below(store.local.root)
    assert path.parent.name == "damaged"
    assert path.name.startswith(blob.sha256)
    with pytest.raises(BlobUnavailable):
        get()
    assert len(said) == 1
    assert store.put(b"content") == blob
    assert get() == b"content"


@pytest.mark.parametrize("damage", [flip_byte, lambda path: os.truncate(path, 3)])
def test_put_heals_what_nobody_noticed(store, said, damage):
    blob = store.put(b"content")
    damage(store.local.path(blob.name))
    store.put(b"content")
    assert store.read(blob) == b"content"
    assert said == []


def test_a_damaged_manifest_is_set_aside_and_the_one_before_is_used(store, said):
    older, newer = published(store, accuracies=[0.1]), published(store, accuracies=[0.1, 0.2])
    flip_byte(store.local.path(newer.name))
    assert names(store.manifests(newer.fingerprint)) == [older.name]
    assert len(said) == 1
    assert newer.name in said[0]
    assert names(store.manifests(newer.fingerprint)) == [older.name]
    assert len(said) == 1
    assert store.publish(newer)
    assert names(store.manifests(newer.fingerprint)) == [newer.name, older.name]


def test_a_blob_that_is_not_there(store, said, tmp_path):
    blob = Blob.of(b"never put")
    assert not store.has(blob)
    with pytest.raises(BlobUnavailable):
        store.read(blob)
    with pytest.raises(BlobUnavailable):
        store.fetch(blob, tmp_path / "file")
    assert said == []


def test_what_a_killed_writer_left_is_ignored(store, said):
    manifest = published(store)
    for name in (manifest.name, manifest.blobs[0].name):
        half = store.local.path(name).parent / ".tmp-killed.json"
        half.write_bytes(store.local.path(name).read_bytes()[:10])
    assert names(store.manifests(manifest.fingerprint)) == [manifest.name]
    assert names(store.all_manifests()) == [manifest.name]
    assert said == []


def test_a_writer_killed_before_its_manifest_leaves_no_entry(store, said):
    manifest = run_entry(store)
    assert list(store.manifests(manifest.fingerprint)) == []
    assert store.publish(run_entry(store))
    assert names(store.manifests(manifest.fingerprint)) == [manifest.name]
    assert said == []


def test_a_read_only_store_says_so_once_and_goes_on(small_disk, tmp_path):
    before = published(new_store(small_disk / "store")[0])
    mount("-o", "remount,ro", str(small_disk))
    store, said = new_store(small_disk / "store")
    assert names(store.manifests(before.fingerprint)) == [before.name]
    store.touch(before)
    store.fetch(before.blobs[0], tmp_path / "file")
    assert store.put(store.read(before.blobs[0])) == before.blobs[0]
    assert said == []
    manifest = run_entry(store, tag="new")
    assert not store.publish(manifest)
    store.push(manifest)
    store.retire(before, before.blobs)
    assert len(said) == 1
    assert "Read-only file system" in said[0]
    for blob in manifest.blobs:
        store.fetch(blob, tmp_path / "file")
        assert Blob.of((tmp_path / "file").read_bytes()) == blob


def test_damage_in_a_read_only_store_is_left_there(small_disk):
    blob = new_store(small_disk)[0].put(b"content")
    flip_byte(small_disk / blob.name)
    mount("-o", "remount,ro", str(small_disk))
    store, said = new_store(small_disk)
    with pytest.raises(BlobUnavailable):
        store.read(blob)
    assert len(said) == 1
    assert "left there (Read-only file system)" in said[0]


def test_a_full_disk_is_said_once_and_memory_takes_over(small_disk, tmp_path):
    store, said = new_store(small_disk)
    before = store.put(b"fits")
    large = os.urandom(2 << 20)
    blob = store.put(large)
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert "can be neither resumed nor reused" in said[0]
    store.fetch(blob, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == store.read(blob) == large
    assert store.has(blob)
    assert store.put(b"fits too").name not in contents(small_disk)
    assert not store.publish(Manifest("run", "f" * 64, {}, {"blob": blob.as_json()}))
    assert len(said) == 1
    assert list(contents(small_disk)) == [before.name]
    store.forget(blob)
    assert not store.has(blob)


def test_a_full_disk_at_the_manifest(small_disk):
    store, said = new_store(small_disk)
    blob = store.put(b"fits")
    large = Manifest("run", "f" * 64, {}, {"blob": blob.as_json(), "text": "x" * (2 << 20)})
    assert not store.publish(large)
    assert len(said) == 1
    assert list(contents(small_disk)) == [blob.name]


def write_many(root: str, who: str) -> None:
    """Publish the same entry as the other writer, and entries of its own, many times."""
    store, said = new_store(Path(root))
    for time in range(TIMES):
        for tag in ("shared", f"{who} {time}"):
            manifest = published(store, tag=tag)
            for blob in manifest.blobs:  # over the file that is there, as put does for damaged ones
                store.local.write(blob.name, store.read(blob))
            store.local.write(manifest.name, manifest.content)
    assert said == []


def test_writers_and_a_reader_at_once_never_see_half(tmp_path):
    store, said = new_store(tmp_path / "store")
    shared = run_entry(new_store(tmp_path / "other")[0], tag="shared")
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write_many, args=(str(tmp_path / "store"), who)) for who in "ab"
    ]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        for manifest in store.all_manifests():
            for blob in manifest.blobs:
                assert Blob.of(store.read(blob)) == blob
            seen += 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen > 0
    assert said == []
    assert len(names(store.all_manifests())) == 2 * TIMES + 1
    assert names(store.manifests(shared.fingerprint)) == [shared.name]
    assert store.local.temporaries() == []
