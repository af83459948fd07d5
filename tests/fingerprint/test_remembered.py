"""Digests that are remembered are those of the file as it is now."""

from __future__ import annotations

import pytest

from pj2.fingerprint import syntax
from pj2.fingerprint.remembered import RememberedDigests
from pj2.fingerprint.syntax import source_digests

SOURCE = b"def f(x):\n    return x + 1\n"
OTHER = b"def f(x):\n    return x - 1\n"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.py"
    path.write_bytes(SOURCE)
    return path


@pytest.fixture
def folder(tmp_path, source):
    """A folder in which the digests of `source` are remembered."""
    folder = tmp_path / "remembered"
    digests = RememberedDigests(folder)
    digests.of("source", source)
    digests.save()
    return folder


def test_a_file_is_parsed_once(source, folder, monkeypatch):
    expected = source_digests(SOURCE)
    monkeypatch.setattr(syntax, "source_digests", None)
    assert RememberedDigests(folder).of("source", source) == expected


def test_a_changed_file_is_parsed_again(source, folder):
    source.write_bytes(OTHER)
    assert RememberedDigests(folder).of("source", source) == source_digests(OTHER)


def test_whatever_is_remembered_wrongly_counts_as_absent(source, folder):
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    right = source_digests(SOURCE)
    a_digest = whole.index(next(iter(right.values())).encode())
    for damaged in (
        b"",
        whole[:-10],
        b"\xff" + whole,
        whole[:a_digest] + bytes([whole[a_digest] ^ 1]) + whole[a_digest + 1 :],
    ):
        path.write_bytes(damaged)
        assert RememberedDigests(folder).of("source", source) == right


def test_other_rules_for_digests_parse_again(source, folder, tmp_path, monkeypatch):
    rules = tmp_path / "syntax.py"
    rules.write_text("# other rules")
    monkeypatch.setattr(syntax, "__file__", str(rules))
    monkeypatch.setattr(syntax, "source_digests", lambda *_: {"function f": "0"})
    assert RememberedDigests(folder).of("source", source) == {"function f": "0"}


def test_a_folder_that_cannot_be_written_is_no_fault(source, tmp_path):
    (tmp_path / "file").touch()
    digests = RememberedDigests(tmp_path / "file" / "below")
    assert digests.of("source", source) == source_digests(SOURCE)
    digests.save()
