"""A store on a disk that several nodes share: their clocks, their deaths, and what NFS does."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pj2.errors import UserError
from pj2.store.files import Damaged
from pj2.store.keep import parse_rule
from pj2.store.maintain import clear, verify
from pj2.store.store import BlobUnavailable, RunStore
from pj2.store.tiers import Folder
from pj2.store.transfer import import_entries
from tests.helpers.repository import REPOSITORY
from tests.store.made_entries import contents, files_below, make_old, new_store, published, weights

HOUR = 3600
DAY = 24 * HOUR


# A node that dies


def test_a_writer_killed_at_any_step_leaves_a_store_to_go_on_with(tmp_path):
    command = [sys.executable, "-m", "tests.store.kill_steps", tmp_path]
    trials = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert trials.returncode == 0, trials.stdout + trials.stderr
    steps, left = trials.stdout.removeprefix("steps: ").split(", of which left something: ")
    assert int(steps) > 30
    assert int(left) > 20


# Clocks


@pytest.fixture
def clock(monkeypatch):
    """Set this node's clock ahead, by seconds; the disk's clock stays right."""

    def set_ahead(seconds):
        monkeypatch.setattr(time, "time", lambda: time.time_ns() / 1e9 + seconds)

    return set_ahead


def dated(path: Path, ahead: float) -> None:
    """Date a file as a node does whose clock is ahead, where the disk lets nodes date files."""
    os.utime(path, (path.stat().st_mtime + ahead,) * 2)


def gone(store, *rules, grace=DAY):
    done = clear(store, [parse_rule(rule) for rule in rules], grace=grace)
    return {entry.fingerprint for entry in done.entries}


@pytest.mark.parametrize("ahead", [-40 * DAY, -5 * HOUR, 5 * HOUR, 40 * DAY])
def test_gc_on_a_node_with_a_wrong_clock_goes_by_the_disks(store, clock, ahead):
    old = published(store, tag="old")
    make_old(store.local.root, days=35)
    young = published(store, tag="young")
    blob = store.put(b"about to be referred to")
    half = store.local.root / "blobs/.tmp-of-a-live-writer"
    half.write_bytes(b"half")
    clock(ahead)
    assert gone(store, "30d") == {old.fingerprint}
    assert half.exists()
    assert store.read(blob)
    assert all(store.read(each) for each in young.blobs)


@pytest.mark.parametrize("ahead", [-5 * HOUR, 5 * HOUR])
def test_gc_spares_what_a_node_with_a_wrong_clock_is_writing(store, ahead):
    blob = store.put(b"about to be referred to")
    half = store.local.root / "blobs/.tmp-of-a-live-writer"
    half.write_bytes(b"half")
    entry = published(store)
    for path in files_below(store.local.root):
        dated(path, ahead)
    assert gone(store, "1d") == set()
    assert half.exists()
    assert store.read(blob)
    assert list(store.manifests(entry.fingerprint)) == [entry]
    make_old(store.local.root, days=2)
    assert gone(store, "1d") == {entry.fingerprint}
    assert contents(store.local.root) == {}


def test_a_clock_that_is_ahead_makes_no_entry_the_better_one(store):
    further = published(store, accuracies=[0.1] * 3)
    behind = published(store, accuracies=[0.1] * 2)
    dated(store.local.path(behind.name), 5 * HOUR)
    assert [manifest.epochs for manifest in store.manifests(further.fingerprint)] == [3, 2]


def test_the_disks_clock_leaves_no_trace(store):
    published(store)
    before = contents(store.local.root)
    assert abs(store.local.now() - time.time()) < 60
    assert contents(store.local.root) == before
    nowhere = Folder(store.local.root / "absent")
    assert abs(nowhere.now() - time.time()) < 60
    assert not nowhere.root.exists()


# What another node does in the meantime


class Interfering(Folder):
    """A folder where something happens after a file was read, once for each name."""

    def __init__(self, root, after_read) -> None:
        super().__init__(root)
        self.after_read = after_read

    def read(self, name, stated):
        content = super().read(name, stated)
        action = self.after_read.pop(name, None)
        return content if action is None else action(content)


def interfered(root, after_read):
    said: list[str] = []
    return RunStore(Interfering(root, after_read), say=said.append), said


def test_a_blob_cleared_away_while_it_is_found_again_is_written_again(store, tmp_path):
    blob = store.put(b"content")

    def removed(content):
        store.local.remove(blob.name)
        return content

    other, said = interfered(store.local.root, {blob.name: removed})
    assert other.put(b"content") == blob
    assert other.read(blob) == b"content"
    assert said == []


@pytest.mark.parametrize("what", ["blob", "manifest"])
def test_what_another_node_has_mended_is_not_set_aside(store, tmp_path, what):
    manifest = published(store)
    name = manifest.name if what == "manifest" else manifest.blobs[0].name
    before = contents(store.local.root)

    def was_damaged(content):
        raise Damaged("as it was before", name)

    other, said = interfered(store.local.root, {name: was_damaged})
    assert list(other.manifests(manifest.fingerprint)) == [manifest]
    assert other.read(manifest.blobs[0])
    assert said == []
    assert contents(store.local.root) == before


def test_a_list_that_is_older_than_what_it_lists(store):
    """NFS may list a folder as it was; its writer has since replaced the manifests in it."""
    first, second = (published(store, accuracies=[0.1] * epochs) for epochs in (1, 2))
    old_lists = [[second.name, first.name]]
    for manifest in (first, second):
        store.retire(manifest, [])
    third, fourth = (published(store, accuracies=[0.1] * epochs) for epochs in (3, 4))

    class Late(Folder):
        def names(self, folder, onerror=None):
            return old_lists.pop() if old_lists else super().names(folder, onerror)

    said: list[str] = []
    late = RunStore(Late(store.local.root), say=said.append)
    assert list(late.manifests(first.fingerprint)) == [fourth, third]
    assert said == []


# NFS


def stale(*_, **__):
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), "some file")


def test_a_stale_handle_is_a_file_that_is_gone(store, said, monkeypatch, tmp_path):
    manifest = published(store)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", stale)
        assert list(store.manifests(manifest.fingerprint)) == []
        assert verify(store, said).damaged == 0
        with pytest.raises(BlobUnavailable):
            store.fetch(manifest.blobs[0], tmp_path / "file")
        assert clear(store, [], grace=DAY).entries == []
        patch.setattr(Path, "stat", stale)
        patch.setattr(Path, "unlink", stale)
        assert store.local.size(manifest.name) is None
        assert store.local.used(manifest.name) is None
        store.local.remove(manifest.name)
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", stale)
        assert published(store) == manifest
    assert said == []
    assert store.writable
    assert list(store.manifests(manifest.fingerprint)) == [manifest]


@pytest.mark.parametrize("done", [True, False])
def test_a_rename_whose_answer_was_lost_is_asked_for_again(store, said, monkeypatch, done):
    """NFS then says that there is no such file: it may or may not have been renamed."""
    replace, failures = os.replace, [FileNotFoundError(errno.ENOENT, "No such file")]

    def lossy(source, target):
        if not failures or done:
            replace(source, target)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(os, "replace", lossy)
    blob = store.put(b"content")
    assert store.read(blob) == b"content"
    assert store.local.temporaries() == [] == said


def test_no_file_leaves_its_folder_to_be_renamed(store, monkeypatch):
    """A rename across folders fails on some file systems, and across disks on all."""
    replace = os.replace

    def within_a_folder(source, target):
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    monkeypatch.setattr(os, "replace", within_a_folder)
    manifest = published(store)
    assert list(store.manifests(manifest.fingerprint)) == [manifest]


def test_what_cannot_be_set_aside_is_mended_where_it_is(store, said, monkeypatch):
    blob = store.put(b"content")
    store.local.write(blob.name, b"damaged")

    def across(*_):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "rename", across)
    with pytest.raises(BlobUnavailable):
        store.read(blob)
    assert len(said) == 1
    assert f"was left there ({os.strerror(errno.EXDEV)})" in said[0]
    store.put(b"content")
    assert store.read(blob) == b"content"


def test_gc_refuses_where_a_folder_of_manifests_cannot_be_listed():
    """What is not listed is not known to be needed."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as two users")
    shared = Path(tempfile.mkdtemp())
    try:
        store, _ = new_store(shared)
        manifest = published(store)
        hidden = store.local.path(manifest.name).parent.parent
        make_old(shared, days=9)
        os.chmod(shared, 0o777)
        os.chmod(hidden, 0o700)
        before = contents(shared)
        os.seteuid(65534)
        try:
            with pytest.raises(UserError, match=r"cannot be read .* so gc cannot know"):
                clear(store, [], grace=0)
        finally:
            os.seteuid(0)
        assert contents(shared) == before
    finally:
        shutil.rmtree(shared)


def test_files_that_nobody_sent_do_not_stop_an_import(store, tmp_path):
    manifest = published(store)
    (store.local.path(weights(manifest, 0).name).parent / ".nfs0000000000ab").write_bytes(b"gone")
    other, _ = new_store(tmp_path / "other")
    problems: list[str] = []
    assert import_entries(other, store.local.root, problems).manifests == 1
    assert problems == []
