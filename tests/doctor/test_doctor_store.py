"""Stores that are sound, damaged, unreadable or out of reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pj2.config.schema import StoreConfig
from pj2.doctor import store as module
from pj2.doctor.examine import examine
from pj2.doctor.store import check_remote, check_store
from pj2.store.files import write_json
from pj2.store.manifest import Manifest
from pj2.store.store import RunStore
from pj2.store.tiers import Folder


@pytest.fixture
def store(here):
    """A store with an entry of two blobs."""
    made = RunStore(Folder("store"), None, print)
    blobs = {name: made.put(name.encode() * 50).as_json() for name in ("weights", "optimizer")}
    body = {"epochs": [], "state": {**blobs, "partial": None, "steps": 0, "seconds": 0.0}}
    assert made.publish(Manifest("run", "ab" * 32, {"settings": {}}, body, 1, 0))
    return made


def damage(store, content=lambda old: b"?" * len(old)):
    path = store.local.path(store.local.names("blobs")[0])
    old = path.read_bytes()
    path.unlink()
    path.write_bytes(content(old))


def statuses(findings):
    return [finding.status for finding in findings]


def test_none_yet(subject):
    (finding,) = check_store(subject())
    assert finding.status == "ok"
    assert not Path("store").exists()


@pytest.mark.parametrize("thorough", [False, True])
def test_an_intact_one(subject, store, thorough):
    (finding,) = check_store(subject(thorough=thorough))
    assert finding.status == "ok", finding


@pytest.mark.parametrize("thorough", [False, True])
def test_a_damaged_blob_is_found_and_then_remembered(subject, store, thorough):
    damage(store)
    found = list(check_store(subject(thorough=thorough)))
    assert "problem" in statuses(found)
    assert "is damaged" in found[0].found
    again = list(check_store(subject()))
    assert [f.advice.partition(",")[0] for f in again if f.status == "warning"] == ["look at them"]


def test_a_blob_that_is_cut_short(subject, store):
    damage(store, lambda old: old[:-1])
    (finding,) = check_store(subject())
    assert finding.status == "problem"
    assert "missing or cut short" in finding.found


def test_without_a_thorough_look_only_so_much_is_read(subject, store, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_BYTES", 10)
    damage(store)
    assert statuses(check_store(subject())) == ["ok"]
    assert "problem" in statuses(check_store(subject(thorough=True)))


def test_a_store_that_cannot_be_written(subject, store, monkeypatch):
    monkeypatch.setattr(module, "unwritable", lambda _: "Read-only file system")
    first, second = check_store(subject())
    assert (first.status, second.status) == ("problem", "ok")
    assert "Read-only file system" in first.found


def test_a_store_that_is_a_file(here):
    Path("store").write_text("not a folder")
    found = [f for f in examine(Path("config.yaml")) if f.what in ("store", "disk")]
    assert statuses(found) == ["problem", "problem"]
    assert "is a file" in found[0].found


def test_a_store_that_cannot_be_read(here, store, monkeypatch):
    def refuse(self, name, stated):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Folder, "read", refuse)
    found = [f for f in examine(Path("config.yaml")) if f.what == "store"]
    assert "problem" in statuses(found)
    assert "Permission denied" in found[0].found


def with_remote(subject, address):
    return replace(subject, store=StoreConfig(path="store", remote=address))


def test_a_remote_folder(subject, store, here):
    (finding,) = check_remote(with_remote(subject(), str(here / "absent")))
    assert finding.status == "warning"
    (here / "remote").mkdir()
    (finding,) = check_remote(with_remote(subject(), str(here / "remote")))
    assert finding.status == "ok"
    write_json(here / "store" / "pending" / "entry", {})
    (finding,) = check_remote(with_remote(subject(), str(here / "remote")))
    assert finding.status == "warning"
    assert "1 entry waits" in finding.found


def test_a_bucket_out_of_reach(subject, here, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    address = "s3://bucket/pj2?endpoint_override=127.0.0.1:9&scheme=http&region=none"
    (finding,) = check_remote(with_remote(subject(), address))
    assert finding.status == "warning"
    assert "not reachable" in finding.found


def test_no_remote(subject):
    assert list(check_remote(subject())) == []
